package decode

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFrameRoundTrip(t *testing.T) {
	var b bytes.Buffer
	in := Job{Op: OpDecode, Path: []byte("a\xff\nb"), TileSize: 224, Ask: true, MaxPixels: 1, MaxFileBytes: 2}
	if err := WriteFrame(&b, FrameJob, in, []byte("blob"), []byte("s")); err != nil {
		t.Fatal(err)
	}
	f, err := ReadFrame(&b, MaxJobFrame)
	if err != nil || string(f.Blob) != "blobs" {
		t.Fatalf("got %q, %v", f.Blob, err)
	}
	out, err := ReadJob(f)
	if err != nil || string(out.Path) != string(in.Path) || out.TileSize != 224 || !out.Ask {
		t.Fatalf("got %+v, %v", out, err)
	}
	if _, err := ReadFrame(&b, MaxJobFrame); err != io.EOF {
		t.Fatalf("got %v, want io.EOF", err)
	}
}

func TestMalformedFrames(t *testing.T) {
	for name, s := range map[string]string{
		"half a head":     "\x05\x00\x00",
		"no length":       "\x00\x00\x00\x00\x01\x00\x00\x00\x00",
		"too long":        "\xff\xff\xff\x7f\x01\x00\x00\x00\x00",
		"type 0":          "\x05\x00\x00\x00\x00\x00\x00\x00\x00",
		"type 99":         "\x05\x00\x00\x00\x63\x00\x00\x00\x00",
		"JSON past end":   "\x06\x00\x00\x00\x01\x02\x00\x00\x00{",
		"cut in its body": "\x0a\x00\x00\x00\x01\x02\x00\x00\x00{}",
	} {
		_, err := ReadFrame(strings.NewReader(s), MaxJobFrame)
		if !errors.Is(err, ErrFrame) || err == io.EOF {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := ReadJob(Frame{Type: FrameHello, JSON: []byte("{}")}); !errors.Is(err, ErrFrame) {
		t.Errorf("hello as job: got %v", err)
	}
}

// talk is what a worker may say about one photo, for the fuzzer to start from.
func talk(frames ...any) []byte {
	var b bytes.Buffer
	for _, f := range frames {
		switch f := f.(type) {
		case Opened:
			_ = WriteFrame(&b, FrameOpened, f)
		case Hashed:
			_ = WriteFrame(&b, FrameHashed, f)
		case Done:
			_ = WriteFrame(&b, FrameDone, f, make([]byte, 16*16*3), []byte("thumb"))
		}
	}
	return b.Bytes()
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// FuzzAnswer: whatever a worker says, the parent returns a photo that holds what it promises, or an error.
func FuzzAnswer(f *testing.F) {
	h := Hashed{SHA256: make([]byte, 32), SizeBytes: 5}
	d := Done{Format: "jpeg", Width: 5, Height: 6, Orientation: 6, TileHash: make([]byte, 32), Exif: Exif{Make: "x"}}
	f.Add(talk(Opened{5}, h, d), true)
	f.Add(talk(Opened{5}, h, Done{Known: true}), true)
	f.Add(talk(h, Done{Digest: make([]byte, 32)}), false)
	f.Add(talk(Done{Reason: Damaged, Detail: "d"}), false)
	f.Add(talk(h, h, d), true)
	f.Fuzz(func(t *testing.T, b []byte, ask bool) {
		for _, op := range []Op{OpDecode, OpDigest} {
			p := &process{in: nopCloser{io.Discard}, r: bufio.NewReader(bytes.NewReader(b))}
			job := Job{Op: op, Path: []byte("p"), TileSize: 16, Ask: ask, MaxPixels: 100, MaxFileBytes: 1 << 20}
			a, err := p.exchange(job, func([32]byte) bool { return true }, func(size int64) {
				if size < 0 || size > job.MaxFileBytes {
					t.Fatalf("opened with %d bytes", size)
				}
			})
			if err != nil {
				if s, ok := errors.AsType[*SkipError](err); ok && (!s.Reason.Valid() || s.Err == nil) {
					t.Fatalf("skip without a reason: %+v", s)
				}
				continue
			}
			checkPhoto(t, op, a)
		}
	})
}

func checkPhoto(t *testing.T, op Op, a answer) {
	ph := a.photo
	if op == OpDigest || ph.Known {
		return
	}
	if len(ph.Tile) != 16*16*3 || ph.Width < 1 || ph.Height < 1 || ph.Orientation < 1 || ph.Orientation > 8 || len(ph.Thumb) > maxThumb {
		t.Fatalf("bad photo: %+v", ph.Facts)
	}
	if !utf8.ValidString(ph.Exif.Caption) || len(ph.Exif.Caption) > MaxText {
		t.Fatalf("bad caption")
	}
	if _, err := json.Marshal(ph.Exif); err != nil { // NaN and infinity are not JSON
		t.Fatal(err)
	}
}

// FuzzJob: whatever reaches a worker, a job is whole or refused.
func FuzzJob(f *testing.F) {
	var b bytes.Buffer
	_ = WriteFrame(&b, FrameJob, Job{Op: OpDecode, Path: []byte("p"), TileSize: 224, MaxPixels: 1, MaxFileBytes: 1})
	f.Add(b.Bytes())
	_ = WriteFrame(&b, FrameWanted, Wanted{Decode: true})
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		for {
			fr, err := ReadFrame(r, MaxJobFrame)
			if err != nil {
				return
			}
			if len(fr.JSON)+len(fr.Blob) > MaxJobFrame {
				t.Fatalf("a frame of %d bytes came through", len(fr.JSON)+len(fr.Blob))
			}
			if _, err := ReadWanted(fr); err == nil && fr.Type != FrameWanted {
				t.Fatal("another frame taken for wanted")
			}
			if j, err := ReadJob(fr); err == nil && (len(j.Path) == 0 || j.TileSize > maxTileSide || j.MaxPixels < 1) {
				t.Fatalf("bad job came through: %+v", j)
			}
		}
	})
}

func TestReasons(t *testing.T) {
	for _, r := range Reasons() {
		if !r.Valid() || !strings.HasSuffix(r.Text(), ".") || len(r.Text()) < 20 {
			t.Errorf("%s: %q", r, r.Text())
		}
		if len(r.Text()) > 110 {
			t.Errorf("%s: a sentence of %d bytes", r, len(r.Text()))
		}
	}
	if len(Reasons()) != len(reasonTexts) {
		t.Errorf("%d reasons listed, %d with a text", len(Reasons()), len(reasonTexts))
	}
	if Reason("x").Valid() || Reason("x").Remember() || Changed.Remember() || Unreadable.Remember() || !Crashed.Remember() || !Damaged.Remember() {
		t.Error("a verdict is remembered that should not be, or the other way round")
	}
}
