package worker

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/dupfind/dupfind/internal/decode"
)

const side = decode.TileSize

// tileOf draws a tile by a function of the position that returns grey levels.
func tileOf(f func(x, y int) [3]float64) []byte {
	t := make([]byte, side*side*3)
	for i := range side * side {
		for c, v := range f(i%side, i/side) {
			t[i*3+c] = byte(math.Round(min(max(v, 0), 255)))
		}
	}
	return t
}

func grey(v float64) [3]float64 { return [3]float64{v, v, v} }

func TestLowDetail(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	noise := func(level, sigma float64) func(x, y int) [3]float64 {
		return func(int, int) [3]float64 {
			return [3]float64{level + sigma*r.NormFloat64(), level + sigma*r.NormFloat64(), level + sigma*r.NormFloat64()}
		}
	}
	for _, c := range []struct {
		name string
		draw func(x, y int) [3]float64
		want bool
	}{
		{"black", func(int, int) [3]float64 { return grey(0) }, true},
		{"white page", func(int, int) [3]float64 { return grey(255) }, true},
		{"one colour", func(int, int) [3]float64 { return [3]float64{30, 90, 200} }, true},
		{"cap on the lens, noisy", noise(4, 1.5), true},
		{"scanned blank page", noise(246, 1.2), true},
		{"JPEG blocks", func(x, y int) [3]float64 { return grey(128 + float64((x/8+y/8)%2)) }, true},
		{"fog", func(x, y int) [3]float64 { return grey(200 + 12*float64(y)/side) }, false},
		{"clear sky", func(x, y int) [3]float64 { return [3]float64{90, 130, 190 + 30*float64(y)/side} }, false},
		{"starry night", func(x, y int) [3]float64 {
			if x%53 == 7 && y%71 == 9 {
				return grey(40)
			}
			return grey(6 + r.NormFloat64())
		}, false},
		{"one star", func(x, y int) [3]float64 {
			if x == 100 && y == 50 {
				return grey(30)
			}
			return grey(6)
		}, false},
		{"faint pencil", func(x, y int) [3]float64 {
			if y == 40 && x > 50 && x < 150 {
				return grey(236)
			}
			return grey(250 + 0.8*r.NormFloat64())
		}, false},
		{"pale colour on one side", func(x, y int) [3]float64 {
			if x < side/4 {
				return [3]float64{250, 250, 240}
			}
			return grey(250)
		}, false},
		{"photo", func(x, y int) [3]float64 { return grey(128 + 60*math.Sin(float64(x)/9)*math.Cos(float64(y)/13)) }, false},
	} {
		if got := lowDetail(tileOf(c.draw), side); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestThumbSize(t *testing.T) {
	for _, c := range [][4]int{{4000, 3000, 224, 168}, {3000, 4000, 168, 224}, {224, 224, 224, 224}, {100, 50, 100, 50}, {1, 1, 1, 1}, {60000, 2, 224, 1}, {3, 1, 3, 1}} {
		if w, h := thumbSize(c[0], c[1]); w != c[2] || h != c[3] {
			t.Errorf("%d x %d: got %d x %d, want %d x %d", c[0], c[1], w, h, c[2], c[3])
		}
	}
}
