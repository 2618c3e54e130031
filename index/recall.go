package index

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Recall is the share of the pairs that an engine found, estimated from rows
// drawn at random, all of whose pairs are known.
type Recall struct {
	Rows   int // drawn
	Paired int // of these, rows that have pairs
	Whole  int // of these, rows of which every pair was found
	// Pairs is how many pairs the drawn rows have, and Found how many of them
	// the engine found. A pair of two drawn rows counts for each.
	Pairs, Found int64
	// Low and High bound the recall with 95 % confidence.
	Low, High float64
}

// Value is the estimate. Where there are no pairs, none was missed.
func (r Recall) Value() float64 {
	if r.Pairs == 0 {
		return 1
	}
	return float64(r.Found) / float64(r.Pairs)
}

// SampleRows draws size of n rows, or all where there are no more. They are in
// ascending order.
func SampleRows(r *rand.Rand, n, size int) []int32 {
	perm := r.Perm(n)
	rows := make([]int32, min(n, max(size, 0)))
	for i := range rows {
		rows[i] = int32(perm[i])
	}
	slices.Sort(rows)
	return rows
}

// trueBlock is how many rows the drawn ones are searched against at a time: at
// 512 numbers 64 MiB, and large enough to keep the engine busy.
const trueBlock = 1 << 15

// TruePairs finds every pair with cosine >= t that has one of the rows, by an
// exact engine, and gives them in order. The rows are in ascending order.
func TruePairs(ctx context.Context, e Engine, v Vectors, rows []int32, t float64, progress Progress) ([]Pair, error) {
	if !e.Exact() {
		return nil, fmt.Errorf("measure recall: engine %s may miss pairs itself", e.Name())
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	var truth []Pair
	total := int64(v.N()) * int64(len(rows))
	for from := 0; from < v.N(); from += trueBlock {
		to := min(from+trueBlock, v.N())
		// The block's rows, then the drawn ones as the new.
		table := Vectors{Dim: v.Dim, Data: make([]float32, 0, (to-from+len(rows))*v.Dim)}
		table.Data = append(table.Data, v.Data[from*v.Dim:to*v.Dim]...)
		for _, row := range rows {
			table.Data = append(table.Data, v.Row(int(row))...)
		}
		before, size := int64(from)*int64(len(rows)), int64(to-from)*int64(len(rows))
		err := e.Pairs(ctx, table, to-from, t, func(done, all int64) {
			if all > 0 { // engines count in their own units
				progress(before+int64(float64(size)*float64(done)/float64(all)), total)
			}
		}, func(pairs []Pair) error {
			for _, p := range pairs {
				if int(p.A) >= to-from {
					continue // of two drawn rows; they are met in their blocks
				}
				row, drawn := int32(from)+p.A, rows[int(p.B)-(to-from)]
				if _, both := slices.BinarySearch(rows, row); both && row >= drawn {
					continue // a row and itself, or a pair that comes twice
				}
				truth = append(truth, Pair{A: min(row, drawn), B: max(row, drawn), Cosine: p.Cosine})
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("measure recall: %w", err)
		}
	}
	progress(total, total)
	slices.SortFunc(truth, comparePairs)
	return truth, nil
}

func comparePairs(x, y Pair) int { return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)) }

// EstimateRecall says how many of the true pairs of the rows, drawn at random
// out of n, are among what an engine found. Found may hold any further pairs,
// in any order.
//
// The interval is Wilson's (Journal of the American Statistical Association 22,
// 1927). Pairs are not drawn one by one but with their row, and the pairs of a
// burst are found or lost together. So the number of draws is taken from the
// spread between rows, as the draws that a sample of single pairs would need for
// it, and is never more than the rows that have pairs.
func EstimateRecall(n int, rows []int32, truth, found []Pair) Recall {
	r := Recall{Rows: len(rows)}
	have := make([]Pair, 0, len(truth))
	for _, p := range found {
		_, a := slices.BinarySearch(rows, p.A)
		_, b := slices.BinarySearch(rows, p.B)
		if a || b {
			have = append(have, p)
		}
	}
	slices.SortFunc(have, comparePairs)

	pairs, hits := make([]int64, len(rows)), make([]int64, len(rows))
	for _, p := range truth {
		_, hit := slices.BinarySearchFunc(have, p, comparePairs)
		for _, row := range []int32{p.A, p.B} {
			if i, drawn := slices.BinarySearch(rows, row); drawn {
				pairs[i]++
				if hit {
					hits[i]++
				}
			}
		}
	}
	for i := range rows {
		r.Pairs += pairs[i]
		r.Found += hits[i]
		if pairs[i] > 0 {
			r.Paired++
			if hits[i] == pairs[i] {
				r.Whole++
			}
		}
	}
	r.Low, r.High = r.interval(n, pairs, hits)
	return r
}

func (r Recall) interval(n int, pairs, hits []int64) (low, high float64) {
	p := r.Value()
	switch {
	case r.Rows >= n:
		return p, p // nothing is left to chance
	case r.Pairs == 0:
		return 0, 1
	}
	draws := float64(r.Paired)
	var spread float64 // variance of p as a ratio of two sums over rows (Cochran, Sampling Techniques, section 6.4)
	for i := range pairs {
		d := float64(hits[i]) - p*float64(pairs[i])
		spread += d * d
	}
	spread *= float64(r.Rows) / float64(max(1, r.Rows-1)) / float64(r.Pairs) / float64(r.Pairs)
	if spread > 0 {
		draws = max(1, min(draws, p*(1-p)/spread))
	}
	return wilson(p, draws)
}

// wilson is the score interval for the share p of n draws, at 95 %.
func wilson(p, n float64) (low, high float64) {
	const z = 1.959963984540054
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, min(p, middle-half)), min(1, max(p, middle+half))
}
