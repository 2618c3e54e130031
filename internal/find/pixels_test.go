//go:build cgo

package find

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/internal/decode/worker"
	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/store"
)

// TestMain lets the test's own program be the worker that decodes photos.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "decode-worker" {
		if err := worker.Main(os.Stdin, os.Stdout, os.Args[2:]); err != nil { // the worker's pipe, not a terminal
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func newPool(t *testing.T) *decode.Pool {
	pool := decode.NewPool(decode.PoolOptions{Workers: 2})
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool
}

// gallery is a shelf whose photos are real files.
type gallery struct {
	*shelf
	dir  string
	pool *decode.Pool
}

func newGallery(t *testing.T) *gallery {
	g := &gallery{shelf: newShelf(t), dir: t.TempDir(), pool: newPool(t)}
	g.root = g.addRoot(g.dir, true)
	return g
}

// add writes a file and puts it into the store as a scan would.
func (g *gallery) add(name string, data []byte, vector []float32) {
	g.t.Helper()
	path := filepath.Join(g.dir, name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		g.t.Fatal(err)
	}
	p, err := g.pool.Decode(g.t.Context(), decode.Request{Path: path}, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	if p.LowDetail {
		vector = nil
	}
	g.put(store.Ingest{
		File: store.File{RootID: g.root, Path: name, SizeBytes: p.SizeBytes, MtimeNS: p.MtimeNS, Device: p.Device, Inode: p.Inode, Links: 1, State: store.StatePhoto},
		Content: &store.Content{SHA256: p.SHA256, SizeBytes: p.SizeBytes, Format: p.Format, Width: p.Width, Height: p.Height,
			TileHash: p.TileHash, LowDetail: p.LowDetail, JPEGQuality: p.JPEGQuality},
		Vector: vector,
	})
}

func (g *gallery) options(threshold float64) Options {
	o := g.shelf.options(threshold)
	o.Pool = g.pool
	return o
}

// short is sketch without the folder.
func (g *gallery) short(r Result) []string {
	var out []string
	for _, s := range sketch(r) {
		out = append(out, strings.ReplaceAll(s, g.dir+"/", ""))
	}
	return out
}

// scene is a picture with detail.
func scene(seed int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for y := range 240 {
		for x := range 320 {
			v := sha256.Sum256([]byte{byte(seed), byte(x / 40), byte(y / 40)})
			m.Set(x, y, color.RGBA{v[0], v[1], v[2], 255})
		}
	}
	return m
}

func plain(c color.Color) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, 120, 80))
	draw.Draw(m, m.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	return m
}

func asJPEG(t *testing.T, m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// comment puts a comment into a JPEG: other bytes, the same picture.
func comment(data []byte, text string) []byte {
	head := append([]byte{0xff, 0xd8, 0xff, 0xfe, 0, byte(len(text) + 2)}, text...)
	return append(head, data[2:]...)
}

func asPNG(t *testing.T, m image.Image, level png.CompressionLevel) []byte {
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: level}).Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSamePixelsAreConfirmed(t *testing.T) {
	g := newGallery(t)
	first := asJPEG(t, scene(1))
	g.add("a.jpg", first, axis(0, 0))
	g.add("b.jpg", comment(first, "hello"), axis(0, 0))
	g.add("c.jpg", comment(first, "no vector under this model"), nil)
	g.add("d.png", asPNG(t, scene(2), png.NoCompression), axis(6, 0))
	g.add("e.png", asPNG(t, scene(2), png.BestCompression), axis(6, 0))
	g.add("f.png", asPNG(t, scene(3), png.BestCompression), axis(6, 0.1))
	g.update(UpdateOptions{FloorCosine: 0.9})

	confirmed := 0
	o := g.options(0.95)
	o.Confirming = func(done, total int) { confirmed = total }
	r := g.groups(o)
	// Of equal photos the older file is kept, or else the first by name.
	want := []string{"a.jpg: b.jpg=same-pixels c.jpg=same-pixels", "d.png: e.png=same-pixels f.png=similar"}
	if d := cmp.Diff(want, g.short(r)); d != "" || confirmed != 5 || len(r.Unconfirmed) != 0 {
		t.Errorf("%d digests, unconfirmed %+v\n%s", confirmed, r.Unconfirmed, d)
	}
	if r.Proposals != 4 || r.Confirmed != 2 {
		t.Errorf("%d proposals, %d confirmed", r.Proposals, r.Confirmed)
	}

	// The verdicts are kept: no decoding, and no need for the files.
	if err := os.RemoveAll(g.dir); err != nil {
		t.Fatal(err)
	}
	o.Confirming = func(int, int) { t.Error("digested again") }
	if d := cmp.Diff(sketch(r), sketch(g.groups(o))); d != "" {
		t.Error(d)
	}
	o.Pool = nil
	if again := g.groups(o); len(again.Unconfirmed) != 0 || cmp.Diff(sketch(r), sketch(again)) != "" {
		t.Errorf("without a pool: %q, %+v", g.short(again), again.Unconfirmed)
	}
}

