package embed

import (
	_ "embed" // for sscdGolden
	"encoding/binary"
	"math"
)

// GoldenCount is how many golden tiles there are.
const GoldenCount = 16

// GoldenTolerance is how far a backend's vectors of the golden tiles may lie from those known of a model, by MaxDrift.
// Runtimes and chips round differently and stay below it; a backend beyond it runs another model, or feeds this one
// otherwise, and its vectors must not meet the others.
const GoldenTolerance = 0.001

// GoldenTiles draws the tiles that tell whether two backends run one model alike: size x size pixels of RGB, 8 to 1024
// a side. They are pictures with what photos have (light that falls off, soft and hard edges, things in front of
// others, texture from coarse to fine, dark and bright ones), all different and without any symmetry, so that a wrong
// order of channels, rows or tiles, a wrong normalisation, a resize too many or a lossy wire shows in their vectors.
// Integers alone make them: they are the same bytes on every chip. Changing a pixel of them makes what libraries have
// stored of their models useless.
func GoldenTiles(size int) [][]byte {
	tiles := make([][]byte, GoldenCount)
	for i := range tiles {
		s := newScene(i)
		tiles[i] = s.draw(size)
	}
	return tiles
}

// sscdGolden holds the vectors of the default model for GoldenTiles(224), float32 little-endian; a test of embed/local
// writes it.
//
//go:embed golden_sscd.f32
var sscdGolden []byte

// KnownGolden returns the vectors of the golden tiles that this program knows of the model beforehand: those of SSCD, nil
// for any other. They are the caller's.
func (m Manifest) KnownGolden() []Vector {
	s := SSCD()
	if m.Digest != s.Digest || m.Dim != s.Dim || m.TileSize != s.TileSize || len(sscdGolden) != 4*s.Dim*GoldenCount {
		return nil
	}
	vs := make([]Vector, GoldenCount)
	for i := range vs {
		vs[i] = make(Vector, m.Dim)
		for k := range vs[i] {
			vs[i][k] = math.Float32frombits(binary.LittleEndian.Uint32(sscdGolden[4*(i*m.Dim+k):]))
		}
	}
	return vs
}

// MaxDrift returns the largest 1 - cosine between a vector of a and the one of b at its place, whatever their lengths.
// It is +Inf where no vectors or not as many stand on both sides, where their dimensions differ, and where one has no
// direction or is not finite: such sets agree in nothing.
func MaxDrift(a, b []Vector) float64 {
	if len(a) != len(b) || len(a) == 0 {
		return math.Inf(1)
	}
	var worst float64
	for i := range a {
		d := drift(a[i], b[i])
		if !(d <= 2) { // NaN as well
			return math.Inf(1)
		}
		worst = max(worst, d)
	}
	return worst
}

// drift is 1 - cosine, computed as half the squared distance of the unit vectors: where they are nearly equal, the
// difference from 1 would be nothing but rounding.
func drift(a, b Vector) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	var aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		aa += float64(x * x) // the conversions forbid fused steps: one answer on every chip
		bb += float64(y * y)
	}
	na, nb := math.Sqrt(aa), math.Sqrt(bb)
	var sum float64
	for i := range a {
		d := float64(a[i])/na - float64(b[i])/nb
		sum += float64(d * d)
	}
	return min(sum/2, 2) // opposite vectors may pass 2 by rounding; min keeps a NaN
}
