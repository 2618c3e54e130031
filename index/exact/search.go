package exact

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/dupfind/dupfind/index"
)

// A task may keep mostInFlight pairs for a second look, divided by the tasks that
// may be in flight, or leastKept where that is more: 64 MiB of pairs in all, or 4 MiB
// a task. One that finds more is left to collector.dense.
const (
	mostInFlight = 1 << 22
	leastKept    = 1 << 18
)

type search struct {
	*table
	plan
	t       float64
	workers int
	ahead   int // tasks that may be done but not handed on
	kept    int // pairs that a task may keep
}

// newSearch bounds the tasks ahead: enough for all tasks of one stripe (fewer
// could wait for each other) and a few more for each worker.
func newSearch(tb *table, t float64, workers int) *search {
	s := &search{table: tb, plan: newPlan(tb, workers), t: t, workers: workers}
	s.ahead = s.mostSpans() + 4*workers
	s.kept = max(mostInFlight/s.ahead, leastKept)
	return s
}

// result is what a task found, sorted by row.
type result struct {
	task  task
	pairs []index.Pair
	dense bool // too many to keep: pairs is empty
}

// run starts the workers, and hands their pairs on in order from this
// goroutine. Workers take tasks by one counter.
func (s *search) run(ctx context.Context, progress index.Progress, yield func([]index.Pair) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()

	ahead := make(chan struct{}, s.ahead)
	results := make(chan result, cap(ahead)) // a worker with a place ahead never waits here
	var next atomic.Int64
	for range s.workers {
		wg.Go(func() {
			w := newWorker(s)
			for {
				select {
				case ahead <- struct{}{}:
				case <-ctx.Done():
					return
				}
				n := next.Add(1) - 1
				if n >= s.tasks || ctx.Err() != nil {
					return
				}
				results <- w.do(ctx, s.task(n))
			}
		})
	}
	c := collector{search: s, results: results, ahead: ahead, progress: progress, yield: yield}
	return c.run(ctx)
}

type worker struct {
	*search
	stripe     []uint32 // the rows of a task, where the table has no panels of them
	candidates []uint64 // row and second row of what reached the cut, each in 32 bits
	hits       [mostRows]uint32
}

func newWorker(s *search) *worker {
	w := &worker{search: s}
	if s.levels == 0 {
		w.stripe = aligned(s.plan.stripe * s.words)
	}
	return w
}

// do compares a stripe with a span. It returns early, with less, when ctx ends.
func (w *worker) do(ctx context.Context, k task) result {
	w.candidates = w.candidates[:0]
	stripe := w.packStripe(w.stripe, k.a0, k.a1)
	panel := w.rows * w.words
	for c := k.c0; c < k.c1 && ctx.Err() == nil; c += w.table.cols {
		b := w.colPanels[c*w.words:][:w.table.cols*w.words]
		var start []int32
		if w.start != nil {
			start = w.start[c:]
		}
		b0 := w.table.first + c
		end := min(k.a1, b0+w.table.cols-1) // rows from here on have no pair in this panel
		for a, at := k.a0, 0; a < end; a, at = a+w.rows, at+panel {
			if w.tile(stripe[at:at+panel], b, start, &w.hits, w.words, w.cut) {
				w.take(a, b0)
			}
		}
		if len(w.candidates) > w.kept {
			return result{task: k, dense: true}
		}
	}
	slices.Sort(w.candidates)
	var pairs []index.Pair
	for _, x := range w.candidates {
		a, b := int(x>>32), int(uint32(x))
		if c := Cosine(w.v.Row(a), w.v.Row(b)); c >= w.t {
			pairs = append(pairs, index.Pair{A: int32(a), B: int32(b), Cosine: c})
		}
	}
	return result{task: k, pairs: pairs}
}

// take keeps what a tile found, its first row being a and its first column row
// b, but for pairs of a row with itself or with one before it, and for rows and
// columns past the end.
func (w *worker) take(a, b int) {
	each(&w.hits, w.rows, func(r, c int) {
		if x, y := a+r, b+c; x < y && y < w.plan.n {
			w.candidates = append(w.candidates, uint64(x)<<32|uint64(y))
		}
	})
}
