package distinct

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/dupfind/dupfind/index"
)

// rows makes a table whose rows are the standard unit vectors of the numbers.
func rows(dim int, numbers ...int) index.Vectors {
	v := index.Vectors{Dim: dim, Data: make([]float32, dim*len(numbers))}
	for i, n := range numbers {
		v.Row(i)[n] = 1
	}
	return v
}

func TestTable(t *testing.T) {
	first := New(rows(4, 2, 0, 2, 1, 0), nil)
	if first.N() != 3 || first.Missing() != 0 {
		t.Fatalf("got %d slots, %d missing, want 3 and 0", first.N(), first.Missing())
	}
	for slot, want := range [][]int32{{0, 2}, {1, 4}, {3}} {
		if got := first.Rows(int32(slot)); !slices.Equal(got, want) {
			t.Errorf("slot %d: got rows %v, want %v", slot, got, want)
		}
	}
	if got := first.Vector(2); got[1] != 1 {
		t.Errorf("slot 2: got %v", got)
	}
	second := New(rows(4, 3, 1, 2), first.Hashes)
	if second.N() != 4 || second.Missing() != 1 {
		t.Errorf("got %d slots, %d missing, want 4 and 1", second.N(), second.Missing())
	}
	for slot, want := range [][]int32{{2}, {}, {1}, {0}} {
		if got := second.Rows(int32(slot)); !slices.Equal(got, want) {
			t.Errorf("slot %d: got rows %v, want %v", slot, got, want)
		}
	}
}

func TestSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s Set
	want := make(map[Pair]bool)
	for range 5 * firstTidy {
		a, b := r.Int32N(200), r.Int32N(200)
		s.Add(PairOf(a, b))
		want[PairOf(b, a)] = true
		if len(s.pairs) > max(firstTidy, 2*len(want)) {
			t.Fatalf("%d pairs are kept for %d", len(s.pairs), len(want))
		}
	}
	if s.Over(len(want)) || !s.Over(len(want)/4) {
		t.Errorf("of %d pairs: over all %v, over a quarter %v", len(want), s.Over(len(want)), s.Over(len(want)/4))
	}
	got := s.Sorted()
	if len(got) != len(want) || !slices.IsSorted(got) || len(s.Sorted()) != 0 {
		t.Errorf("got %d pairs, want %d in order", len(got), len(want))
	}
	for _, p := range got {
		if a, b := p.Slots(); !want[p] || a > b {
			t.Fatalf("got %d, %d", a, b)
		}
	}
	if got := Union([]Pair{3, 7}, nil, []Pair{1, 7}); !slices.Equal(got, []Pair{1, 3, 7}) {
		t.Errorf("got %v", got)
	}
}

// Expanded pairs are those of a plain loop over the rows.
func TestExpand(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	v := index.Vectors{Dim: 3, Data: make([]float32, 3*400)}
	for i := range v.N() {
		copy(v.Row(i), []float32{0.6 * float32(1+r.IntN(2)), 0.8, float32(r.IntN(3))})
		for k := range 3 {
			v.Row(i)[k] /= 3
		}
	}
	tb := New(v, nil)
	if tb.N() != 6 {
		t.Fatalf("got %d slots, want 6", tb.N())
	}
	var all []Pair
	for a := range int32(6) {
		for b := range a {
			all = append(all, PairOf(a, b))
		}
	}
	for _, threshold := range []float64{-1, 0.2, 0.4, 0.9} {
		for _, firstNew := range []int{-1, 0, 200, 399, 400, 500} {
			var want, got []index.Pair
			for a := range v.N() {
				for b := max(a+1, firstNew); b < v.N(); b++ {
					if c := index.Dot64(v.Row(a), v.Row(b)); c >= threshold {
						want = append(want, index.Pair{A: int32(a), B: int32(b), Cosine: c})
					}
				}
			}
			err := tb.Expand(t.Context(), all, firstNew, threshold, func(p []index.Pair) error {
				if len(p) == 0 || len(p) > batchPairs {
					return fmt.Errorf("batch of %d", len(p))
				}
				got = append(got, p...)
				return nil
			})
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("t %v, first new %d: got %d pairs, %v, want %d", threshold, firstNew, len(got), err, len(want))
			}
		}
	}
}

func TestExpandStops(t *testing.T) {
	tb := New(rows(2, 0, 0, 1), nil)
	full := errors.New("disk full")
	if err := tb.Expand(t.Context(), nil, 0, 0.5, func([]index.Pair) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v, want the error of yield", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tb.Expand(ctx, nil, 0, 0.5, func([]index.Pair) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}
