package embedtest

import (
	"image"
	_ "image/jpeg" // the test's photos
	"os"
	"path/filepath"
	"testing"

	"github.com/dupfind/dupfind/embed"
)

func TestPixelsConforms(t *testing.T) {
	Conformance(t, func(*testing.T) embed.Backend { return &Pixels{} })
}

// What command tests count on: at --threshold 0.95 copies are found and different photos are not.
func TestPixelsTellsCopiesFromOthers(t *testing.T) {
	root := filepath.Join("..", "..", "testdata", "photos")
	originals, err := filepath.Glob(filepath.Join(root, "20*", "*.jpg"))
	if err != nil || len(originals) < 5 {
		t.Fatalf("%d originals in testdata, %v", len(originals), err)
	}
	copies := map[string]string{
		filepath.Join(root, "phone", "coffee-small.jpg"):     filepath.Join(root, "2019", "coffee.jpg"),
		filepath.Join(root, "phone", "coffee-q40.jpg"):       filepath.Join(root, "2019", "coffee.jpg"),
		filepath.Join(root, "phone", "retina-small-gps.jpg"): filepath.Join(root, "2020", "retina.jpg"),
	}
	vectors := map[string]embed.Vector{}
	for _, f := range originals {
		vectors[f] = pixelsVector(tileOf(t, f))
	}
	scale := PixelsManifest().Calibration
	for c, of := range copies {
		v := pixelsVector(tileOf(t, c))
		for _, f := range originals {
			sim := scale.Similarity(dot(v, vectors[f]))
			if want := f == of; (sim >= 0.95) != want {
				t.Errorf("%s and %s: similarity %.3f, copy %v", c, f, sim, want)
			}
		}
	}
	for i, a := range originals {
		for _, b := range originals[:i] {
			if sim := scale.Similarity(dot(vectors[a], vectors[b])); sim >= 0.90 {
				t.Errorf("%s and %s: similarity %.3f", a, b, sim)
			}
		}
	}
}

func dot(a, b embed.Vector) float64 {
	var sum float64
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// tileOf squashes a photo by averaging, crudely: the true decoder is none of this package's business.
func tileOf(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // read only
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	tile := make([]byte, 0, pixelsTile*pixelsTile*3)
	for y := range pixelsTile {
		for x := range pixelsTile {
			var rgb [3]uint32
			var n uint32
			for sy := y * h / pixelsTile; sy < max((y+1)*h/pixelsTile, y*h/pixelsTile+1); sy++ {
				for sx := x * w / pixelsTile; sx < max((x+1)*w/pixelsTile, x*w/pixelsTile+1); sx++ {
					r, g, b, _ := img.At(sx, sy).RGBA()
					rgb[0], rgb[1], rgb[2], n = rgb[0]+r>>8, rgb[1]+g>>8, rgb[2]+b>>8, n+1
				}
			}
			tile = append(tile, byte(rgb[0]/n), byte(rgb[1]/n), byte(rgb[2]/n))
		}
	}
	return tile
}

func BenchmarkPixels(b *testing.B) {
	tile := Tiles(pixelsTile, 1, 1)[0]
	b.ReportAllocs()
	for b.Loop() {
		pixelsVector(tile)
	}
}