func TestWhatCannotBeConfirmed(t *testing.T) {
	g := newGallery(t)
	first := asJPEG(t, scene(1))
	g.add("a.jpg", first, axis(0, 0))
	g.add("b.jpg", comment(first, "b"), axis(0, 0))
	g.add("c.jpg", comment(first, "c"), axis(0, 0))
	white := asPNG(t, plain(color.White), png.NoCompression)
	g.add("w1.png", white, nil)
	g.add("w2.png", asPNG(t, plain(color.White), png.BestCompression), nil)
	g.update(UpdateOptions{FloorCosine: 0.9})

	// Another photo under a known name must not lend its pixels.
	if err := os.WriteFile(filepath.Join(g.dir, "b.jpg"), comment(first, "changed since"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"c.jpg", "w2.png"} {
		if err := os.Remove(filepath.Join(g.dir, gone)); err != nil {
			t.Fatal(err)
		}
	}
	r := g.groups(g.options(0.95))
	if len(r.Groups) != 1 || r.Groups[0].Members[0].Kind != string(match.Similar) || len(r.Groups[0].Members) != 2 {
		t.Errorf("got %q", g.short(r))
	}
	var why []string
	for _, u := range r.Unconfirmed {
		why = append(why, filepath.Base(u.Path)+" "+string(u.Reason))
	}
	if len(why) != 3 || why[0] != "b.jpg changed" {
		t.Errorf("got %q", why)
	}
	// a.jpg has a digest now, w1.png too, but nobody to compare it with.
	if r.Confirmed != 0 {
		t.Errorf("%d confirmed", r.Confirmed)
	}
	// Without a pool, all of them are unconfirmed.
	o := g.options(0.95)
	o.Pool = nil
	if n := len(g.groups(o).Unconfirmed); n != 5 {
		t.Errorf("%d unconfirmed without a pool", n)
	}
}

func TestBlankPagesAreAStar(t *testing.T) {
	g := newGallery(t)
	const pages = 12
	white := asJPEG(t, plain(color.White))
	for i := range pages {
		g.add(fmt.Sprintf("white-%02d.jpg", i), comment(white, fmt.Sprintf("page %02d", i)), nil)
	}
	for _, name := range []string{"white-00-again.jpg", "white-05-again.jpg"} {
		g.add(name, comment(white, "page "+name[6:8]), nil)
	}
	g.add("grey.jpg", asJPEG(t, plain(color.Gray{128})), nil)
	g.update(UpdateOptions{FloorCosine: 0.9})

	r := g.groups(g.options(0.95))
	if r.LowDetail != pages+1 || len(r.Groups) != 1 || len(r.Groups[0].Members) != pages+1 || r.Proposals != 0 {
		t.Fatalf("got %q, %+v", g.short(r), r.Numbers)
	}
	pairs := g.filePairs(g.options(0.95))
	if len(pairs) != pages+1 {
		t.Fatalf("got %d pairs, want %d", len(pairs), pages+1)
	}
	keeper, seen := r.Groups[0].Keeper.File.Path, make(map[string]bool)
	for i, p := range pairs {
		other := p.PathA
		if other == keeper {
			other = p.PathB
		} else if p.PathB != keeper {
			t.Errorf("%s and %s: neither is the keeper %s", p.PathA, p.PathB, keeper)
		}
		if seen[other] || p.PathA >= p.PathB {
			t.Errorf("%s is paired twice, or the wrong way", other)
		}
		seen[other] = true
		if i > 0 && (pairs[i-1].PathA > p.PathA || pairs[i-1].PathA == p.PathA && pairs[i-1].PathB >= p.PathB) {
			t.Errorf("pairs %d and %d are out of order", i-1, i)
		}
	}
	rows := 0
	for _, err := range g.db.Evidence(t.Context(), digestMethod) {
		if err != nil {
			t.Fatal(err)
		}
		rows++
	}
	if rows > pages {
		t.Errorf("%d rows of evidence for %d pages", rows, pages)
	}
	// Another page: it alone is digested.
	g.add("white-99.jpg", comment(white, "page 99"), nil)
	o := g.options(0.95)
	o.Confirming = func(done, total int) {
		if total != 1 {
			t.Errorf("digests %d photos, want 1", total)
		}
	}
	if r := g.groups(o); len(r.Groups[0].Members) != pages+2 {
		t.Errorf("got %q", g.short(r))
	}
}
