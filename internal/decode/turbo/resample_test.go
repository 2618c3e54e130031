package turbo

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func randomPixels(r *rand.Rand, w, h int) []byte {
	pix := make([]byte, w*h*3)
	for i := range pix {
		if pix[i] = byte(r.IntN(256)); r.IntN(3) == 0 {
			pix[i] = byte(r.IntN(2) * 255) // extremes, where sums come near their limits
		}
	}
	return pix
}

// The portable code is the definition; what runs on this chip must not differ by a bit, or one photo had two tiles.
func TestFastPassesAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		w, h, outW, outH := 1+r.IntN(400), 1+r.IntN(300), 1+r.IntN(250), 1+r.IntN(250)
		v := view{randomPixels(r, w, h), w, h, float64(w) - r.Float64(), float64(h) - r.Float64()}
		if !bytes.Equal(squash(v, outW, outH, 0), squash(v, outW, outH, 1)) {
			t.Fatalf("%dx%d to %dx%d differs from the portable code", w, h, outW, outH)
		}
	}
}

// bicubic is the filter in floating point, straight from its definition.
func bicubic(pix []byte, w, h, outW, outH int) []float64 {
	weight := func(x float64) float64 {
		x = math.Abs(x)
		switch {
		case x < 1:
			return (1.5*x-2.5)*x*x + 1
		case x < 2:
			return ((-0.5*x+2.5)*x-4)*x + 2
		}
		return 0
	}
	weights := func(n, out, i int) []float64 {
		scale := float64(n) / float64(out)
		stretch := max(scale, 1)
		ws, sum := make([]float64, n), 0.0
		for j := range n {
			ws[j] = weight((float64(j) + 0.5 - (float64(i)+0.5)*scale) / stretch)
			sum += ws[j]
		}
		for j := range ws {
			ws[j] /= sum
		}
		return ws
	}
	out := make([]float64, outW*outH*3)
	for y := range outH {
		wy := weights(h, outH, y)
		for x := range outW {
			wx := weights(w, outW, x)
			for j, a := range wy {
				for i, b := range wx {
					for c := range 3 {
						out[(y*outW+x)*3+c] += a * b * float64(pix[(j*w+i)*3+c])
					}
				}
			}
		}
	}
	return out
}

func TestResampleIsBicubic(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, size := range [][4]int{{40, 30, 16, 16}, {97, 41, 20, 31}, {8, 8, 24, 20}, {1, 1, 5, 5}, {33, 2, 16, 16}, {16, 16, 16, 16}} {
		w, h, outW, outH := size[0], size[1], size[2], size[3]
		pix := randomPixels(r, w, h)
		got, want := Resample(pix, w, h, 1, outW, outH), bicubic(pix, w, h, outW, outH)
		for i := range got {
			if diff := math.Abs(float64(got[i]) - min(max(want[i], 0), 255)); diff > 0.7 {
				t.Fatalf("%v: value %d is %d, want %.2f", size, i, got[i], want[i])
			}
		}
	}
}

func TestResampleKeepsFlatColours(t *testing.T) {
	for _, v := range []byte{0, 1, 127, 254, 255} {
		pix := bytes.Repeat([]byte{v}, 331*257*3)
		if got := Resample(pix, 331, 257, 1, 100, 90); !bytes.Equal(got, bytes.Repeat([]byte{v}, len(got))) {
			t.Errorf("flat %d did not stay flat", v)
		}
	}
}

// upright turns pixels by the letter of EXIF's table: which side the stored picture's first row and column are.
func upright(pix []byte, w, h, orientation int) []byte {
	outW, outH := w, h
	if orientation >= 5 {
		outW, outH = h, w
	}
	out := make([]byte, len(pix))
	for y := range h {
		for x := range w {
			var ox, oy int
			switch orientation {
			case 1: // row 0 is the top, column 0 the left
				ox, oy = x, y
			case 2: // top, right
				ox, oy = outW-1-x, y
			case 3: // bottom, right
				ox, oy = outW-1-x, outH-1-y
			case 4: // bottom, left
				ox, oy = x, outH-1-y
			case 5: // left, top
				ox, oy = y, x
			case 6: // right, top
				ox, oy = outW-1-y, x
			case 7: // right, bottom
				ox, oy = outW-1-y, outH-1-x
			case 8: // left, bottom
				ox, oy = y, outH-1-x
			}
			copy(out[(oy*outW+ox)*3:][:3], pix[(y*w+x)*3:][:3])
		}
	}
	return out
}

func TestResampleTurns(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	const w, h = 30, 20
	pix := randomPixels(r, w, h)
	for orientation := 1; orientation <= 8; orientation++ {
		t.Run(fmt.Sprint(orientation), func(t *testing.T) {
			outW, outH := w, h
			if orientation >= 5 {
				outW, outH = h, w
			}
			if got := Resample(pix, w, h, orientation, outW, outH); !bytes.Equal(got, upright(pix, w, h, orientation)) {
				t.Error("turned wrongly")
			}
		})
	}
	for _, orientation := range []int{0, -1, 9, 65535} {
		if !bytes.Equal(Resample(pix, w, h, orientation, w, h), pix) {
			t.Errorf("orientation %d is not taken for 1", orientation)
		}
	}
}

func BenchmarkResample(b *testing.B) {
	pix := randomPixels(rand.New(rand.NewPCG(1, 2)), 504, 378)
	b.ReportAllocs()
	for b.Loop() {
		Resample(pix, 504, 378, 1, 224, 224)
	}
}

func BenchmarkDecode(b *testing.B) {
	data := encode(b, picture(4000, 3000), 90)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data, Options{TileSize: 224, MinScaleTiles: 1.5}); err != nil {
			b.Fatal(err)
		}
	}
}
