package bench

import (
	"math/rand/v2"

	"github.com/dupfind/dupfind/embed"
)

const (
	// SyntheticTiles is how many tiles are made: enough that no batch in use holds one twice.
	SyntheticTiles = 64
	// grain is among how many neighbouring grey levels a pixel is moved. Drawn pictures are smoother than photos; with this
	// much the lossless WebP of a tile is 75 kB at 224 pixels, where 79 photos had 77. As JPEG 95 it is 25 kB, where those had
	// 32: for that wire, measure with photos.
	grain = 4
)

// Synthetic makes tiles of size x size pixels that cost a network and a codec what photos cost: the golden tiles, turned
// and mirrored, with grain. They are the same on every machine.
func Synthetic(size int) [][]byte {
	golden := embed.GoldenTiles(size)
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([][]byte, SyntheticTiles)
	for i := range out {
		out[i] = mirrored(golden[i%len(golden)], size, i/len(golden))
		for k, b := range out[i] {
			out[i][k] = byte(min(max(int(b)+rng.IntN(grain)-grain/2, 0), 255))
		}
	}
	return out
}

// mirrored mirrors left and right where bit 0 of how is set, top and bottom where bit 1 is.
func mirrored(tile []byte, size, how int) []byte {
	out := make([]byte, len(tile))
	for y := range size {
		for x := range size {
			fx, fy := x, y
			if how&1 != 0 {
				fx = size - 1 - x
			}
			if how&2 != 0 {
				fy = size - 1 - y
			}
			copy(out[(y*size+x)*3:][:3], tile[(fy*size+fx)*3:])
		}
	}
	return out
}
