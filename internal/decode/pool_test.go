package decode

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func faultyPool(t *testing.T, fault string, o PoolOptions) *Pool {
	t.Helper()
	o.Command = []string{os.Args[0], "decode-worker", fault}
	if o.Workers == 0 {
		o.Workers = 2
	}
	p := NewPool(o)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return p
}

func good(t *testing.T, p *Pool) {
	t.Helper()
	ph, err := p.Decode(t.Context(), Request{Path: "good"}, nil)
	if err != nil {
		t.Fatalf("a good photo: %v", err)
	}
	if ph.Width != 40 || len(ph.Tile) != TileSize*TileSize*3 || string(ph.Thumb) != "thumb" || ph.Exif.Make != "Grey" ||
		ph.SHA256[31] != 7 || ph.Inode != 2 || ph.Known {
		t.Fatalf("a good photo came back wrong: %+v", ph.Facts)
	}
}

func TestFaultyWorkerCostsOnePhoto(t *testing.T) {
	for _, c := range []struct {
		fault  string
		reason Reason
		detail string
	}{
		{"segv", Crashed, "fatal error: unexpected signal"},
		{"kill", Crashed, "killed from outside"},
		{"hang", Timeout, "no answer within"},
		{"hang-deaf", Timeout, "no answer within"},
		{"garbage", Crashed, "malformed frame"},
		{"long-frame", Crashed, "malformed frame"},
		{"half-frame", Crashed, "exit status 0"},
		{"exit", Crashed, "exit status 0"},
		{"memory", Memory, "memory limit"},
		{"go-memory", Memory, "out of memory"},
		{"opened-forever", Crashed, "malformed frame"},
		{"no-hash", Crashed, "done without a hash"},
		{"small-tile", Crashed, "tile and thumbnail of 10 bytes"},
		{"odd-reason", Crashed, "because"},
		{"known-unasked", Crashed, "without being told"},
		{"skip", Truncated, "premature end"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			o := PoolOptions{}
			if c.reason == Timeout {
				o.Deadline = 300 * time.Millisecond
			}
			p := faultyPool(t, c.fault, o)
			good(t, p)
			_, err := p.Decode(t.Context(), Request{Path: "bad"}, nil)
			skip, ok := errors.AsType[*SkipError](err)
			if !ok {
				t.Fatalf("got %v, want a SkipError", err)
			}
			if skip.Reason != c.reason || skip.Path != "bad" || !strings.Contains(skip.Err.Error(), c.detail) {
				t.Errorf("got %q %s: %v; want %s: ...%s...", skip.Path, skip.Reason, skip.Err, c.reason, c.detail)
			}
			good(t, p)
		})
	}
}

func TestPhotoIsTriedTwice(t *testing.T) {
	var lost atomic.Int32
	log := slog.New(countHandler{&lost})
	p := faultyPool(t, "segv-once", PoolOptions{Log: log})
	if _, err := p.Decode(t.Context(), Request{Path: filepath.Join(t.TempDir(), "mark")}, nil); err != nil {
		t.Fatalf("the second try was to succeed: %v", err)
	}
	if lost.Load() != 1 {
		t.Errorf("%d workers lost, want 1", lost.Load())
	}
}

type countHandler struct{ n *atomic.Int32 }

func (h countHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h countHandler) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "decode worker lost" {
		h.n.Add(1)
	}
	return nil
}
func (h countHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h countHandler) WithGroup(string) slog.Handler      { return h }

// One bad photo among many good ones, from many goroutines: each good one comes back.
func TestBadPhotoAmongGoodOnes(t *testing.T) {
	p := faultyPool(t, "segv", PoolOptions{Workers: 3})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if i%10 == 5 {
				if _, err := p.Decode(t.Context(), Request{Path: "bad"}, nil); err == nil {
					t.Error("a bad photo was decoded")
				}
				return
			}
			if _, err := p.Decode(t.Context(), Request{Path: "good"}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestNoWorkerAtAllIsNoPhotosFault(t *testing.T) {
	for _, fault := range []string{"no-hello", "old-hello"} {
		p := faultyPool(t, fault, PoolOptions{})
		_, err := p.Decode(t.Context(), Request{Path: "good"}, nil)
		if _, ok := errors.AsType[*WorkerError](err); !ok {
			t.Errorf("%s: got %v, want a WorkerError", fault, err)
		}
		if fault == "no-hello" && !strings.Contains(err.Error(), "libnothing") {
			t.Errorf("the error does not say what the worker said: %v", err)
		}
	}
	p := NewPool(PoolOptions{Command: []string{filepath.Join(t.TempDir(), "missing")}})
	defer p.Close()
	if _, err := p.Decode(t.Context(), Request{Path: "good"}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that there is no such program", err)
	}
}

func TestWantedDecides(t *testing.T) {
	p := faultyPool(t, "", PoolOptions{})
	var asked [32]byte
	ph, err := p.Decode(t.Context(), Request{Path: "good"}, func(sha [32]byte) bool { asked = sha; return false })
	if err != nil || !ph.Known || ph.Tile != nil || ph.SHA256[31] != 7 || asked != ph.SHA256 || ph.SizeBytes != 1000 {
		t.Errorf("unwanted: got %+v, %v", ph.Facts, err)
	}
	ph, err = p.Decode(t.Context(), Request{Path: "good", TileSize: 32}, func([32]byte) bool { return true })
	if err != nil || ph.Known || len(ph.Tile) != 32*32*3 {
		t.Errorf("wanted: got %d bytes, %v", len(ph.Tile), err)
	}
}

func TestPixelDigest(t *testing.T) {
	p := faultyPool(t, "", PoolOptions{})
	d, err := p.PixelDigest(t.Context(), "good")
	if err != nil || d.SHA256[31] != 7 || d.Digest[31] != 9 {
		t.Errorf("got %v, %v", d, err)
	}
}

func TestCancelEndsTheProcess(t *testing.T) {
	p := faultyPool(t, "hang-deaf", PoolOptions{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("stopped by the user")
	time.AfterFunc(200*time.Millisecond, func() { cancel(cause) })
	start := time.Now()
	_, err := p.Decode(ctx, Request{Path: "bad"}, nil)
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause", err)
	}
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("it took %v", d)
	}
	good(t, p)
}

func TestCloseEndsPhotosInFlight(t *testing.T) {
	p := faultyPool(t, "hang-deaf", PoolOptions{})
	done := make(chan error)
	go func() {
		_, err := p.Decode(context.Background(), Request{Path: "bad"}, nil)
		done <- err
	}()
	time.Sleep(200 * time.Millisecond) // long enough to be inside, and no harm if not
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if _, err := p.Decode(t.Context(), Request{Path: "good"}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: got %v, want ErrClosed", err)
	}
}

func TestBadRequest(t *testing.T) {
	p := faultyPool(t, "", PoolOptions{})
	for _, r := range []Request{{}, {Path: "good", TileSize: 5}, {Path: strings.Repeat("x", 40_000)}} {
		if _, err := p.Decode(t.Context(), r, nil); err == nil {
			t.Errorf("accepted: path of %d bytes, tile %d", len(r.Path), r.TileSize)
		}
	}
}
