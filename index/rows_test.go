package index

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

func TestDot64(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, dim := range []int{1, 3, 4, 5, 512, 515} {
		a, b := make([]float32, dim), make([]float32, dim)
		var want float64
		for k := range dim {
			a[k], b[k] = float32(r.NormFloat64())/float32(dim), float32(r.NormFloat64())/float32(dim)
			want += float64(a[k]) * float64(b[k])
		}
		if got := Dot64(a, b); math.Abs(got-want) > 1e-14 || got != Dot64(b, a) {
			t.Errorf("dim %d: got %v one way and %v the other, want about %v", dim, got, Dot64(b, a), want)
		}
	}
	if got := Dot64([]float32{2, 0}, []float32{2, 0}); got != 1 {
		t.Errorf("a product above 1: got %v, want 1", got)
	}
	if got := Dot64([]float32{2, 0}, []float32{-2, 0}); got != -1 {
		t.Errorf("a product below -1: got %v, want -1", got)
	}
}

func TestCheckRows(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, c := range []struct {
		name string
		bad  []float32
		want string
	}{
		{"NaN", []float32{0, nan}, "vector 1 has a number that is not finite"},
		{"infinity", []float32{inf, 1}, "vector 1 has a number that is not finite"},
		{"zero", []float32{0, 0}, "vector 1 is zero"},
	} {
		_, err := Vectors{Dim: 2, Data: append([]float32{3, 4}, c.bad...)}.CheckRows()
		bad, ok := errors.AsType[*RowError](err)
		if !ok || bad.Row != 1 || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
	square, err := Vectors{Dim: 2, Data: []float32{1, 0, 3, 4}}.CheckRows()
	if err != nil || square != 25 {
		t.Errorf("got %v, %v, want 25", square, err)
	}
}
