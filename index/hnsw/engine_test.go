package hnsw

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/dupfind/dupfind/index"
	"github.com/dupfind/dupfind/index/distinct"
	"github.com/dupfind/dupfind/index/exact"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// photos makes n unit vectors as a library has them: most near nothing, a
// quarter near another one, and some equal to one.
func photos(r *rand.Rand, n, dim int) index.Vectors {
	v := index.Vectors{Dim: dim, Data: make([]float32, n*dim)}
	for i := range n {
		row := v.Row(i)
		noise := 1.0
		switch u := r.Float64(); {
		case i > 0 && u < 0.03:
			copy(row, v.Row(r.IntN(i)))
			continue
		case i > 0 && u < 0.25:
			copy(row, v.Row(r.IntN(i)))
			noise = 0.3 * r.Float64() / math.Sqrt(float64(dim))
		}
		var s float64
		for k := range row {
			row[k] += float32(noise * r.NormFloat64())
			s += float64(row[k]) * float64(row[k])
		}
		for k := range row {
			row[k] = float32(float64(row[k]) / math.Sqrt(s))
		}
	}
	return v
}

func prefix(v index.Vectors, n int) index.Vectors {
	return index.Vectors{Dim: v.Dim, Data: v.Data[:n*v.Dim]}
}

func search(t *testing.T, e index.Engine, v index.Vectors, firstNew int, threshold float64) []index.Pair {
	t.Helper()
	var out []index.Pair
	err := e.Pairs(t.Context(), v, firstNew, threshold, nil, func(p []index.Pair) error {
		out = append(out, p...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(out, order) {
		t.Fatal("the pairs are not in order")
	}
	return out
}

func order(x, y index.Pair) int { return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)) }

// checkRecall fails for a pair that is none (a wrong cosine included) and where
// fewer than the share of the true ones were found.
func checkRecall(t *testing.T, name string, v index.Vectors, firstNew int, threshold float64, got []index.Pair, share float64) {
	t.Helper()
	want := search(t, &exact.Engine{}, v, firstNew, threshold)
	for _, p := range got {
		i, ok := slices.BinarySearchFunc(want, p, order)
		if !ok || want[i] != p {
			t.Fatalf("%s: %v is no pair of the exact search", name, p)
		}
	}
	if len(slices.CompactFunc(got, func(x, y index.Pair) bool { return x == y })) < len(got) {
		t.Fatalf("%s: a pair came twice", name)
	}
	if recall := float64(len(got)) / float64(max(1, len(want))); len(want) > 0 && recall < share {
		t.Errorf("%s: found %d of %d pairs, %.4f, want %v at least", name, len(got), len(want), recall, share)
	}
}

func TestRecallOnASmallLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	v := photos(r, 600, 64)
	for _, threshold := range []float64{0.9, 0.97, 1} {
		got := search(t, New(Options{}), v, 0, threshold)
		checkRecall(t, fmt.Sprint("t ", threshold), v, 0, threshold, got, 0.98)
	}
}

func TestSmallAndOddTables(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 2, 31, 32, 33, smallGroup, smallGroup + 1} {
		for _, dim := range []int{1, 17} {
			v := photos(r, n, dim)
			for _, firstNew := range []int{0, n / 2, n, n + 3} {
				got := search(t, New(Options{}), v, firstNew, 0.5)
				checkRecall(t, fmt.Sprintf("n %d, dim %d, first new %d", n, dim, firstNew), v, firstNew, 0.5, got, 0.9)
			}
		}
	}
}

// A burst larger than a search's first list and than a node's links, among
// others: v0.6.1 alone finds a small part of its pairs.
func TestBurst(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	v := photos(r, 500, 64)
	center := slices.Clone(v.Row(0))
	for i := 100; i < 350; i++ {
		for k := range center {
			v.Row(i)[k] = center[k] + float32(0.01*r.NormFloat64())
		}
		var s float64
		for _, x := range v.Row(i) {
			s += float64(x) * float64(x)
		}
		for k := range center {
			v.Row(i)[k] /= float32(math.Sqrt(s))
		}
	}
	checkRecall(t, "burst", v, 0, 0.95, search(t, New(Options{}), v, 0, 0.95), 0.99)
}

// Thousands of equal rows are one node, and their pairs never lie in memory all
// at once.
func TestEqualRows(t *testing.T) {
	const n = 3000
	v := index.Vectors{Dim: 8, Data: make([]float32, 8*n)}
	for i := range n {
		v.Row(i)[3] = 1
	}
	v.Row(7)[3], v.Row(7)[2] = 0, 1
	e := New(Options{})
	pairs, batches := 0, 0
	err := e.Pairs(t.Context(), v, 0, 1, nil, func(p []index.Pair) error {
		pairs, batches = pairs+len(p), batches+1
		return nil
	})
	if want := (n - 1) * (n - 2) / 2; err != nil || pairs != want || batches < 2 {
		t.Errorf("got %d pairs in %d batches, %v, want %d pairs", pairs, batches, err, want)
	}
	if s := e.Stats(); s.Distinct != 2 || s.Added != 2 {
		t.Errorf("got %+v, want 2 distinct vectors", s)
	}
}

