package embedtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/dupfind/dupfind/embed"
)

// Conformance checks that the backends that open makes keep the promises of embed.Backend. Each subtest opens one and
// closes it.
func Conformance(t *testing.T, open func(t *testing.T) embed.Backend) {
	for _, c := range []struct {
		name string
		test func(*testing.T, embed.Backend)
	}{
		{"manifest is valid and complete", testManifest},
		{"vectors are unit and in order", testVectors},
		{"nothing in, nothing out", testEmpty},
		{"batch does not matter", testBatch},
		{"concurrent calls agree", testConcurrent},
		{"tiles are not changed or kept", testTilesUntouched},
		{"flat tiles have a vector", testFlat},
		{"tile of wrong size is named", testWrongTile},
		{"ended context stops it", testCancelled},
		{"closed is closed", testClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := open(t)
			c.test(t, b)
			if err := b.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// Tiles makes n tiles of smooth random blobs, different from one another and the same for the same seed.
func Tiles(size, n int, seed uint64) [][]byte {
	r := rand.New(rand.NewPCG(seed, 1))
	tiles := make([][]byte, n)
	for i := range tiles {
		tiles[i] = blobs(size, r)
	}
	return tiles
}

// blobs draws a tile by enlarging a small random picture bilinearly.
func blobs(size int, r *rand.Rand) []byte {
	const cells = 9
	var small [(cells + 1) * (cells + 1) * 3]int
	for i := range small {
		small[i] = r.IntN(256)
	}
	at := func(y, x, c int) int { return small[(y*(cells+1)+x)*3+c] }
	tile := make([]byte, 0, size*size*3)
	for y := range size {
		cy, fy := y*cells/size, y*cells%size
		for x := range size {
			cx, fx := x*cells/size, x*cells%size
			for c := range 3 {
				top := at(cy, cx, c)*(size-fx) + at(cy, cx+1, c)*fx
				bottom := at(cy+1, cx, c)*(size-fx) + at(cy+1, cx+1, c)*fx
				tile = append(tile, byte((top*(size-fy)+bottom*fy)/(size*size)))
			}
		}
	}
	return tile
}

func mustEmbed(t *testing.T, b embed.Backend, tiles [][]byte) []embed.Vector {
	t.Helper()
	vs, err := b.Embed(t.Context(), tiles)
	if err != nil {
		t.Fatalf("embed %d tiles: %v", len(tiles), err)
	}
	if len(vs) != len(tiles) {
		t.Fatalf("got %d vectors for %d tiles", len(vs), len(tiles))
	}
	return vs
}

func testManifest(t *testing.T, b embed.Backend) {
	m := b.Manifest()
	if err := m.Validate(); err != nil {
		t.Errorf("manifest: %v", err)
	}
	if m.Digest == "" {
		t.Error("manifest has no digest")
	}
}

func testVectors(t *testing.T, b embed.Backend) {
	m := b.Manifest()
	tiles := Tiles(m.TileSize, 5, 1)
	tiles = append(tiles, tiles[2]) // the same tile again: the same vector
	vs := mustEmbed(t, b, tiles)
	for i, v := range vs {
		if err := embed.CheckVector(v, m.Dim); err != nil {
			t.Errorf("vector %d: %v", i, err)
		}
	}
	if !slices.Equal(vs[2], vs[5]) {
		t.Error("one tile, two vectors")
	}
	for i := range 5 {
		for j := range i {
			if slices.Equal(vs[i], vs[j]) {
				t.Errorf("tiles %d and %d differ, their vectors do not", i, j)
			}
		}
	}
}

func testEmpty(t *testing.T, b embed.Backend) { mustEmbed(t, b, nil) }

func testBatch(t *testing.T, b embed.Backend) {
	tiles := Tiles(b.Manifest().TileSize, 16, 2)
	all := mustEmbed(t, b, tiles)
	for _, size := range []int{1, 3, 7} {
		for from := 0; from < len(tiles); from += size {
			to := min(from+size, len(tiles))
			for i, v := range mustEmbed(t, b, tiles[from:to]) {
				if !slices.Equal(v, all[from+i]) {
					t.Fatalf("tile %d has another vector in a batch of %d than in one of %d", from+i, to-from, len(tiles))
				}
			}
		}
	}
}

func testConcurrent(t *testing.T, b embed.Backend) {
	tiles := Tiles(b.Manifest().TileSize, 6, 3)
	want := mustEmbed(t, b, tiles)
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			got, err := b.Embed(t.Context(), tiles[:n+3])
			if err != nil || !slices.EqualFunc(got, want[:n+3], slices.Equal[[]float32]) {
				t.Errorf("concurrent call of %d tiles: other vectors, or error %v", n+3, err)
			}
		})
	}
	wg.Wait()
}

func testTilesUntouched(t *testing.T, b embed.Backend) {
	tiles := Tiles(b.Manifest().TileSize, 2, 4)
	before := slices.Clone(tiles[0])
	vs := mustEmbed(t, b, tiles)
	if !slices.Equal(before, tiles[0]) {
		t.Error("Embed changed a tile")
	}
	kept := slices.Clone(vs[0])
	clear(tiles[0])
	mustEmbed(t, b, Tiles(b.Manifest().TileSize, 2, 5))
	if !slices.Equal(kept, vs[0]) {
		t.Error("a later call changed a vector given before")
	}
}

func testFlat(t *testing.T, b embed.Backend) {
	m := b.Manifest()
	n := m.TileSize * m.TileSize * 3
	for i, v := range mustEmbed(t, b, [][]byte{make([]byte, n), slices.Repeat([]byte{255}, n)}) {
		if err := embed.CheckVector(v, m.Dim); err != nil {
			t.Errorf("flat tile %d: %v", i, err)
		}
	}
}

func testWrongTile(t *testing.T, b embed.Backend) {
	tiles := Tiles(b.Manifest().TileSize, 3, 6)
	tiles[1] = tiles[1][:len(tiles[1])-1]
	_, err := b.Embed(t.Context(), tiles)
	if te, ok := errors.AsType[*embed.TileError](err); !ok || te.Index != 1 {
		t.Errorf("got error %v, want a TileError for tile 1", err)
	}
}

func testCancelled(t *testing.T, b embed.Backend) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if _, err := b.Embed(ctx, Tiles(b.Manifest().TileSize, 2, 7)); !errors.Is(err, stop) {
		t.Errorf("got error %v, want the context's cause", err)
	}
	mustEmbed(t, b, Tiles(b.Manifest().TileSize, 2, 7)) // the backend outlives a call that was stopped
}

func testClosed(t *testing.T, b embed.Backend) {
	tiles := Tiles(b.Manifest().TileSize, 1, 8)
	if err := b.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if _, err := b.Embed(t.Context(), tiles); err == nil {
		t.Error("Embed works after Close")
	}
}
