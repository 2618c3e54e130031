package worker

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/internal/decode/format"
)

// file is a photo's bytes, read once.
type file struct {
	data   []byte // shares the session's buffer: valid until the next read
	kind   format.Kind
	hashed decode.Hashed
}

// chunk is how much is read and hashed at once: the hash finds it in the cache.
const chunk = 256 << 10

// read reads a whole file that begins like a photo. What does not is not read beyond its first bytes, however large.
func (s *session) read(path string, maxBytes int64) (file, error) {
	// No link is followed, so that what is read is what was walked over; a pipe does not block the open.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return file{}, openError(err)
	}
	defer func() { _ = f.Close() }() // only read from
	before, err := f.Stat()
	if err != nil {
		return file{}, skipf(decode.Unreadable, "%w", bare(err))
	}
	if !before.Mode().IsRegular() {
		return file{}, skipf(decode.Unreadable, "it is not a regular file but %s", typeName(before.Mode()))
	}
	size := before.Size()
	if size == 0 {
		return file{}, skipf(decode.Empty, "0 bytes")
	}
	s.grow(int(min(size+1, format.HeadBytes)))
	n, err := io.ReadFull(f, s.buf[:min(size, format.HeadBytes)])
	if err != nil {
		return file{}, readError(err)
	}
	kind, err := kindOf(s.buf[:n])
	if err != nil {
		return file{}, err
	}
	if size > maxBytes {
		return file{}, skipf(decode.TooLarge, "the file has %d bytes, the limit is %d", size, maxBytes)
	}
	if err := decode.WriteFrame(s.out, decode.FrameOpened, decode.Opened{SizeBytes: size}); err != nil {
		return file{}, fmt.Errorf("send size: %w", err)
	}
	sum, err := s.readRest(f, n, int(size))
	if err != nil {
		return file{}, err
	}
	after, err := f.Stat()
	if err != nil {
		return file{}, skipf(decode.Unreadable, "%w", bare(err))
	}
	if after.Size() != size || !after.ModTime().Equal(before.ModTime()) {
		return file{}, skipf(decode.Changed, "its size or time changed between the first and the last byte read")
	}
	h := decode.Hashed{SHA256: sum[:], SizeBytes: size, MtimeNS: before.ModTime().UnixNano()}
	h.Device, h.Inode = identity(before)
	return file{data: s.buf[:size:size], kind: kind, hashed: h}, nil
}

// grow makes room for n bytes and keeps what is there.
func (s *session) grow(n int) {
	if cap(s.buf) < n {
		// Photos of one camera differ a little in size; a bit more saves making the buffer again for each.
		b := make([]byte, n+n/8)
		copy(b, s.buf)
		s.buf = b
	}
	s.buf = s.buf[:cap(s.buf)]
}

// readRest reads what follows the first n bytes and hashes all. The file must end at size.
func (s *session) readRest(f *os.File, n, size int) ([32]byte, error) {
	// Asked before, not refused after: a runtime that is denied memory may crash in any way.
	if size > cap(s.buf) && residentBytes()+int64(size) > s.memoryLimit {
		return [32]byte{}, skipf(decode.Memory, "its %d bytes are more than a decoder may hold", size)
	}
	s.grow(size + 1) // one more, to see that there is no more
	h := sha256.New()
	h.Write(s.buf[:n])
	for {
		m, err := f.Read(s.buf[n:min(n+chunk, size+1)])
		h.Write(s.buf[n : n+m])
		n += m
		switch {
		case n > size:
			return [32]byte{}, skipf(decode.Changed, "it grew while it was read")
		case errors.Is(err, io.EOF) && n == size:
			return [32]byte(h.Sum(nil)), nil
		case err != nil:
			return [32]byte{}, readError(err)
		}
	}
}

// kindOf judges a file by its first bytes.
func kindOf(head []byte) (format.Kind, error) {
	kind := format.Detect(head)
	if kind != format.Unknown {
		return kind, nil
	}
	text, isPicture := format.Describe(head)
	if isPicture && len(head) < 16 {
		return kind, skipf(decode.Truncated, "it is %s", text)
	}
	if isPicture {
		return kind, skipf(decode.Unsupported, "it is %s", text)
	}
	if text == unknownText {
		// Transfers that went wrong leave a photo behind some foreign bytes.
		if _, ok := format.FindJPEG(head); ok {
			return format.JPEG, nil
		}
	}
	return kind, skipf(decode.NotAPhoto, "it is %s", text)
}

// unknownText is Describe's answer for what begins like nothing known.
var unknownText, _ = format.Describe([]byte{1, 2, 3, 4})

func openError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return skipf(decode.Gone, "%w", bare(err))
	case errors.Is(err, syscall.ELOOP):
		return skipf(decode.Changed, "it is a symbolic link now")
	}
	return skipf(decode.Unreadable, "%w", bare(err))
}

func readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return skipf(decode.Changed, "it became shorter while it was read")
	}
	return skipf(decode.Unreadable, "%w", bare(err))
}

// bare takes the path off an error: whoever lists skipped photos names them anyway.
func bare(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", pe.Op, pe.Err)
	}
	return err
}

func typeName(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "of another kind"
}

// identity is the file's device and inode, whose types differ between systems.
func identity(fi fs.FileInfo) (device, inode uint64) {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Dev), uint64(st.Ino) //nolint:unconvert // int32 on darwin
	}
	return 0, 0
}