// New rows are added to what is there, in whatever order the table has them.
func TestExtended(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	v := photos(r, 500, 64)
	e := New(Options{})
	search(t, e, prefix(v, 400), 0, 0.9)
	got := search(t, e, v, 400, 0.9)
	checkRecall(t, "new rows", v, 400, 0.9, got, 0.97)
	if s := e.Stats(); s.Rebuilt != "" || s.Added == 0 || s.Added > 100 {
		t.Errorf("got %+v, want at most 100 vectors added", s)
	}
	// All pairs, of the same photos in another order, at a higher threshold.
	perm := r.Perm(v.N())
	mixed := index.Vectors{Dim: v.Dim}
	for _, i := range perm {
		mixed.Data = append(mixed.Data, v.Row(i)...)
	}
	got = search(t, e, mixed, 0, 0.95)
	checkRecall(t, "mixed", mixed, 0, 0.95, got, 0.97)
	if s := e.Stats(); s.Rebuilt != "" || s.Added != 0 {
		t.Errorf("got %+v, want nothing added", s)
	}
}

func TestRebuilt(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	v := photos(r, 300, 16)
	changed := index.Vectors{Dim: v.Dim, Data: slices.Clone(v.Data)}
	changed.Row(5)[0] += 0.01
	for _, c := range []struct {
		name      string
		v         index.Vectors
		threshold float64
		want      string
	}{
		{"a row is gone", prefix(v, 299), 0.9, "1 of its"},
		{"a row is changed", changed, 0.9, "1 of its"},
		{"lower threshold", v, 0.8, "down to cosine 0.9, not to 0.8"},
		{"other dimension", photos(r, 300, 8), 0.9, "16 numbers, these 8"},
		{"same", v, 0.9, ""},
	} {
		e := New(Options{})
		search(t, e, v, 0, 0.9)
		got := search(t, e, c.v, 0, c.threshold)
		checkRecall(t, c.name, c.v, 0, c.threshold, got, 0.97)
		if s := e.Stats().Rebuilt; !strings.Contains(s, c.want) || (s == "") != (c.want == "") {
			t.Errorf("%s: got %q, want %q", c.name, s, c.want)
		}
	}
}

func TestRefuses(t *testing.T) {
	nan := float32(math.NaN())
	for name, v := range map[string]index.Vectors{
		"no dimension": {Data: []float32{1}},
		"half a row":   {Dim: 2, Data: []float32{1, 0, 1}},
		"NaN":          {Dim: 2, Data: []float32{1, 0, nan, 0}},
		"infinity":     {Dim: 1, Data: []float32{float32(math.Inf(1))}},
		"zero":         {Dim: 2, Data: []float32{1, 0, 0, 0}},
	} {
		if err := New(Options{}).Pairs(t.Context(), v, 0, 0.5, nil, func([]index.Pair) error { return nil }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := New(Options{}).Pairs(t.Context(), index.Vectors{Dim: 1}, 0, math.NaN(), nil, nil); err == nil {
		t.Error("NaN as threshold: no error")
	}
	v := photos(rand.New(rand.NewPCG(1, 1)), 400, 4)
	err := New(Options{MostPairs: 1000}).Pairs(t.Context(), v, 0, -1, nil, func([]index.Pair) error { return nil })
	if !errors.Is(err, ErrTooManyPairs) {
		t.Errorf("all pairs: got %v, want %v", err, ErrTooManyPairs)
	}
}

// What the library panics with is an error, and the engine goes on.
func TestPanicsAreErrors(t *testing.T) {
	s := distinct.New(photos(rand.New(rand.NewPCG(2, 2)), 10, 4), nil)
	g := graph{h: newLibraryGraph(4), s: s, cut: 0.5, most: 100}
	err := g.extend(t.Context(), []int32{1, 2, 3, 2}, 1, 10, func() {})
	if err == nil || !strings.Contains(err.Error(), "panicked: node not added") {
		t.Errorf("the same key twice: got %v", err)
	}
}

func TestStopsEarly(t *testing.T) {
	v := photos(rand.New(rand.NewPCG(11, 12)), 300, 16)
	e := New(Options{})
	full := errors.New("disk full")
	if err := e.Pairs(t.Context(), v, 0, 0.5, nil, func([]index.Pair) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v, want the error of yield", err)
	}
	e = New(Options{})
	for _, at := range []int64{0, 1} {
		ctx, cancel := context.WithCancel(t.Context())
		err := e.Pairs(ctx, v, 0, 0.5, func(done, _ int64) {
			if done >= at {
				cancel()
			}
		}, func([]index.Pair) error { return nil })
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("canceled at %d: got %v, want canceled", at, err)
		}
	}
	checkRecall(t, "after a search that was stopped", v, 0, 0.9, search(t, e, v, 0, 0.9), 0.97)
}

func TestProgress(t *testing.T) {
	for _, n := range []int{0, 1, 300} {
		var done, total, last int64
		err := New(Options{}).Pairs(t.Context(), photos(rand.New(rand.NewPCG(1, 1)), n, 8), 0, 0.9, func(d, all int64) {
			if d < last {
				t.Errorf("progress fell from %d to %d", last, d)
			}
			done, total, last = d, all, d
		}, func([]index.Pair) error { return nil })
		if err != nil || done != total || (n > 0) != (total > 0) {
			t.Errorf("n %d: %d of %d, %v", n, done, total, err)
		}
	}
}
