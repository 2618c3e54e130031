package exact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/dupfind/dupfind/index"
)

func TestEqualsBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	edges := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 31, 32, 33, 127, 261}
	thresholds := []float64{-2, -1, 0, 0.5, 0.95, 0.9999, 1, math.Inf(1)}
	for _, dim := range []int{1, 2, 3, 4, 7, 15, 16, 17, 31, 33, 63, 64, 65, 100, 512} {
		for _, n := range edges {
			if dim > 100 && n > 100 {
				continue // the large tests below have that
			}
			v := random(r, n, dim)
			check(t, v, 0, 0.5)
			for range 3 {
				firstNew := []int{-1, 0, n / 2, n - 1, n, n + 5, r.IntN(n + 1)}[r.IntN(7)]
				check(t, v, firstNew, thresholds[r.IntN(len(thresholds))])
			}
		}
	}
}

// Many stripes, spans and panels, and rows that begin anywhere in them.
func TestManyTasks(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{leastSpan, leastSpan + 1, leastSpan + 131} {
		if short() && n != leastSpan+1 {
			continue
		}
		v := random(r, n, 3)
		check(t, v, 0, 0.9999999)
		check(t, v, n-3, 0.5)
	}
	n := 3000
	if short() {
		n = 900
	}
	v := random(r, n, 512)
	check(t, v, 0, 0.9)
	check(t, v, n-61, 0.3)
	check(t, v, n/3, 0.97)
}

// Pairs exactly at t belong to the answer, the next number above t does not
// let them in, and no rounding of the first pass loses any.
func TestPairsAtTheThreshold(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	tries := 40
	if short() {
		tries = 10
	}
	for _, dim := range []int{13, 512} {
		v := random(r, 60, dim)
		for range tries {
			a, b := r.IntN(60), r.IntN(60)
			if a == b {
				continue
			}
			at := Cosine(v.Row(a), v.Row(b))
			check(t, v, 0, at)
			pair := func(p index.Pair) bool { return p.A == int32(min(a, b)) && p.B == int32(max(a, b)) }
			if !slices.ContainsFunc(collectAll(t, &Engine{}, v, 0, at), pair) {
				t.Fatalf("dim %d: pair at exactly %v is lost", dim, at)
			}
			if slices.ContainsFunc(collectAll(t, &Engine{}, v, 0, math.Nextafter(at, 2)), pair) && at < 1 {
				t.Fatalf("dim %d: pair at %v passes a threshold above it", dim, at)
			}
		}
	}
}

// The order of rows changes nothing but their numbers: each pair is found from
// either side, with the same cosine to the last bit, and never a row with itself.
func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	const n, dim = 500, 96
	v := random(r, n, dim)
	reversed := make([]int, n)
	for i := range reversed {
		reversed[i] = n - 1 - i
	}
	here(func(kernel string) {
		e := &Engine{Kernel: kernel}
		want := collectAll(t, e, v, 0, 0.3)
		if len(want) < n/4 {
			t.Fatalf("only %d pairs to compare", len(want))
		}
		for _, order := range [][]int{reversed, r.Perm(n), r.Perm(n)} {
			moved := index.Vectors{Dim: dim}
			for _, i := range order {
				moved.Data = append(moved.Data, v.Row(i)...)
			}
			got := collectAll(t, e, moved, 0, 0.3)
			for i, p := range got {
				if p.A >= p.B {
					t.Fatalf("kernel %s: pair of %d and %d", kernel, p.A, p.B)
				}
				a, b := int32(order[p.A]), int32(order[p.B])
				got[i].A, got[i].B = min(a, b), max(a, b)
			}
			slices.SortFunc(got, func(x, y index.Pair) int { return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)) })
			if !slices.Equal(got, want) {
				t.Errorf("kernel %s: got %d pairs, want the same %d", kernel, len(got), len(want))
			}
		}
	})
}

