package embed

import (
	"context"
	"fmt"
	"math"
)

// Vector is one embedding: Manifest.Dim numbers of unit length.
type Vector = []float32

// Backend runs one model. Its methods may be called from several goroutines at once.
type Backend interface {
	// Manifest describes the model that runs, with the digest of its weights filled in.
	Manifest() Manifest
	// Embed gives one unit vector for each tile, in order. A tile is TileSize x TileSize pixels of 8-bit RGB, row
	// by row. Tiles are not kept after the return; the vectors belong to the caller. A tile that cannot be
	// embedded though the others can is reported as a *TileError; when ctx ends, the error wraps its cause.
	Embed(ctx context.Context, tiles [][]byte) ([]Vector, error)
	// Close frees the model, after the calls in flight have returned. Embed fails afterwards.
	Close() error
}

// TileError says which tile of a batch is at fault, so that a caller can drop that one photo and embed the rest.
type TileError struct {
	Index int // in the batch given to Embed
	Err   error
}

func (e *TileError) Error() string { return fmt.Sprintf("tile %d: %v", e.Index, e.Err) }

// Unwrap returns the reason.
func (e *TileError) Unwrap() error { return e.Err }

// CheckTiles reports the first tile whose size is not that of the manifest, as a *TileError.
func (m Manifest) CheckTiles(tiles [][]byte) error {
	want := m.TileSize * m.TileSize * 3
	for i, t := range tiles {
		if len(t) != want {
			return &TileError{Index: i, Err: fmt.Errorf("%d bytes, want %d (%d x %d RGB)", len(t), want, m.TileSize, m.TileSize)}
		}
	}
	return nil
}

// NormTolerance is how far from 1 the length of a vector may be. Float32 and a model's own normalisation stay below
// 1e-5; what is further off was not normalised, or is damaged.
const NormTolerance = 1e-3

// CheckVector reports why v is not a unit vector of dim finite numbers, or nil.
func CheckVector(v []float32, dim int) error {
	if len(v) != dim {
		return fmt.Errorf("vector has %d numbers, want %d", len(v), dim)
	}
	var sum float64
	for i, x := range v {
		f := float64(x)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("vector holds %v at %d", x, i)
		}
		sum += float64(f * f) // the conversion forbids a fused multiply-add: the same answer on every chip
	}
	if n := math.Sqrt(sum); math.Abs(n-1) > NormTolerance {
		return fmt.Errorf("vector has length %.6g, want 1", n)
	}
	return nil
}

// Normalise scales v to unit length in place. A vector without a direction (zero, or not finite) is an error.
func Normalise(v []float32) error {
	var sum float64
	for _, x := range v {
		sum += float64(float64(x) * float64(x))
	}
	n := math.Sqrt(sum)
	if n == 0 || math.IsNaN(n) || math.IsInf(n, 0) {
		return fmt.Errorf("vector has length %v and no direction", n)
	}
	for i, x := range v {
		v[i] = float32(float64(x) / n)
	}
	return nil
}
