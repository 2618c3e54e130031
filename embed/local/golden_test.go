//go:build cgo

package local

import (
	"bytes"
	"encoding/binary"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/cpu"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/remote/wire"
)

// A model never changes, so neither do its vectors of the golden tiles; what may change them is another version of the
// runtime, or another chip. UPDATE_GOLDEN=1 rewrites the known ones from the model.
func TestModelAgreesWithItsKnownGolden(t *testing.T) {
	b := openReal(t, defaultTuning())
	got := embedAll(t, b, embed.GoldenTiles(b.Manifest().TileSize))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		var raw []byte
		for _, v := range got {
			for _, x := range v {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
			}
		}
		if err := os.WriteFile(filepath.Join("..", "golden_sscd.f32"), raw, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Log("rewritten; what was built holds the old ones still")
		return
	}
	limit := embed.GoldenTolerance
	if cpu.X86.HasAVX512VNNI { // as the chip that they were computed on, where the runtime takes the same way
		limit = 1e-6
	}
	d := embed.MaxDrift(got, b.Manifest().KnownGolden())
	t.Logf("this machine is %.3g off the known vectors", d)
	if d > limit {
		t.Errorf("drift %v, want at most %v", d, limit)
	}
}

func embedAll(t *testing.T, b *Backend, tiles [][]byte) []embed.Vector {
	t.Helper()
	vs, err := b.Embed(t.Context(), tiles)
	if err != nil {
		t.Fatal(err)
	}
	return vs
}

// What a server may do to a tile, by mistake or to save bytes, must move the golden vectors further than the tolerance,
// or the comparison at connect would let it pass.
func TestMistakesShowInTheGolden(t *testing.T) {
	b := openReal(t, defaultTuning())
	size := b.Manifest().TileSize
	known := b.Manifest().KnownGolden()
	at := func(tile []byte, x, y, c int) byte {
		return tile[(min(max(y, 0), size-1)*size+min(max(x, 0), size-1))*3+c]
	}
	for _, m := range []struct {
		name string
		draw func(tile []byte, x, y, c int) byte
	}{
		{"blue for red", func(tile []byte, x, y, c int) byte { return at(tile, x, y, 2-c) }},
		{"mirrored", func(tile []byte, x, y, c int) byte { return at(tile, size-1-x, y, c) }},
		{"upside down", func(tile []byte, x, y, c int) byte { return at(tile, x, size-1-y, c) }},
		{"rows for columns", func(tile []byte, x, y, c int) byte { return at(tile, y, x, c) }},
		{"channels first", func(tile []byte, x, y, c int) byte {
			i := (y*size+x)*3 + c
			return at(tile, i%size, i/size%size, i/(size*size))
		}},
		{"one pixel aside", func(tile []byte, x, y, c int) byte { return at(tile, x+1, y, c) }},
		{"a border cut off", func(tile []byte, x, y, c int) byte { return at(tile, 1+x*(size-2)/size, 1+y*(size-2)/size, c) }},
		{"255/256 as bright", func(tile []byte, x, y, c int) byte { return byte((int(at(tile, x, y, c))*255 + 128) / 256) }},
		{"one grey level up", func(tile []byte, x, y, c int) byte { return min(at(tile, x, y, c), 254) + 1 }},
		{"range 16 to 235", func(tile []byte, x, y, c int) byte { return byte(16 + int(at(tile, x, y, c))*219/255) }},
		{"six bits", func(tile []byte, x, y, c int) byte { return at(tile, x, y, c) &^ 3 }},
		{"colours halved", func(tile []byte, x, y, c int) byte {
			return byte((int(at(tile, x&^1, y&^1, c)) + int(at(tile, x|1, y|1, c)) + 1) / 2)
		}},
	} {
		var tiles [][]byte
		for _, tile := range embed.GoldenTiles(size) {
			var out []byte
			for y := range size {
				for x := range size {
					for c := range 3 {
						out = append(out, m.draw(tile, x, y, c))
					}
				}
			}
			tiles = append(tiles, out)
		}
		d := embed.MaxDrift(embedAll(t, b, tiles), known)
		t.Logf("%-20s %.4f", m.name, d)
		if d < 2*embed.GoldenTolerance {
			t.Errorf("%s: drift %v, want well over the tolerance of %v", m.name, d, embed.GoldenTolerance)
		}
	}
	if d := embed.MaxDrift(embedAll(t, b, throughJPEG(t, size)), known); d < 2*embed.GoldenTolerance {
		t.Errorf("lossy wire: drift %v", d)
	} else {
		t.Logf("%-20s %.4f", "lossy wire", d)
	}
	swapped := slices.Clone(known)
	swapped[6], swapped[7] = swapped[7], swapped[6]
	if d := embed.MaxDrift(swapped, known); d < 2*embed.GoldenTolerance {
		t.Errorf("two vectors swapped: drift %v", d)
	}
}

// throughJPEG are the golden tiles as a server gets them by the lossy wire.
func throughJPEG(t *testing.T, size int) (tiles [][]byte) {
	t.Helper()
	for _, tile := range embed.GoldenTiles(size) {
		file, err := wire.EncodeJPEG95(tile, size)
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		var out []byte
		for y := range size {
			for x := range size {
				r, g, b, _ := img.At(x, y).RGBA()
				out = append(out, byte(r>>8), byte(g>>8), byte(b>>8))
			}
		}
		tiles = append(tiles, out)
	}
	return tiles
}
