package exact

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/dupfind/dupfind/index"
)

// table is the vectors as a kernel reads them.
type table struct {
	*kernel
	v     index.Vectors
	first int // the row that is column 0: rows before it are compared with columns only
	words int // of a row, padded
	cut   uint32

	// rowPanels are all rows, for kernels of integers. Rows of float32 are packed
	// stripe by stripe, when they are needed: that takes little time beside the
	// products, and a second copy of all vectors would take much memory.
	rowPanels []uint32
	colPanels []uint32
	start     []int32 // of each column, for kernels of integers
}

// prepareRows is how many rows a worker prepares at a time.
const prepareRows = 384

// extent is what has to be known of all rows before they become integers.
type extent struct {
	square float64 // the largest squared length
	most   float32 // the largest number, without its sign
	bad    *index.RowError
}

func (x *extent) join(y extent) {
	x.square, x.most = max(x.square, y.square), max(x.most, y.most)
	if y.bad != nil && (x.bad == nil || y.bad.Row < x.bad.Row) {
		x.bad = y.bad
	}
}

// newTable checks the vectors and lays them out for k.
func newTable(ctx context.Context, k *kernel, v index.Vectors, first int, t float64, workers int) (*table, error) {
	n := v.N()
	tb := &table{kernel: k, v: v, first: min(first, n), words: k.rowWords(v.Dim)}
	var all extent
	err := inBlocks(ctx, n, workers, func(from, to int) extent { return measure(v, from, to) }, all.join)
	if err != nil {
		return nil, err
	}
	if all.bad != nil {
		return nil, all.bad
	}
	square := all.square * (1 + roundingOf(v.Dim))
	cols := (n - tb.first + k.cols - 1) / k.cols * k.cols
	tb.colPanels = aligned(cols * tb.words)
	if k.levels == 0 {
		tb.cut = floatCut(t, v.Dim, square)
		return tb, inBlocks(ctx, cols, workers, func(from, to int) struct{} { tb.packFloats(from, to); return struct{}{} }, func(struct{}) {})
	}
	rows := (n + k.rows - 1) / k.rows * k.rows
	tb.rowPanels, tb.start = aligned(rows*tb.words), make([]int32, cols)
	step := all.most / float32(k.levels)
	var left float64 // the largest squared length of a residual
	err = inBlocks(ctx, n, workers, func(from, to int) float64 { return tb.packInts(from, to, step) }, func(x float64) { left = max(left, x) })
	eps := math.Sqrt(left*(1+roundingOf(v.Dim)) + float64(v.Dim)*math.SmallestNonzeroFloat32)
	tb.cut = intCut(t, v.Dim, square, eps, float64(step))
	return tb, err
}

// inBlocks has workers do blocks of the rows 0 to n, and joins their results.
func inBlocks[T any](ctx context.Context, n, workers int, do func(from, to int) T, join func(T)) error {
	var wg sync.WaitGroup
	var next atomic.Int64
	var lock sync.Mutex
	for range min(workers, n/prepareRows+1) {
		wg.Go(func() {
			for ctx.Err() == nil {
				from := int(next.Add(prepareRows)) - prepareRows
				if from >= n {
					return
				}
				x := do(from, min(from+prepareRows, n))
				lock.Lock()
				join(x)
				lock.Unlock()
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// aligned makes n words that begin with a cache line.
func aligned(n int) []uint32 {
	const line = 64 / 4
	w := make([]uint32, n+line)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(w)))%64) / 4
	return w[skip : skip+n : skip+n]
}

// lengthTolerance is how far a squared length may be from 1. Dot products of
// longer or shorter rows are no cosines.
const lengthTolerance = 0.01

// measure looks at rows from to to. It stops at one that cannot be searched.
func measure(v index.Vectors, from, to int) (x extent) {
	for i := from; i < to; i++ {
		square, most := extentOf(v.Row(i))
		if !(math.Abs(square-1) <= lengthTolerance) {
			square, most = extentGo(v.Row(i)) // float32 sums overflow, and lose small numbers
		}
		problem := ""
		switch {
		case math.IsNaN(square) || math.IsInf(square, 0):
			problem = "has a number that is not finite"
		case square == 0:
			problem = "is zero"
		case math.Abs(square-1) > lengthTolerance:
			problem = fmt.Sprintf("has length %.4g, not 1", math.Sqrt(square))
		}
		if problem != "" {
			x.bad = &index.RowError{Row: i, Problem: problem}
			return x
		}
		x.square, x.most = max(x.square, square), max(x.most, most)
	}
	return x
}

// packFloats lays columns from to to into their panels.
func (tb *table) packFloats(from, to int) {
	for c := from; c < min(to, tb.v.N()-tb.first); c++ {
		scatter(tb.colPanels, tb.cols, tb.words, c, floatWords(tb.v.Row(tb.first+c)))
	}
}

// packInts turns rows from to to into integers of a step, in the panels of rows
// and of columns. It returns the largest squared length of a residual.
func (tb *table) packInts(from, to int, step float32) (left float64) {
	q := make([]uint32, tb.words)
	for i := from; i < to; i++ {
		sum, square := round(q, tb.v.Row(i), step)
		left = max(left, square)
		if c := i - tb.first; c >= 0 {
			tb.start[c] = -int32(tb.offset) * sum
			scatter(tb.colPanels, tb.cols, tb.words, c, q)
		}
		scatterUnsigned(tb.rowPanels, tb.rows, tb.words, i, q, tb.offset)
	}
	return left
}

// packStripe gives the panels of rows a0 to a1; into is scratch for them.
func (tb *table) packStripe(into []uint32, a0, a1 int) []uint32 {
	if tb.levels > 0 {
		return tb.rowPanels[a0*tb.words:]
	}
	for i := a0; i < a1; i++ {
		scatter(into, tb.rows, tb.words, i-a0, floatWords(tb.v.Row(i)))
	}
	return into
}
