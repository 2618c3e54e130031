package worker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dupfind/dupfind/internal/decode"
)

// drawing is a picture whose quarters differ, so that a turn shows: red, green, blue, white from the top left, row by row.
func drawing(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{R: 200, A: 255}
			switch {
			case x >= w/2 && y < h/2:
				c = color.RGBA{G: 200, A: 255}
			case x < w/2 && y >= h/2:
				c = color.RGBA{B: 200, A: 255}
			case x >= w/2:
				c = color.RGBA{240, 240, 240, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

func jpegOf(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, drawing(w, h), &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withSegment puts a segment behind a JPEG's first marker.
func withSegment(data []byte, marker byte, payload []byte) []byte {
	out := append([]byte{0xff, 0xd8, 0xff, marker}, binary.BigEndian.AppendUint16(nil, uint16(len(payload)+2))...)
	return append(append(out, payload...), data[2:]...)
}

// exifWith is an EXIF block with a maker and an orientation.
func exifWith(orientation uint16) []byte {
	le := binary.LittleEndian
	b := []byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00")
	b = append(b, "\x0f\x01\x02\x00\x04\x00\x00\x00Zed\x00"...)
	b = append(b, "\x12\x01\x03\x00\x01\x00\x00\x00"...)
	return append(le.AppendUint32(b, uint32(orientation)), 0, 0, 0, 0)
}

func save(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newPool(t *testing.T, o decode.PoolOptions) *decode.Pool {
	t.Helper()
	o.Workers = 2
	p := decode.NewPool(o)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// corners are the colours in the middle of a tile's quarters, one letter each.
func corners(tile []byte) string {
	var s strings.Builder
	n := decode.TileSize
	for _, at := range [][2]int{{n / 4, n / 4}, {3 * n / 4, n / 4}, {n / 4, 3 * n / 4}, {3 * n / 4, 3 * n / 4}} {
		p := tile[(at[1]*n+at[0])*3:]
		switch r, g, b := p[0] > 120, p[1] > 120, p[2] > 120; {
		case r && g && b:
			s.WriteByte('w')
		case r:
			s.WriteByte('r')
		case g:
			s.WriteByte('g')
		case b:
			s.WriteByte('b')
		default:
			s.WriteByte('?')
		}
	}
	return s.String()
}

func TestOrientations(t *testing.T) {
	p := newPool(t, decode.PoolOptions{})
	data := jpegOf(t, 800, 600)
	for o, want := range map[uint16]string{1: "rgbw", 2: "grwb", 3: "wbgr", 4: "bwrg", 5: "rbgw", 6: "brwg", 7: "wgbr", 8: "gwrb", 9: "rgbw"} {
		ph, err := p.Decode(t.Context(), decode.Request{Path: save(t, "a.jpg", withSegment(data, 0xe1, exifWith(o)))}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := corners(ph.Tile); got != want {
			t.Errorf("orientation %d: corners %s, want %s", o, got, want)
		}
		w, h := 800, 600
		if o >= 5 && o <= 8 {
			w, h = h, w
		}
		if ph.Width != w || ph.Height != h || o <= 8 && ph.Orientation != int(o) || ph.Exif.Make != "Zed" {
			t.Errorf("orientation %d: %+v", o, ph.Facts)
		}
		c, err := jpeg.DecodeConfig(bytes.NewReader(ph.Thumb))
		if err != nil || c.Width != w*224/800 || c.Height != h*224/800 {
			t.Errorf("orientation %d: thumbnail %d x %d, %v", o, c.Width, c.Height, err)
		}
	}
}

func TestFormatsByTheirBytes(t *testing.T) {
	p := newPool(t, decode.PoolOptions{})
	var pngData bytes.Buffer
	if err := png.Encode(&pngData, drawing(300, 200)); err != nil {
		t.Fatal(err)
	}
	j := jpegOf(t, 300, 200)
	dng := append([]byte("II*\x00\x08\x00\x00\x00\x03\x00"+
		"\x00\x01\x04\x00\x01\x00\x00\x00\x70\x17\x00\x00"+ // width 6000
		"\x01\x01\x04\x00\x01\x00\x00\x00\xa0\x0f\x00\x00"+ // height 4000
		"\x12\xc6\x01\x00\x04\x00\x00\x00\x01\x04\x00\x00"+ // DNG version
		"\x00\x00\x00\x00sensor"), j...)
	for _, c := range []struct {
		name, format  string
		data          []byte
		width, prevW  int
		quality, icon bool
	}{
		{name: "a.jpg", format: "jpeg", data: j, width: 300, quality: true},
		{name: "a.nef", format: "jpeg", data: j, width: 300, quality: true},
		{name: "no-extension", format: "png", data: pngData.Bytes(), width: 300},
		{name: "b.jpg", format: "jpeg", data: append([]byte("\x01\x02garbage"), j...), width: 300, quality: true},
		{name: "c.jpg", format: "jpeg", data: append(bytes.Clone(j), "garbage after"...), width: 300, quality: true},
		{name: "d.dng", format: "dng", data: dng, width: 6000, prevW: 300},
		{name: "name \xff\n.jpg", format: "jpeg", data: j, width: 300, quality: true},
	} {
		ph, err := p.Decode(t.Context(), decode.Request{Path: save(t, c.name, c.data)}, nil)
		if err != nil {
			t.Errorf("%q: %v", c.name, err)
			continue
		}
		if ph.Format != c.format || ph.Width != c.width || ph.PreviewWidth != c.prevW || (ph.JPEGQuality > 0) != c.quality || corners(ph.Tile) != "rgbw" {
			t.Errorf("%q: %+v, corners %s", c.name, ph.Facts, corners(ph.Tile))
		}
		if ph.SizeBytes != int64(len(c.data)) || ph.Inode == 0 || ph.MtimeNS == 0 {
			t.Errorf("%q: facts of the file: %+v", c.name, ph.Facts)
		}
	}
	ph, err := p.Decode(t.Context(), decode.Request{Path: save(t, "a.jpg", j), TileSize: 64}, nil)
	if err != nil || len(ph.Tile) != 64*64*3 {
		t.Errorf("tile of 64: %d bytes, %v", len(ph.Tile), err)
	}
}

func TestSkips(t *testing.T) {
	p := newPool(t, decode.PoolOptions{MaxPixels: 1_000_000, MaxFileBytes: 1 << 20})
	dir := t.TempDir()
	j := jpegOf(t, 300, 200)
	huge := bytes.Clone(j)
	sof := bytes.Index(huge, []byte{0xff, 0xc0})
	copy(huge[sof+5:], "\x9c\x40\x9c\x40")
	fifo, link, folder, gone := filepath.Join(dir, "fifo.jpg"), filepath.Join(dir, "link.jpg"), filepath.Join(dir, "d.jpg"), filepath.Join(dir, "gone.jpg")
	sparse := filepath.Join(dir, "sparse.jpg")
	locked := save(t, "locked.jpg", j)
	if err := errors.Join(syscall.Mkfifo(fifo, 0o600), os.Symlink(locked, link), os.Mkdir(folder, 0o700), os.WriteFile(sparse, []byte("\x01"), 0o600),
		os.Truncate(sparse, 5<<30), os.Chmod(locked, 0)); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		path   string
		reason decode.Reason
		detail string
	}{
		{save(t, "empty.jpg", nil), decode.Empty, ""},
		{save(t, "text.jpg", []byte("hello, hello, hello")), decode.NotAPhoto, "text"},
		{save(t, "page.png", []byte("<!DOCTYPE html><p>")), decode.NotAPhoto, "a web page"},
		{save(t, "two.jpg", []byte("\xff\xd8")), decode.Truncated, "cut off"},
		{save(t, "half.jpg", j[:len(j)/2]), decode.Truncated, ""},
		{save(t, "psd.jpg", []byte("8BPS\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")), decode.Unsupported, "Photoshop"},
		{save(t, "huge.jpg", huge), decode.TooLarge, "40000 x 40000"},
		{save(t, "raw.cr2", []byte("II*\x00\x10\x00\x00\x00CR\x02\x00\x00\x00\x00\x00\x00\x00")), decode.NoPreview, "no JPEG"},
		{save(t, "small.raf", append([]byte("FUJIFILMCCD-RAW "), jpegOf(t, 8, 8)...)), decode.NoPreview, "8 x 8"},
		{save(t, "long.jpg", append(bytes.Clone(j), make([]byte, 1<<20)...)), decode.TooLarge, "the file has"},
		{sparse, decode.NotAPhoto, ""},
		{fifo, decode.Unreadable, "a pipe"},
		{folder, decode.Unreadable, "a folder"},
		{"/dev/null", decode.Unreadable, "a device"},
		{link, decode.Changed, "symbolic link"},
		{gone, decode.Gone, ""},
	}
	if os.Geteuid() != 0 {
		cases = append(cases, struct {
			path   string
			reason decode.Reason
			detail string
		}{locked, decode.Unreadable, "permission denied"})
	}
	for _, c := range cases {
		_, err := p.Decode(t.Context(), decode.Request{Path: c.path}, nil)
		skip, ok := errors.AsType[*decode.SkipError](err)
		if !ok || skip.Reason != c.reason || !strings.Contains(skip.Err.Error(), c.detail) {
			t.Errorf("%s: got %v, want %s: ...%s...", filepath.Base(c.path), err, c.reason, c.detail)
		}
		if ok && strings.Contains(skip.Err.Error(), dir) {
			t.Errorf("%s: the detail repeats the path: %v", filepath.Base(c.path), skip.Err)
		}
	}
}

func TestFileChangesWhileItIsRead(t *testing.T) {
	f, err := os.Open(save(t, "a.jpg", make([]byte, 1000)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{999, 1001} {
		if _, err := f.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		s := session{memoryLimit: decode.DefaultMemoryLimit}
		_, err := s.readRest(f, 0, size)
		if sk, ok := errors.AsType[*skip](err); !ok || sk.reason != decode.Changed {
			t.Errorf("size %d said, 1000 there: got %v", size, err)
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	path := save(t, "big.jpg", jpegOf(t, 30, 20))
	if err := os.Truncate(path, 700<<20); err != nil { // sparse, but not so once it is read
		t.Fatal(err)
	}
	p := newPool(t, decode.PoolOptions{MemoryLimitBytes: 100 << 20})
	_, err := p.Decode(t.Context(), decode.Request{Path: path}, nil)
	if skip, ok := errors.AsType[*decode.SkipError](err); !ok || skip.Reason != decode.Memory {
		t.Errorf("got %v, want %s", err, decode.Memory)
	}
	if _, err := p.Decode(t.Context(), decode.Request{Path: save(t, "a.jpg", jpegOf(t, 30, 20))}, nil); err != nil {
		t.Errorf("the next photo: %v", err)
	}
}

func TestPixelDigests(t *testing.T) {
	p := newPool(t, decode.PoolOptions{})
	digest := func(name string, data []byte) [32]byte {
		t.Helper()
		d, err := p.PixelDigest(t.Context(), save(t, name, data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return d.Digest
	}
	j := jpegOf(t, 300, 200)
	base := digest("a.jpg", j)
	if digest("b.jpg", withSegment(j, 0xfe, []byte("a comment"))) != base || digest("c.jpg", withSegment(j, 0xe1, exifWith(1))) != base {
		t.Error("metadata changes the digest")
	}
	if digest("d.jpg", withSegment(j, 0xe1, exifWith(6))) == base {
		t.Error("a turned picture has the same digest")
	}
	if digest("e.jpg", jpegOf(t, 301, 200)) == base {
		t.Error("another picture has the same digest")
	}
	var fast, small bytes.Buffer
	if err := errors.Join((&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&fast, drawing(300, 200)),
		(&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, drawing(300, 200))); err != nil {
		t.Fatal(err)
	}
	if digest("a.png", fast.Bytes()) != digest("b.png", small.Bytes()) {
		t.Error("the same pixels in two PNG files differ")
	}
	if _, err := p.PixelDigest(t.Context(), save(t, "half.jpg", j[:len(j)/2])); err == nil {
		t.Error("half a JPEG has a digest")
	}
}

func TestKnownIsNotDecoded(t *testing.T) {
	p := newPool(t, decode.PoolOptions{})
	j := jpegOf(t, 300, 200)
	ph, err := p.Decode(t.Context(), decode.Request{Path: save(t, "half.jpg", j[:len(j)/2])}, func([32]byte) bool { return false })
	if err != nil || !ph.Known || ph.SizeBytes != int64(len(j)/2) {
		t.Errorf("got %+v, %v", ph.Facts, err)
	}
}

// start runs the worker without a pool.
func start(t *testing.T, name string, arg ...string) (cmd *os.Process, in, out *os.File) {
	t.Helper()
	childIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	pr, err := os.StartProcess(name, append([]string{name}, arg...), &os.ProcAttr{Files: []*os.File{childIn, childOut, os.Stderr}})
	if err != nil {
		t.Fatal(err)
	}
	childIn.Close()
	childOut.Close()
	t.Cleanup(func() { in.Close(); out.Close() })
	if f, err := decode.ReadFrame(out, decode.MaxJobFrame); err != nil || f.Type != decode.FrameHello {
		t.Fatalf("got %v, %v, want hello", f, err)
	}
	return pr, in, out
}

// Signals are the parent's affair: a worker that a SIGTERM to the whole service ended would look like a bad photo.
func TestSignalsDoNotEndAWorker(t *testing.T) {
	pr, in, out := start(t, os.Args[0], "decode-worker")
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if err := pr.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	job := decode.Job{Op: decode.OpDecode, Path: []byte(save(t, "a.jpg", jpegOf(t, 30, 20))), TileSize: 224, MaxPixels: 1 << 20, MaxFileBytes: 1 << 20}
	if err := decode.WriteFrame(in, decode.FrameJob, job); err != nil {
		t.Fatal(err)
	}
	for {
		f, err := decode.ReadFrame(out, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if f.Type == decode.FrameDone {
			break
		}
	}
	in.Close()
	if st, err := pr.Wait(); err != nil || !st.Success() {
		t.Errorf("ended with %v, %v", st, err)
	}
}

// A worker whose parent was killed goes, even where its pipes are still held open.
func TestOrphanEnds(t *testing.T) {
	pr, _, out := start(t, "/bin/sh", "-c", `exec 3<&0; "$0" decode-worker <&3 & sleep 0.3; kill -9 $$`, os.Args[0])
	_, _ = pr.Wait()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = out.Read(make([]byte, 1)) // ends with the last process that can write
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("the worker outlives its parent")
	}
}

func TestBadArguments(t *testing.T) {
	for _, a := range []string{"--x", decode.MemoryLimitArg + "0", decode.MemoryLimitArg + "x"} {
		if err := Main(strings.NewReader(""), &bytes.Buffer{}, []string{a}); err == nil {
			t.Errorf("%q was accepted", a)
		}
	}
}

func TestServeRefusesNonsense(t *testing.T) {
	for _, in := range []string{"garbage garbage", "\x05\x00\x00\x00\x01\x00\x00\x00\x00"} {
		if err := serve(strings.NewReader(in), &bytes.Buffer{}, decode.DefaultMemoryLimit); !errors.Is(err, decode.ErrFrame) {
			t.Errorf("%q: got %v", in, err)
		}
	}
	if err := serve(strings.NewReader(""), &bytes.Buffer{}, decode.DefaultMemoryLimit); err != nil {
		t.Errorf("end of input: %v", err)
	}
}

func TestCancelledDecode(t *testing.T) {
	p := newPool(t, decode.PoolOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Decode(ctx, decode.Request{Path: save(t, "a.jpg", jpegOf(t, 30, 20))}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
