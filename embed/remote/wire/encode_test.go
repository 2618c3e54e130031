//go:build cgo

package wire

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/image/webp"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/internal/decode/turbo"
)

// photoTiles are the tiles that a scan makes of the test library's photos.
func photoTiles(t testing.TB, size int) [][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "testdata", "photos", "20*", "*.jpg"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no photos in testdata: %v", err)
	}
	var tiles [][]byte
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		img, err := turbo.Decode(data, turbo.Options{TileSize: size, MinScaleTiles: 1.5})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		tiles = append(tiles, img.Tile(1, size, size))
	}
	return tiles
}

func noiseTile(size int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	tile := make([]byte, size*size*3)
	for i := range tile {
		tile[i] = byte(r.Uint32())
	}
	return tile
}

// samples are tiles of all sorts by name, each with its size in pixels a side.
func samples(t testing.TB) map[string]sample {
	all := map[string]sample{
		"black":       {make([]byte, 224*224*3), 224},
		"white":       {bytes.Repeat([]byte{255}, 224*224*3), 224},
		"one colour":  {bytes.Repeat([]byte{3, 200, 77}, 224*224), 224},
		"two colours": {bytes.Repeat([]byte{0, 0, 1, 255, 255, 255}, 224*112), 224},
	}
	for i, tile := range photoTiles(t, 224) {
		all["photo "+strconv.Itoa(i)] = sample{tile, 224}
	}
	for i, tile := range embed.GoldenTiles(224) {
		all["golden "+strconv.Itoa(i)] = sample{tile, 224}
	}
	for _, size := range []int{1, 2, 8, 9, 31, 288, 1024} {
		all[fmt.Sprintf("noise of %d", size)] = sample{noiseTile(size, uint64(size)), size}
	}
	for _, size := range []int{8, 13, 288, 1024} {
		all[fmt.Sprintf("photo of %d", size)] = sample{photoTiles(t, size)[0], size}
	}
	return all
}

type sample struct {
	tile []byte
	size int
}

// pixels reads a picture as RGB, and fails where it is not opaque.
func pixels(t *testing.T, img image.Image, size int) []byte {
	t.Helper()
	if b := img.Bounds(); b != image.Rect(0, 0, size, size) {
		t.Fatalf("decoded to %v, want %d pixels a side", b, size)
	}
	out := make([]byte, 0, size*size*3)
	for y := range size {
		for x := range size {
			r, g, b, a := img.At(x, y).RGBA()
			if a != 0xFFFF {
				t.Fatalf("pixel %d,%d has alpha %#x", x, y, a)
			}
			out = append(out, byte(r>>8), byte(g>>8), byte(b>>8))
		}
	}
	return out
}