// Searches of the new rows alone, part after part, find together what one search finds.
func TestPartsGiveTheWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	const n, dim = 700, 40
	v := random(r, n, dim)
	want := brute(v, 0, 0.4)
	here(func(kernel string) {
		var got []index.Pair
		for from := 0; from < n; {
			to := min(n, from+1+r.IntN(200))
			part := index.Vectors{Dim: dim, Data: v.Data[:to*dim]}
			got = append(got, collectAll(t, &Engine{Kernel: kernel}, part, from, 0.4)...)
			from = to
		}
		slices.SortFunc(got, func(x, y index.Pair) int { return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)) })
		if !slices.Equal(got, want) {
			t.Errorf("kernel %s: got %d pairs, want %d", kernel, len(got), len(want))
		}
	})
}

// Thousands of equal vectors are millions of pairs. They are handed on in order
// as they are found, not collected.
func TestEqualVectorsDoNotBlowUp(t *testing.T) {
	n := 5000
	if short() {
		n = 1500
	}
	v := index.Vectors{Dim: 64, Data: make([]float32, 64*n)}
	for i := range n {
		v.Row(i)[3] = 1
	}
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var most uint64
	found, last := 0, index.Pair{A: -1}
	err := (&Engine{Workers: 2}).Pairs(t.Context(), v, 0, 0.95, nil, func(batch []index.Pair) error {
		for _, p := range batch {
			if p.A < last.A || p.A == last.A && p.B <= last.B || p.Cosine != 1 {
				return fmt.Errorf("%v after %v", p, last)
			}
			last = p
		}
		found += len(batch)
		if len(batch) == 0 || len(batch) > batchPairs {
			return fmt.Errorf("batch of %d", len(batch))
		}
		runtime.ReadMemStats(&now)
		most = max(most, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
		return nil
	})
	if err != nil || found != n*(n-1)/2 {
		t.Fatalf("got %d pairs, want %d; %v", found, n*(n-1)/2, err)
	}
	t.Logf("%d pairs, at most %d MiB", found, most>>20)
	if most > 128<<20 { // all pairs would be 190 MiB, and slices that grow twice that
		t.Errorf("the search held %d MiB", most>>20)
	}
}

// A task with more pairs than it may keep gives the same as one with fewer.
func TestDenseTasks(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	v := random(r, 900, 24)
	for _, firstNew := range []int{0, 417} {
		want := brute(v, firstNew, 0.2)
		here(func(kernel string) {
			for _, kept := range []int{0, 300, 3000} {
				s, err := (&Engine{Workers: 2, Kernel: kernel}).prepare(t.Context(), v, firstNew, 0.2)
				if err != nil {
					t.Fatal(err)
				}
				s.kept = kept
				var got []index.Pair
				err = s.run(t.Context(), func(int64, int64) {}, func(p []index.Pair) error { got = append(got, p...); return nil })
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("kernel %s, %d kept: got %d pairs, want %d; %v", kernel, kept, len(got), len(want), err)
				}
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	for name, v := range map[string]index.Vectors{
		"no dimension": {Data: []float32{1}},
		"half a row":   {Dim: 2, Data: []float32{1, 0, 1}},
	} {
		if err := (&Engine{}).Pairs(t.Context(), v, 0, 0.5, nil, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := (&Engine{}).Pairs(t.Context(), index.Vectors{Dim: 1}, 0, math.NaN(), nil, nil); err == nil {
		t.Error("NaN as threshold: no error")
	}
}

// A row that is no direction is refused by its number, the first of several, by
// whichever kernel and wherever the bad number stands.
func TestRefusesRows(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	const n, dim = 1000, 71
	for _, c := range []struct {
		name  string
		spoil func(row []float32, at int)
		want  string
	}{
		{"NaN", func(row []float32, at int) { row[at] = nan }, "has a number that is not finite"},
		{"infinity", func(row []float32, at int) { row[at] = inf }, "has a number that is not finite"},
		{"zero", func(row []float32, _ int) { clear(row) }, "is zero"},
		{"too long", func(row []float32, at int) { clear(row); row[at] = 2 }, "has length 2, not 1"},
		{"huge", func(row []float32, at int) { clear(row); row[at] = 1e30 }, "has length 1e+30, not 1"},
		{"tiny", func(row []float32, at int) { clear(row); row[at] = 1e-30 }, "has length 1e-30, not 1"},
	} {
		for i, at := range []int{0, 40, 64, dim - 1} {
			row := []int{0, 1, 333, n - 1}[i]
			v := random(rand.New(rand.NewPCG(13, uint64(i))), n, dim)
			c.spoil(v.Row(row), at)
			c.spoil(v.Row(n-1), at)
			here(func(kernel string) {
				err := (&Engine{Kernel: kernel, Workers: 3}).Pairs(t.Context(), v, 0, 0.5, nil, nil)
				bad, ok := errors.AsType[*index.RowError](err)
				if !ok || bad.Row != row || bad.Problem != c.want {
					t.Errorf("%s at %d, kernel %s: got %v, want row %d that %s", c.name, at, kernel, err, row, c.want)
				}
			})
		}
	}
}

func TestErrorOfYieldEndsTheSearch(t *testing.T) {
	v := random(rand.New(rand.NewPCG(15, 16)), 3*leastSpan, 4)
	full := errors.New("disk full")
	err := (&Engine{Workers: 4}).Pairs(t.Context(), v, 0, 0.5, nil, func([]index.Pair) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("got %v, want the error of yield", err)
	}
}

// A search ends soon when its context does, at any moment, with the cause of that.
func TestCancel(t *testing.T) {
	v := random(rand.New(rand.NewPCG(17, 18)), 2*leastSpan, 100)
	enough := errors.New("enough")
	here(func(kernel string) {
		e := &Engine{Workers: 4, Kernel: kernel}
		ctx, cancel := context.WithCancelCause(t.Context())
		err := e.Pairs(ctx, v, 0, 0.999, func(done, _ int64) {
			if done > 0 {
				cancel(enough)
			}
		}, func([]index.Pair) error { return nil })
		if !errors.Is(err, enough) {
			t.Errorf("kernel %s, after a task: got %v, want the cause", kernel, err)
		}
		if err := e.Pairs(ctx, v, 0, 0.999, nil, nil); !errors.Is(err, enough) {
			t.Errorf("kernel %s, before: got %v, want the cause", kernel, err)
		}
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(20))*time.Millisecond)
			err := e.Pairs(ctx, v, 0, 0.999, nil, func([]index.Pair) error { return nil })
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("kernel %s, in the middle: got %v", kernel, err)
			}
		}
	})
}

func TestProgressEndsAtTotal(t *testing.T) {
	for _, n := range []int{0, 1, 2, 300, 3000} {
		for _, firstNew := range []int{0, n / 2, n} {
			here(func(kernel string) {
				v := random(rand.New(rand.NewPCG(1, 1)), n, 3)
				last, total, calls := int64(-1), int64(-1), 0
				err := (&Engine{Kernel: kernel}).Pairs(t.Context(), v, firstNew, 2, func(done, all int64) {
					if done < last || done > all || total >= 0 && all != total {
						t.Errorf("progress went from %d of %d to %d of %d", last, total, done, all)
					}
					last, total = done, all
					calls++
				}, func([]index.Pair) error { return nil })
				if err != nil || last != total || calls == 0 {
					t.Errorf("n %d, first new %d, kernel %s: %d of %d in %d calls, %v", n, firstNew, kernel, last, total, calls, err)
				}
			})
		}
	}
}

func BenchmarkPairs(b *testing.B) {
	const n, dim = 10_000, 512
	v := random(rand.New(rand.NewPCG(19, 20)), n, dim)
	here(func(kernel string) {
		b.Run(kernel, func(b *testing.B) {
			b.ReportAllocs()
			e := &Engine{Kernel: kernel}
			for b.Loop() {
				if err := e.Pairs(b.Context(), v, 0, 0.95, nil, func([]index.Pair) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(n*(n-1)/2), "ns/pair")
		})
	})
}
