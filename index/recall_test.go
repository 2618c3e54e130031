package index_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/dupfind/dupfind/index"
	"github.com/dupfind/dupfind/index/exact"
)

// library makes unit vectors, a third of them near another.
func library(r *rand.Rand, n, dim int) index.Vectors {
	v := index.Vectors{Dim: dim, Data: make([]float32, n*dim)}
	for i := range n {
		row, noise := v.Row(i), 1.0
		if i > 0 && r.IntN(3) == 0 {
			copy(row, v.Row(r.IntN(i)))
			noise = 0.2 / math.Sqrt(float64(dim))
		}
		var s float64
		for k := range row {
			row[k] += float32(noise * r.NormFloat64())
			s += float64(row[k]) * float64(row[k])
		}
		for k := range row {
			row[k] /= float32(math.Sqrt(s))
		}
	}
	return v
}

func allPairs(t *testing.T, v index.Vectors, threshold float64) []index.Pair {
	t.Helper()
	var out []index.Pair
	err := (&exact.Engine{}).Pairs(t.Context(), v, 0, threshold, nil, func(p []index.Pair) error {
		out = append(out, p...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSampleRows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ n, size, want int }{{0, 5, 0}, {5, 0, 0}, {5, 5, 5}, {5, 9, 5}, {1000, 300, 300}} {
		rows := index.SampleRows(r, c.n, c.size)
		if len(rows) != c.want || !slices.IsSorted(rows) || len(slices.Compact(slices.Clone(rows))) != c.want {
			t.Errorf("%d of %d: got %d rows, %v", c.size, c.n, len(rows), rows)
		}
	}
}

// The pairs of the drawn rows are those of the whole search that have one, over
// several blocks too.
func TestTruePairs(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 300, 1<<15 + 700} {
		v := library(r, n, 6)
		rows := index.SampleRows(r, n, 150)
		last := int64(-1)
		got, err := index.TruePairs(t.Context(), &exact.Engine{}, v, rows, 0.9999, func(done, total int64) {
			if done < last || done > total || total != int64(n*len(rows)) {
				t.Errorf("progress %d of %d after %d", done, total, last)
			}
			last = done
		})
		if err != nil {
			t.Fatal(err)
		}
		want := slices.DeleteFunc(allPairs(t, v, 0.9999), func(p index.Pair) bool {
			return !slices.Contains(rows, p.A) && !slices.Contains(rows, p.B)
		})
		if !slices.Equal(got, want) {
			t.Errorf("n %d: got %d pairs, want %d", n, len(got), len(want))
		}
		if last != int64(n*len(rows)) {
			t.Errorf("n %d: progress ended at %d of %d", n, last, n*len(rows))
		}
	}
}

type inexact struct{ index.Engine }

func (inexact) Exact() bool { return false }

func TestTruePairsStops(t *testing.T) {
	v := library(rand.New(rand.NewPCG(5, 6)), 100, 4)
	if _, err := index.TruePairs(t.Context(), inexact{&exact.Engine{}}, v, []int32{1}, 0.9, nil); err == nil {
		t.Error("an engine that misses pairs was taken for the truth")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := index.TruePairs(ctx, &exact.Engine{}, v, []int32{1}, 0.9, nil); err == nil {
		t.Error("no error after the context ended")
	}
}

func TestEstimateRecall(t *testing.T) {
	pair := func(a, b int32) index.Pair { return index.Pair{A: a, B: b, Cosine: 0.99} }
	rows := []int32{1, 5, 8}
	truth := []index.Pair{pair(1, 2), pair(1, 5), pair(5, 9), pair(7, 8)}
	for _, c := range []struct {
		name  string
		found []index.Pair
		want  index.Recall
	}{
		{"all, and pairs of other rows, out of order", []index.Pair{pair(7, 8), pair(3, 4), pair(5, 9), pair(1, 5), pair(1, 2)}, index.Recall{Rows: 3, Paired: 3, Whole: 3, Pairs: 5, Found: 5}},
		{"none", nil, index.Recall{Rows: 3, Paired: 3, Pairs: 5}},
		{"one that two drawn rows have", []index.Pair{pair(1, 5)}, index.Recall{Rows: 3, Paired: 3, Pairs: 5, Found: 2}},
		{"some", []index.Pair{pair(7, 8), pair(1, 2)}, index.Recall{Rows: 3, Paired: 3, Whole: 1, Pairs: 5, Found: 2}},
	} {
		got := index.EstimateRecall(10, rows, truth, c.found)
		if got.Low < 0 || got.Low > got.Value() || got.High < got.Value() || got.High > 1 || got.Low == got.High {
			t.Errorf("%s: recall %v in [%v, %v]", c.name, got.Value(), got.Low, got.High)
		}
		got.Low, got.High = 0, 0
		if got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
	if got := index.EstimateRecall(10, rows, nil, truth); got.Value() != 1 || got.Low != 0 || got.High != 1 {
		t.Errorf("no pairs: got %v in [%v, %v], want 1, and nothing known", got.Value(), got.Low, got.High)
	}
	if got := index.EstimateRecall(3, rows, truth, truth[:1]); got.Low != got.Value() || got.High != got.Value() || got.Value() != 0.2 {
		t.Errorf("all rows drawn: got %v in [%v, %v], want exactly 0.2", got.Value(), got.Low, got.High)
	}
	// Wilson's interval for 100 of 100 begins at 100/(100 + z*z).
	var hundred []index.Pair
	var some []int32
	for i := range int32(100) {
		hundred, some = append(hundred, pair(i, i+1000)), append(some, i)
	}
	if got := index.EstimateRecall(5000, some, hundred, hundred); math.Abs(got.Low-0.963005) > 1e-5 || got.High != 1 {
		t.Errorf("100 of 100: got [%v, %v], want [0.963005, 1]", got.Low, got.High)
	}
}

// The interval holds the recall about as often as it says, also where an engine
// loses whole bursts.
func TestIntervalCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	const n = 20_000
	var truth, found []index.Pair
	for row := int32(0); row < n-60; {
		size := int32(2)
		if r.IntN(40) == 0 {
			size = 10 + r.Int32N(40)
		}
		lost := r.Float64() < 0.08 // with all its pairs
		for a := row; a < row+size; a++ {
			for b := a + 1; b < row+size; b++ {
				p := index.Pair{A: a, B: b}
				truth = append(truth, p)
				if !lost && r.Float64() < 0.97 {
					found = append(found, p)
				}
			}
		}
		row += size + 1
	}
	recall := float64(len(found)) / float64(len(truth))
	const tries = 300
	covered := 0
	for range tries {
		rows := index.SampleRows(r, n, 1000)
		var known []index.Pair
		for _, p := range truth {
			_, a := slices.BinarySearch(rows, p.A)
			_, b := slices.BinarySearch(rows, p.B)
			if a || b {
				known = append(known, p)
			}
		}
		if got := index.EstimateRecall(n, rows, known, found); got.Low <= recall && recall <= got.High {
			covered++
		}
	}
	if share := float64(covered) / tries; share < 0.92 {
		t.Errorf("the interval held the recall %v in %v of the samples", recall, share)
	} else {
		t.Logf("recall %.4f, covered in %.3f of the samples", recall, share)
	}
}
