package embed

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"testing"
)

// Libraries keep vectors of these tiles: whatever changes a byte of them breaks the comparison with all of those.
func TestGoldenTilesNeverChange(t *testing.T) {
	for size, want := range map[int]string{
		8:   "19d1511b7f86296c5f1107e0cbd56603f83df45899ef2c3238d49dcb0a27593c",
		224: "57d59dc3531a0e37d75a8e901c5af824d460ca63bf5a97710dd37132045ee4c1",
		288: "e0fa237dc07092412eb3de0ca3703547bc465b5042db3466ad88e7751914124c",
	} {
		h := sha256.New()
		for _, tile := range GoldenTiles(size) {
			h.Write(tile)
		}
		if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
			t.Errorf("%d px: got SHA-256 %s, want %s", size, got, want)
		}
	}
}

func TestGoldenTilesHoldDetail(t *testing.T) {
	for _, size := range []int{8, 31, 224} {
		tiles := GoldenTiles(size)
		if len(tiles) != GoldenCount {
			t.Fatalf("got %d tiles, want %d", len(tiles), GoldenCount)
		}
		for i, tile := range tiles {
			if len(tile) != size*size*3 {
				t.Fatalf("%d px, tile %d: %d bytes", size, i, len(tile))
			}
			for c := range 3 {
				if d := deviation(tile, c); d < 10 {
					t.Errorf("%d px, tile %d, channel %d: standard deviation %.1f grey levels, want at least 10", size, i, c, d)
				}
			}
			for j := range i {
				if bytes.Equal(tile, tiles[j]) {
					t.Errorf("%d px: tiles %d and %d are equal", size, j, i)
				}
			}
		}
	}
}

func deviation(tile []byte, channel int) float64 {
	var sum, squares float64
	for p := channel; p < len(tile); p += 3 {
		v := float64(tile[p])
		sum += v
		squares += v * v
	}
	n := float64(len(tile) / 3)
	return math.Sqrt(squares/n - sum/n*sum/n)
}

func TestKnownGolden(t *testing.T) {
	m := SSCD()
	vs := m.KnownGolden()
	if len(vs) != GoldenCount {
		t.Fatalf("got %d vectors of SSCD, want %d", len(vs), GoldenCount)
	}
	for i, v := range vs {
		if err := CheckVector(v, m.Dim); err != nil {
			t.Errorf("vector %d: %v", i, err)
		}
		for j := range i {
			if d := drift(v, vs[j]); d < 0.1 {
				t.Errorf("vectors %d and %d are only %v apart: swapped tiles would not show", i, j, d)
			}
		}
	}
	vs[0][0] = 9
	if m.KnownGolden()[0][0] == 9 {
		t.Error("a caller can change what the next one gets")
	}
	other, small := m, m
	other.Digest = "sha256:00"
	small.TileSize = 112
	if other.KnownGolden() != nil || small.KnownGolden() != nil {
		t.Error("vectors known of a model, or of a tile size, that nobody measured")
	}
}

func TestMaxDrift(t *testing.T) {
	inf, nan := math.Inf(1), float32(math.NaN())
	x, y := Vector{1, 0}, Vector{0, 1}
	for _, c := range []struct {
		name string
		a, b []Vector
		want float64
	}{
		{"equal", []Vector{x, y}, []Vector{x, y}, 0},
		{"lengths do not count", []Vector{x}, []Vector{{0.5, 0}}, 0},
		{"the worst counts", []Vector{x, x, x}, []Vector{x, y, x}, 1},
		{"opposite", []Vector{x}, []Vector{{-1, 0}}, 2},
		{"small angle", []Vector{x}, []Vector{{1, 1e-5}}, 5e-11},
		{"swapped", []Vector{x, y}, []Vector{y, x}, 1},
		{"none", nil, nil, inf},
		{"counts", []Vector{x, y}, []Vector{x}, inf},
		{"dimensions", []Vector{x}, []Vector{{1, 0, 0}}, inf},
		{"no direction", []Vector{x}, []Vector{{0, 0}}, inf},
		{"not a number", []Vector{x, x}, []Vector{{nan, 0}, x}, inf},
		{"infinite", []Vector{x}, []Vector{{float32(inf), 0}}, inf},
		{"empty vectors", []Vector{{}}, []Vector{{}}, inf},
	} {
		got := MaxDrift(c.a, c.b)
		if got != c.want && !(math.Abs(got-c.want) <= 1e-6*c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func BenchmarkGoldenTiles224(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		GoldenTiles(224)
	}
}
