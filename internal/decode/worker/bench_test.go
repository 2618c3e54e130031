//go:build hand

package worker

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/dupfind/dupfind/internal/decode"
)

// TestHandSpeed decodes the photos of HAND_DIR ten times by two workers, from the start of the processes to their end.
func TestHandSpeed(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(os.Getenv("HAND_DIR"), "*.jpg"))
	if len(files) == 0 {
		t.Skip("HAND_DIR names no folder of JPEG files")
	}
	for range 5 {
		start := time.Now()
		p := decode.NewPool(decode.PoolOptions{Workers: 2})
		var g errgroup.Group
		g.SetLimit(2)
		for i := range 10 * len(files) {
			g.Go(func() error {
				_, err := p.Decode(t.Context(), decode.Request{Path: files[i%len(files)]}, func([32]byte) bool { return true })
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		work := time.Since(start)
		var self, before, after unix.Rusage
		_ = unix.Getrusage(unix.RUSAGE_CHILDREN, &before)
		p.Close()
		_ = unix.Getrusage(unix.RUSAGE_CHILDREN, &after)
		_ = unix.Getrusage(unix.RUSAGE_SELF, &self)
		cpu := func(u unix.Rusage) time.Duration { return time.Duration(u.Utime.Nano() + u.Stime.Nano()) }

		t.Logf("%d photos: %v, with the end %v; workers' CPU %v, ours so far %v", 10*len(files), work, time.Since(start), cpu(after)-cpu(before), cpu(self))
	}
}

// BenchmarkHandStages takes the time of one photo's stages inside the process.
func BenchmarkHandStages(b *testing.B) {
	files, _ := filepath.Glob(filepath.Join(os.Getenv("HAND_DIR"), "*.jpg"))
	s := session{out: io.Discard, memoryLimit: decode.DefaultMemoryLimit}
	for b.Loop() {
		for _, f := range files {
			x, err := s.read(f, 1<<30)
			if err != nil {
				b.Fatal(err)
			}
			p := picture{data: x.data, kind: x.kind, name: f, maxPixels: 1 << 30}
			if _, _, err := p.decode(decode.TileSize); err != nil {
				b.Fatal(err)
			}
		}
	}
}