func TestWebPGivesTheTileBack(t *testing.T) {
	for name, s := range samples(t) {
		file, err := EncodeWebP(s.tile, s.size)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		img, err := webp.Decode(bytes.NewReader(file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(pixels(t, img, s.size), s.tile) {
			t.Errorf("%s: other pixels", name)
		}
		if cap(file) > len(file)+len(file)/4+64 {
			t.Errorf("%s: %d bytes hold %d", name, cap(file), len(file))
		}
	}
}

func TestJPEGComesNear(t *testing.T) {
	for name, s := range samples(t) {
		if strings.HasPrefix(name, "noise") {
			continue // no limit holds for it; TestJPEGTakesAnyTile has it
		}
		file, err := EncodeJPEG95(s.tile, s.size)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		img, err := jpeg.Decode(bytes.NewReader(file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		ycc, ok := img.(*image.YCbCr)
		if !ok || ycc.SubsampleRatio != image.YCbCrSubsampleRatio444 {
			t.Errorf("%s: decoded to %T, want colours with all their pixels", name, img)
		}
		var sum int
		for i, v := range pixels(t, img, s.size) {
			sum += max(int(v), int(s.tile[i])) - min(int(v), int(s.tile[i]))
		}
		limit := 2.0
		if s.size < 32 {
			limit = 4 // a photo on so few pixels is all edges
		}
		if mean := float64(sum) / float64(len(s.tile)); mean > limit {
			t.Errorf("%s: %.2f levels off on average, want at most %v", name, mean, limit)
		}
	}
}

func TestJPEGTakesAnyTile(t *testing.T) {
	for _, size := range []int{1, 7, 8, 17, 224, 1024} {
		file, err := EncodeJPEG95(noiseTile(size, 5), size)
		if err != nil {
			t.Errorf("%d pixels: %v", size, err)
			continue
		}
		if info, err := jpeg.DecodeConfig(bytes.NewReader(file)); err != nil || info.Width != size || info.Height != size {
			t.Errorf("%d pixels: got %v, %v", size, info, err)
		}
	}
}

// Baseline, which every decoder reads, and nothing in the file but the picture.
func TestJPEGIsPlain(t *testing.T) {
	file, err := EncodeJPEG95(noiseTile(64, 1), 64)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(file, []byte{0xFF, 0xC0}) || bytes.Contains(file, []byte{0xFF, 0xC2}) {
		t.Error("not baseline")
	}
	if bytes.Contains(file, []byte{0xFF, 0xE1}) || bytes.Contains(file, []byte{0xFF, 0xFE}) {
		t.Error("it holds EXIF or a comment")
	}
}

var encoders = []struct {
	name   string
	encode func([]byte, int) ([]byte, error)
}{{"WebP", EncodeWebP}, {"JPEG", EncodeJPEG95}}

func TestWrongSizesAreRefused(t *testing.T) {
	tile := make([]byte, 8*8*3)
	for _, e := range encoders {
		for name, c := range map[string]sample{
			"a byte short":    {tile[1:], 8},
			"a byte long":     {append(tile, 0), 8},
			"empty":           {nil, 8},
			"size 0":          {nil, 0},
			"negative":        {tile, -8},
			"past the format": {tile, 16384},
			"overflow":        {tile, 1 << 62},
		} {
			if file, err := e.encode(c.tile, c.size); err == nil || file != nil || !strings.Contains(err.Error(), "encode "+e.name) {
				t.Errorf("%s, %s: got %d bytes, error %v", e.name, name, len(file), err)
			}
		}
	}
}

func TestConcurrentCallsAgree(t *testing.T) {
	tiles := photoTiles(t, 224)[:4]
	for _, e := range encoders {
		var want [][]byte
		for _, tile := range tiles {
			file, err := e.encode(tile, 224)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, file)
		}
		var wg sync.WaitGroup
		for n := range 8 {
			wg.Go(func() {
				for k := range 12 {
					i := (n + k) % len(tiles)
					if file, err := e.encode(tiles[i], 224); err != nil || !bytes.Equal(file, want[i]) {
						t.Errorf("%s of tile %d: another file, or error %v", e.name, i, err)
					}
				}
			})
		}
		wg.Wait()
	}
}

// What C takes is not seen by Go's collector: only the process's size tells whether it was given back. 3,000 leaked files
// would be 100 MB and more.
func TestMemoryIsGivenBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc/self/statm")
	}
	tile := noiseTile(112, 3)
	for _, e := range encoders {
		run := func(n int) {
			for range n {
				if _, err := e.encode(tile, 112); err != nil {
					t.Fatal(err)
				}
			}
			runtime.GC()
		}
		run(300)
		before := residentMB(t)
		run(3000)
		if grown := residentMB(t) - before; grown > 30 {
			t.Errorf("%s: %d MB more after 3,000 tiles", e.name, grown)
		}
	}
}

func residentMB(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(data))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize() >> 20
}

// One photo tile of 224 pixels, 150,528 bytes raw.
func BenchmarkEncode224(b *testing.B) {
	tiles := photoTiles(b, 224)
	for _, e := range encoders {
		b.Run(e.name, func(b *testing.B) {
			b.ReportAllocs()
			var n, total int
			for b.Loop() {
				file, err := e.encode(tiles[n%len(tiles)], 224)
				if err != nil {
					b.Fatal(err)
				}
				n, total = n+1, total+len(file)
			}
			b.ReportMetric(float64(total)/float64(n), "B/tile")
		})
	}
}
