package ingest_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/embedtest"
	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/internal/ingest"
)

// holder decodes and embeds without pixels and counts the tiles that are held between the two.
type holder struct {
	mu         sync.Mutex
	held, most int
	decoded    int

	enough  int           // tiles held when the embedder is surely stuck
	stuck   chan struct{} // closed then
	release chan struct{} // the embedder answers once this is closed
}

func (h *holder) Decode(_ context.Context, r decode.Request, wanted func([32]byte) bool) (decode.Photo, error) {
	sha := sha256.Sum256([]byte(r.Path))
	wanted(sha)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held++
	h.decoded++
	h.most = max(h.most, h.held)
	if h.held == h.enough {
		close(h.stuck)
		h.enough = 0 // once
	}
	return decode.Photo{Facts: decode.Facts{SHA256: sha, Format: "jpeg", Width: 1, Height: 1}, Tile: []byte{1}}, nil
}

func (h *holder) Embed(ctx context.Context, tiles [][]byte) ([]embed.Vector, error) {
	<-h.release
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held -= len(tiles)
	out := make([]embed.Vector, len(tiles))
	for i := range out {
		out[i] = make(embed.Vector, embedtest.PixelsManifest().Dim)
		out[i][0] = 1
	}
	return out, nil
}

// A server that stalls holds the decoders back: the tiles in memory stay within the bound that Options.EmbedCalls
// states, however many photos there are.
func TestTilesHeldAreBounded(t *testing.T) {
	const (
		photos  = 2000
		calls   = 6
		batch   = 3
		workers = 2
		waiting = 64 // tilesWaiting
	)
	l := newLibrary(t)
	dir := t.TempDir()
	for i := range photos {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.jpg", i)), []byte{0xff, 0xd8, 0xff, byte(i)}, 0o644))
	}
	targets, _, err := ingest.Targets(t.Context(), l.db, []string{dir}, ingest.Write)
	must(t, err)
	// Calls that came first may have taken one tile each.
	h := &holder{enough: calls + waiting + workers, stuck: make(chan struct{}), release: make(chan struct{})}
	go func() { <-h.stuck; close(h.release) }()
	sum, err := ingest.Run(t.Context(), l.db, ingest.Options{
		Targets: targets, ModelID: l.model, TileSize: decode.TileSize, Dim: embedtest.PixelsManifest().Dim,
		Decoder: h, Workers: workers, BatchTiles: batch, EmbedCalls: calls, Progress: silent{}, Now: time.Now,
		OpenEmbedder: func(context.Context) (ingest.Embedder, error) { return h, nil },
	})
	must(t, err)
	if sum.Embedded != photos || l.vectors() != photos {
		t.Errorf("embedded %d, stored %d, want %d", sum.Embedded, l.vectors(), photos)
	}
	if bound := calls*batch + waiting + workers; h.most > bound {
		t.Errorf("%d tiles were held, the bound is %d", h.most, bound)
	}
}
