package distinct

import (
	"cmp"
	"context"
	"slices"

	"github.com/dupfind/dupfind/index"
)

// batchPairs is how many pairs yield gets at most at once.
const batchPairs = 1 << 16

type neighbour struct {
	slot   int32
	cosine float64
}

// near lists for each slot what it is a pair with.
type near struct {
	of     []neighbour
	starts []int // of slot s: of[starts[s]:starts[s+1]]
}

// score keeps the pairs at or above t, with their cosines.
func (tb *Table) score(pairs []Pair, t float64) near {
	cosines := make([]float64, len(pairs))
	n := near{starts: make([]int, tb.N()+1)}
	for i, k := range pairs {
		a, b := k.Slots()
		cosines[i] = index.Dot64(tb.Vector(a), tb.Vector(b))
		if cosines[i] >= t {
			n.starts[a+1]++
			n.starts[b+1]++
		}
	}
	for i := range tb.N() {
		n.starts[i+1] += n.starts[i]
	}
	n.of = make([]neighbour, n.starts[tb.N()])
	next := slices.Clone(n.starts)
	for i, k := range pairs {
		if cosines[i] < t {
			continue
		}
		a, b := k.Slots()
		n.of[next[a]], n.of[next[b]] = neighbour{b, cosines[i]}, neighbour{a, cosines[i]}
		next[a]++
		next[b]++
	}
	return n
}

// Expand turns pairs of slots into pairs of rows with cosine >= t, those of
// equal rows included, whose second row is firstNew or later, and hands them to
// yield as index.Engine says. No pair may come twice. It works row by row, so
// that thousands of equal rows need no memory for their millions of pairs.
func (tb *Table) Expand(ctx context.Context, pairs []Pair, firstNew int, t float64, yield func([]index.Pair) error) error {
	n := tb.score(pairs, t)
	batch := make([]index.Pair, 0, batchPairs)
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		defer func() { batch = batch[:0] }()
		return yield(batch)
	}
	var of []index.Pair // of one row
	for row, slot := range tb.slotOf {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		of = tb.appendRows(of[:0], row, slot, index.Dot64(tb.Vector(slot), tb.Vector(slot)), firstNew, t)
		for _, x := range n.of[n.starts[slot]:n.starts[slot+1]] {
			of = tb.appendRows(of, row, x.slot, x.cosine, firstNew, t)
		}
		slices.SortFunc(of, func(x, y index.Pair) int { return cmp.Compare(x.B, y.B) })
		for len(of) > 0 {
			fits := min(len(of), batchPairs-len(batch))
			batch = append(batch, of[:fits]...)
			if of = of[fits:]; len(batch) == batchPairs {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}

// appendRows appends the pairs of a row with the later rows of a slot.
func (tb *Table) appendRows(of []index.Pair, row int, slot int32, cosine float64, firstNew int, t float64) []index.Pair {
	if cosine < t {
		return of
	}
	rows := tb.Rows(slot)
	from, _ := slices.BinarySearch(rows, int32(max(row+1, firstNew)))
	for _, other := range rows[from:] {
		of = append(of, index.Pair{A: int32(row), B: other, Cosine: cosine})
	}
	return of
}
