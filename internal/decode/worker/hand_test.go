//go:build hand

package worker

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dupfind/dupfind/internal/decode"
)

// TestHand decodes every file of the folders in HAND_DIRS and prints what came of each:
//
// With HAND_REF=file it prints how far each tile is from that file's, with HAND_OUT=folder it leaves the thumbnails there.
//
//	HAND_DIRS=dir:dir go test -tags hand -run TestHand -v ./internal/decode/worker
func TestHand(t *testing.T) {
	p := decode.NewPool(decode.PoolOptions{Workers: 2, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Deadline: 20 * time.Second})
	defer p.Close()
	var ref []byte
	if path := os.Getenv("HAND_REF"); path != "" {
		ph, err := p.Decode(t.Context(), decode.Request{Path: path}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ref = ph.Tile
	}
	for _, dir := range strings.Split(os.Getenv("HAND_DIRS"), ":") {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil // an unreadable folder is scan's affair
			}
			start := time.Now()
			ph, err := p.Decode(t.Context(), decode.Request{Path: path}, nil)
			took := time.Since(start).Round(time.Millisecond)
			if err != nil {
				fmt.Printf("%-60s SKIP %v %v\n", d.Name(), strings.TrimPrefix(err.Error(), fmt.Sprintf("decode %q: ", path)), took)
				return nil
			}
			fmt.Printf("%-60s %s %dx%d preview %dx%d o%d q%d icc=%v low=%v tile=%x %v exif %+v\n", d.Name(), ph.Format, ph.Width, ph.Height,
				ph.PreviewWidth, ph.PreviewHeight, ph.Orientation, ph.JPEGQuality, ph.HasICC, ph.LowDetail, ph.TileHash[:4], took, ph.Exif)
			if len(ref) == len(ph.Tile) {
				sum := 0
				for i, v := range ph.Tile {
					sum += max(int(v), int(ref[i])) - min(int(v), int(ref[i]))
				}
				fmt.Printf("    mean difference from HAND_REF %.2f\n", float64(sum)/float64(len(ref)))
			}
			if out := os.Getenv("HAND_OUT"); out != "" {
				_ = os.WriteFile(filepath.Join(out, d.Name()+".jpg"), ph.Thumb, 0o644)
			}
			return nil
		})
	}
}
