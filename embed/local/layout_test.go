package local

import (
	"math"
	"slices"
	"testing"

	"github.com/dupfind/dupfind/embed"
)

func TestLayouts(t *testing.T) {
	tile := []byte{0, 51, 255, 102, 153, 204} // two pixels
	bytes := make([]byte, 6)
	layBytes(bytes, tile, embed.Input{Layout: embed.NHWC})
	if !slices.Equal(bytes, tile) {
		t.Errorf("nhwc: got %v", bytes)
	}
	layBytes(bytes, tile, embed.Input{Layout: embed.NCHW})
	if want := []byte{0, 102, 51, 153, 255, 204}; !slices.Equal(bytes, want) {
		t.Errorf("nchw: got %v, want %v", bytes, want)
	}
	in := embed.Input{Layout: embed.NHWC, Mean: [3]float32{0, 0.5, 1}, Std: [3]float32{1, 0.5, 2}}
	for layout, want := range map[embed.Layout][]float64{
		embed.NHWC: {0, -0.6, 0, 0.4, 0.2, -0.1},
		embed.NCHW: {0, 0.4, -0.6, 0.2, 0, -0.1},
	} {
		in.Layout = layout
		floats := make([]float32, 6)
		newTable(in).layFloats(floats, tile, layout)
		for i := range want {
			if math.Abs(float64(floats[i])-want[i]) > 1e-6 {
				t.Errorf("float32 %s: got %v, want %v", layout, floats, want)
				break
			}
		}
	}
}
