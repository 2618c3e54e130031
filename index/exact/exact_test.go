package exact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/dupfind/dupfind/index"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

func collectAll(t *testing.T, e *Engine, v index.Vectors, firstNew int, threshold float64) []index.Pair {
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

// here calls f with the name of each kernel that this processor has.
func here(t testing.TB, f func(kernel string)) {
	t.Helper()
	for _, k := range kernels {
		if k.lacks() == "" {
			f(k.name)
		}
	}
}

func check(t *testing.T, v index.Vectors, firstNew int, threshold float64) {
	t.Helper()
	want := brute(v, firstNew, threshold)
	workers := 3
	here(t, func(kernel string) {
		got := collectAll(t, &Engine{Workers: workers, Kernel: kernel}, v, firstNew, threshold)
		if !slices.Equal(got, want) {
			t.Errorf("n %d, dim %d, first new %d, t %v, kernel %s: got %d pairs, want %d", v.N(), v.Dim, firstNew, threshold, kernel, len(got), len(want))
		}
		workers = 4 - workers
	})
}

func TestEqualsBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	edges := []int{0, 1, 2, 3, 5, 6, 7, 11, 12, 13, 31, 32, 33, 127, 261}
	thresholds := []float64{-1, 0, 0.5, 0.95, 0.9999, 1}
	for _, dim := range []int{1, 2, 3, 7, 8, 9, 31, 100} {
		for _, n := range edges {
			v := random(r, n, dim)
			check(t, v, 0, 0.5)
			for range 3 {
				firstNew := []int{0, n / 2, n - 1, n, n + 5, r.IntN(n + 1)}[r.IntN(6)]
				check(t, v, max(firstNew, 0), thresholds[r.IntN(len(thresholds))])
			}
		}
	}
}

func TestSpanEdges(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{leastSpan, leastSpan + 1, leastSpan + 2, leastSpan + 131} {
		v := random(r, n, 3)
		check(t, v, 0, 0.9999999)
		check(t, v, n-3, 0.5)
	}
}

// Pairs exactly at t belong to the answer, the next number above t does not
// let them in, and no rounding of the first pass loses any.
func TestPairsAtTheThreshold(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, dim := range []int{13, 512} {
		v := random(r, 60, dim)
		for range 40 {
			a, b := r.IntN(60), r.IntN(60)
			if a == b {
				continue
			}
			at := Cosine(v.Row(a), v.Row(b))
			pair := func(p index.Pair) bool { return p.A == int32(min(a, b)) && p.B == int32(max(a, b)) }
			if !slices.ContainsFunc(collectAll(t, &Engine{}, v, 0, at), pair) {
				t.Fatalf("dim %d: pair at exactly %v is lost", dim, at)
			}
			if slices.ContainsFunc(collectAll(t, &Engine{}, v, 0, math.Nextafter(at, 2)), pair) && at < 1 {
				t.Fatalf("dim %d: pair at %v passes a threshold above it", dim, at)
			}
			check(t, v, 0, at)
		}
	}
}

func TestEqualVectorsGiveAllPairsInOrder(t *testing.T) {
	n := 265
	v := index.Vectors{Dim: 16, Data: make([]float32, 16*n)}
	for i := range n {
		v.Row(i)[3] = 1
	}
	got := collectAll(t, &Engine{}, v, 0, 1)
	if len(got) != n*(n-1)/2 {
		t.Fatalf("got %d pairs, want %d", len(got), n*(n-1)/2)
	}
	if !slices.IsSortedFunc(got, func(x, y index.Pair) int { return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)) }) {
		t.Error("the pairs are not in order")
	}
}

func TestBatchesAreBounded(t *testing.T) {
	n := 600
	v := index.Vectors{Dim: 1, Data: slices.Repeat([]float32{1}, n)}
	sum := 0
	err := (&Engine{}).Pairs(t.Context(), v, 0, 0.5, nil, func(p []index.Pair) error {
		if len(p) == 0 || len(p) > batchPairs {
			return fmt.Errorf("batch of %d", len(p))
		}
		sum += len(p)
		return nil
	})
	if err != nil || sum != n*(n-1)/2 {
		t.Errorf("got %d pairs, %v", sum, err)
	}
}

func TestRefuses(t *testing.T) {
	nan := float32(math.NaN())
	for name, v := range map[string]index.Vectors{
		"no dimension": {Data: []float32{1}},
		"half a row":   {Dim: 2, Data: []float32{1, 0, 1}},
		"NaN":          {Dim: 2, Data: []float32{1, 0, nan, 0}},
		"infinity":     {Dim: 1, Data: []float32{float32(math.Inf(1))}},
	} {
		if err := (&Engine{}).Pairs(t.Context(), v, 0, 0.5, nil, func([]index.Pair) error { return nil }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := (&Engine{}).Pairs(t.Context(), index.Vectors{Dim: 1}, 0, math.NaN(), nil, nil); err == nil {
		t.Error("NaN as threshold: no error")
	}
}

func TestStopsEarly(t *testing.T) {
	v := random(rand.New(rand.NewPCG(9, 10)), 3*leastSpan, 4)
	full := errors.New("disk full")
	err := (&Engine{Workers: 4}).Pairs(t.Context(), v, 0, 0.5, nil, func([]index.Pair) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("got %v, want the error of yield", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = (&Engine{Workers: 4}).Pairs(ctx, v, 0, 2, func(done, _ int64) {
		if done > 0 {
			cancel()
		}
	}, func([]index.Pair) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}

func TestProgressEndsAtTotal(t *testing.T) {
	for _, n := range []int{0, 1, 2, 300, 3000} {
		for _, firstNew := range []int{0, n / 2, n} {
			var done, total, last int64
			err := (&Engine{}).Pairs(t.Context(), random(rand.New(rand.NewPCG(1, 1)), n, 3), firstNew, 2, func(d, all int64) {
				if d < last {
					t.Errorf("progress fell from %d to %d", last, d)
				}
				done, total, last = d, all, d
			}, func([]index.Pair) error { return nil })
			if err != nil || done != total {
				t.Errorf("n %d, first new %d: %d of %d, %v", n, firstNew, done, total, err)
			}
		}
	}
}

func BenchmarkPairs(b *testing.B) {
	const n, dim = 10_000, 512
	v := random(rand.New(rand.NewPCG(11, 12)), n, dim)
	here(b, func(kernel string) {
		b.Run(kernel, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				found := 0
				if err := (&Engine{Kernel: kernel}).Pairs(b.Context(), v, 0, 0.95, nil, func(p []index.Pair) error { found += len(p); return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(n*(n-1)/2), "ns/pair")
		})
	})
}
