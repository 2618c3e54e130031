package embedtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/dupfind/dupfind/embed"
)

// The vector of Pixels: low frequencies of a coarse picture, brightness finer than colour, and one constant.
const (
	pixelsTile  = 224
	pixelsGrid  = 32 // the coarse picture; divides the tile
	lumaSide    = 16 // frequencies a side, less the mean: 255
	chromaSide  = 11 // for each of two colour differences: 121, so 242
	pixelsDim   = 512
	flatFeature = 1.0 // see vector
)

// Pixels is the backend without weights. The zero value is ready to use.
type Pixels struct {
	closed atomic.Bool
}

var _ embed.Backend = (*Pixels)(nil)

// pixelsDigest stands for weights: the number rises when the vectors change.
var pixelsDigest = sha256.Sum256([]byte("pixels 1"))

// PixelsManifest describes Pixels. Of 1.5 million pairs of different photos one reached cosine 0.52; re-encoded to
// JPEG quality 10, or halved, a photo stays above 0.82, in grey above 0.70.
func PixelsManifest() embed.Manifest {
	return embed.Manifest{
		Name:       "pixels",
		Digest:     "sha256:" + hex.EncodeToString(pixelsDigest[:]),
		Dim:        pixelsDim,
		TileSize:   pixelsTile,
		Input:      embed.Input{Name: "tile", Layout: embed.NHWC, Type: embed.Uint8},
		Output:     "vector",
		Resampling: "bicubic",
		Normalised: true,
		Calibration: embed.Calibration{
			Knots:  []embed.Knot{{Cosine: 0, Similarity: 0}, {Cosine: 0.36, Similarity: 0.90}, {Cosine: 0.52, Similarity: 0.95}, {Cosine: 1, Similarity: 1}},
			Source: "measured on 1.5 million pairs of unrelated photos at 224 px",
		},
		License: "none needed: no weights",
		Source:  "built in, for tests",
	}
}

// Manifest implements embed.Backend.
func (p *Pixels) Manifest() embed.Manifest { return PixelsManifest() }

// Embed implements embed.Backend.
func (p *Pixels) Embed(ctx context.Context, tiles [][]byte) ([]embed.Vector, error) {
	if p.closed.Load() {
		return nil, errors.New("embed: the backend is closed")
	}
	if err := PixelsManifest().CheckTiles(tiles); err != nil {
		return nil, fmt.Errorf("embed: %w", err)
	}
	out := make([]embed.Vector, len(tiles))
	for i, t := range tiles {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("embed: %w", context.Cause(ctx))
		}
		out[i] = pixelsVector(t)
	}
	return out, nil
}

// Close implements embed.Backend.
func (p *Pixels) Close() error {
	p.closed.Store(true)
	return nil
}

// pixelsVector is a whitened spectrum: in photos a frequency's strength falls as the frequency, so that unweighted
// vectors would all say "bright above, dark below" and all photos would be alike. The square root keeps one strong
// edge from speaking for the picture. The constant gives a picture without detail a direction.
func pixelsVector(tile []byte) embed.Vector {
	y, cb, cr := coarse(tile)
	v := make([]float32, 0, pixelsDim)
	v = spectrum(v, y, lumaSide)
	v = spectrum(v, cb, chromaSide)
	v = spectrum(v, cr, chromaSide)
	for len(v) < pixelsDim-1 {
		v = append(v, 0)
	}
	v = append(v, flatFeature)
	if err := embed.Normalise(v); err != nil {
		panic(err) // finite pixels and a constant always have a direction
	}
	return v
}

type grid [pixelsGrid * pixelsGrid]float64

// coarse averages blocks of the tile and turns them to brightness and colour differences, in grey levels.
func coarse(tile []byte) (y, cb, cr grid) {
	const block = pixelsTile / pixelsGrid
	for gy := range pixelsGrid {
		for gx := range pixelsGrid {
			var rgb [3]int
			for dy := range block {
				row := tile[((gy*block+dy)*pixelsTile+gx*block)*3:][:block*3]
				for i, b := range row {
					rgb[i%3] += int(b)
				}
			}
			r, g, b := float64(rgb[0])/(block*block), float64(rgb[1])/(block*block), float64(rgb[2])/(block*block)
			i := gy*pixelsGrid + gx
			y[i] = float64(0.299*r) + float64(0.587*g) + float64(0.114*b)
			cb[i], cr[i] = b-y[i], r-y[i]
		}
	}
	return y, cb, cr
}

// cosines[k][x] is the k-th cosine wave over the grid.
var cosines = func() (c [lumaSide][pixelsGrid]float64) {
	for k := range c {
		for x := range c[k] {
			c[k][x] = math.Cos(math.Pi * float64(k) * (float64(x) + 0.5) / pixelsGrid)
		}
	}
	return c
}()

// spectrum appends the lowest side x side frequencies of g but the mean.
func spectrum(v []float32, g grid, side int) []float32 {
	var rows [pixelsGrid][lumaSide]float64
	for y := range pixelsGrid {
		for u := range side {
			var sum float64
			for x := range pixelsGrid {
				sum += float64(g[y*pixelsGrid+x] * cosines[u][x])
			}
			rows[y][u] = sum / pixelsGrid
		}
	}
	for w := range side {
		for u := range side {
			if u == 0 && w == 0 {
				continue
			}
			var sum float64
			for y := range pixelsGrid {
				sum += float64(rows[y][u] * cosines[w][y])
			}
			c := sum / pixelsGrid * math.Hypot(float64(u), float64(w))
			v = append(v, float32(math.Copysign(math.Sqrt(math.Abs(c)), c)))
		}
	}
	return v
}
