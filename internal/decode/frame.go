package decode

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A frame is: u32 length of what follows (little endian), one byte of type, u32 length of the JSON, the JSON, and a blob
// (the tile and the thumbnail) to the end. JSON for the facts because they are small and change; a blob for the pixels
// because they are neither.

// FrameType tells frames apart.
type FrameType byte

// The frames. A worker says hello once; then, for each Job: Opened, Hashed, and, where the Job asks, waits for Wanted;
// then Done.
const (
	FrameHello  FrameType = 1 + iota // worker: Hello
	FrameJob                         // parent: Job
	FrameOpened                      // worker: Opened, so that the parent can grow the deadline with the size
	FrameHashed                      // worker: Hashed
	FrameWanted                      // parent: Wanted
	FrameDone                        // worker: Done, blob: tile then thumbnail
)

const (
	frameHead = 9 // length, type, length of JSON
	// MaxJobFrame bounds what a worker accepts: a path and a few numbers.
	MaxJobFrame = 64 << 10
	maxJSON     = 256 << 10
	maxThumb    = 256 << 10
	maxTileSide = 1024
	// maxAnswerFrame bounds what the parent accepts: the largest tile, its thumbnail, the facts.
	maxAnswerFrame = maxTileSide*maxTileSide*3 + maxThumb + maxJSON + frameHead
)

// ErrFrame is at the root of every error about bytes that are no frame.
var ErrFrame = errors.New("malformed frame")

// Frame is one message; Blob is nil unless the type has one.
type Frame struct {
	Type FrameType
	JSON []byte
	Blob []byte
}

// WriteFrame writes one frame whose JSON is v and whose blob is the blobs put together.
func WriteFrame(w io.Writer, t FrameType, v any, blobs ...[]byte) error {
	js, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode frame %d: %w", t, err)
	}
	n := 1 + 4 + len(js)
	for _, b := range blobs {
		n += len(b)
	}
	// One buffer and one write: half a frame never waits in the pipe for want of a second system call.
	buf := make([]byte, 0, 4+n)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(n))
	buf = append(buf, byte(t))
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(js)))
	buf = append(buf, js...)
	for _, b := range blobs {
		buf = append(buf, b...)
	}
	_, err = w.Write(buf)
	return err
}

// ReadFrame reads one frame of at most limit bytes. io.EOF means that the stream ended between two frames.
func ReadFrame(r io.Reader, limit int) (Frame, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return Frame{}, err // io.EOF: a clean end
	}
	if _, err := io.ReadFull(r, head[1:]); err != nil {
		return Frame{}, fmt.Errorf("%w: cut in its head: %w", ErrFrame, noEOF(err))
	}
	n, nj := int64(binary.LittleEndian.Uint32(head[:])), int64(binary.LittleEndian.Uint32(head[5:]))
	switch t := FrameType(head[4]); {
	case n < 5 || n+4 > int64(limit):
		return Frame{}, fmt.Errorf("%w: length %d, limit %d", ErrFrame, n, limit)
	case t < FrameHello || t > FrameDone:
		return Frame{}, fmt.Errorf("%w: type %d", ErrFrame, t)
	case nj > n-5 || nj > maxJSON:
		return Frame{}, fmt.Errorf("%w: %d bytes of JSON in a frame of %d", ErrFrame, nj, n)
	}
	body := make([]byte, n-5)
	if _, err := io.ReadFull(r, body); err != nil {
		return Frame{}, fmt.Errorf("%w: cut in its body: %w", ErrFrame, noEOF(err))
	}
	f := Frame{Type: FrameType(head[4]), JSON: body[:nj:nj]}
	if int64(len(body)) > nj {
		f.Blob = body[nj:]
	}
	return f, nil
}

// noEOF keeps the end of the stream inside a frame from looking like a clean end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// as decodes the frame's JSON into v after checking that it is of the type expected.
func (f Frame) as(t FrameType, v any) error {
	if f.Type != t {
		return fmt.Errorf("%w: type %d where %d was due", ErrFrame, f.Type, t)
	}
	if err := json.Unmarshal(f.JSON, v); err != nil {
		return fmt.Errorf("%w: type %d: %w", ErrFrame, t, err)
	}
	return nil
}
