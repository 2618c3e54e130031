package exact

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/dupfind/dupfind/index"
)

// TestMain says which kernels the tests below run: those that this processor
// lacks are tested where it does not.
func TestMain(m *testing.M) {
	for _, k := range kernels {
		if why := k.lacks(); why != "" {
			fmt.Fprintf(os.Stderr, "kernel %s is not tested here: %s\n", k.name, why)
		}
	}
	goleak.VerifyTestMain(m)
}

// short asks for less where every instruction costs tens: under an emulator, which
// gets -short, and under the race detector.
func short() bool { return testing.Short() || raceDetector }

// here calls f with the name of each kernel that this processor has.
func here(f func(kernel string)) {
	for _, name := range Kernels() {
		f(name)
	}
}

// random makes n unit vectors of which about a third are near copies of
// others, so that pairs lie all over the scale.
func random(r *rand.Rand, n, dim int) index.Vectors {
	v := index.Vectors{Dim: dim, Data: make([]float32, n*dim)}
	for i := range n {
		row := v.Row(i)
		noise := float32(1)
		if i > 0 && r.IntN(3) == 0 {
			copy(row, v.Row(r.IntN(i)))
			noise = float32(math.Pow(10, -4*r.Float64())) / float32(math.Sqrt(float64(dim)))
		}
		for k := range row {
			row[k] += noise * float32(r.NormFloat64())
		}
		unit(row)
	}
	return v
}

func unit(row []float32) {
	var s float64
	for _, x := range row {
		s += float64(x) * float64(x)
	}
	for k := range row {
		row[k] = float32(float64(row[k]) / math.Sqrt(s))
	}
}

// table makes a table of rows.
func tableOf(rows ...[]float32) index.Vectors {
	return index.Vectors{Dim: len(rows[0]), Data: slices.Concat(rows...)}
}

// brute is what every kernel has to find.
func brute(v index.Vectors, firstNew int, t float64) []index.Pair {
	var out []index.Pair
	for a := range v.N() {
		for b := max(a+1, firstNew); b < v.N(); b++ {
			if c := Cosine(v.Row(a), v.Row(b)); c >= t {
				out = append(out, index.Pair{A: int32(a), B: int32(b), Cosine: c})
			}
		}
	}
	return out
}

func collectAll(t testing.TB, e *Engine, v index.Vectors, firstNew int, threshold float64) []index.Pair {
	t.Helper()
	var out []index.Pair
	err := e.Pairs(t.Context(), v, firstNew, threshold, nil, func(p []index.Pair) error {
		out = append(out, p...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// check holds every kernel against brute, by one worker and by three.
func check(t *testing.T, v index.Vectors, firstNew int, threshold float64) {
	t.Helper()
	want := brute(v, firstNew, threshold)
	workers := 3
	here(func(kernel string) {
		got := collectAll(t, &Engine{Workers: workers, Kernel: kernel}, v, firstNew, threshold)
		if !slices.Equal(got, want) {
			t.Errorf("n %d, dim %d, first new %d, t %v, kernel %s: got %d pairs, want %d", v.N(), v.Dim, firstNew, threshold, kernel, len(got), len(want))
		}
		workers = 4 - workers
	})
}
