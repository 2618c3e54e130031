package exact

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/dupfind/dupfind/index"
)

// The blocks. A stripe of 128 rows of 512 numbers is 256 KiB and stays in a
// core's second-level cache while a span of rows passes by in strips of 8,
// 16 KiB each, which stay in the first-level cache while the stripe passes by.
const (
	stripeRows = 128
	spanRows   = 2048 // a task is a stripe against a span: 18 ms of work at 512 numbers
	stripRows  = 8
)

// batchPairs is how many pairs yield gets at most at once.
const batchPairs = 1 << 16

// Engine compares all with all. Its zero value is ready and uses all cores.
type Engine struct {
	Workers int // 0: as many as Go may use cores
}

var _ index.Engine = (*Engine)(nil)

// Name is what pairs are stored under.
func (*Engine) Name() string { return "exact" }

// Exact is true: no pair is missed.
func (*Engine) Exact() bool { return true }

// Pairs finds every pair with cosine >= t whose second row is firstNew or
// later. See index.Engine.
func (e *Engine) Pairs(ctx context.Context, v index.Vectors, firstNew int, t float64, progress index.Progress, yield func([]index.Pair) error) error {
	if err := v.Validate(); err != nil {
		return fmt.Errorf("search pairs: %w", err)
	}
	if math.IsNaN(t) {
		return fmt.Errorf("search pairs: the threshold is not a number")
	}
	square, err := largestSquare(v)
	if err != nil {
		return fmt.Errorf("search pairs: %w", err)
	}
	s := &search{v: v, t: t, cut: cut(t - margin(v.Dim, square)), plan: newPlan(v.N(), max(firstNew, 0))}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	return s.run(ctx, e.workers(), progress, yield)
}

func (e *Engine) workers() int {
	if e.Workers > 0 {
		return e.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// largestSquare is the largest squared length of a row. A row with a number
// that is none would be a pair of nothing, in silence: it is an error.
func largestSquare(v index.Vectors) (float64, error) {
	var most float64
	for i := range v.N() {
		var s float64
		for _, x := range v.Row(i) {
			s += float64(x) * float64(x)
		}
		if math.IsNaN(s) || math.IsInf(s, 0) {
			return 0, fmt.Errorf("vector %d has a number that is not finite", i)
		}
		most = max(most, s)
	}
	return most, nil
}

type search struct {
	v    index.Vectors
	t    float64
	cut  float32
	plan plan
}

// result is what a task found, sorted.
type result struct {
	task  task
	pairs []index.Pair
}

// run starts the workers, and hands their pairs on in order from this
// goroutine. Workers take tasks by one counter. ahead bounds how many tasks
// may be done but not handed on: enough for all tasks of one stripe (fewer
// could wait for each other) and a few more for each worker.
func (s *search) run(ctx context.Context, workers int, progress index.Progress, yield func([]index.Pair) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()

	ahead := make(chan struct{}, s.plan.mostSpans()+4*workers)
	results := make(chan result, cap(ahead)) // a worker with a place ahead never waits here
	var next atomic.Int64
	for range workers {
		wg.Go(func() {
			w := worker{search: s, dots: make([]float32, stripeRows*stripRows)}
			for {
				select {
				case ahead <- struct{}{}:
				case <-ctx.Done():
					return
				}
				n := next.Add(1) - 1
				if n >= s.plan.tasks || ctx.Err() != nil {
					return
				}
				k := s.plan.task(n)
				results <- result{k, w.do(k)}
			}
		})
	}
	return s.collect(ctx, results, ahead, progress, yield)
}

// collect hands on the pairs of one stripe after the other.
func (s *search) collect(ctx context.Context, results <-chan result, ahead <-chan struct{}, progress index.Progress, yield func([]index.Pair) error) error {
	var done int64
	total := s.plan.comparisons()
	waiting := make(map[int][]result)
	progress(0, total)
	for stripe := 0; stripe < s.plan.stripes; {
		want := s.plan.spans(stripe)
		if len(waiting[stripe]) < want {
			select {
			case r := <-results:
				waiting[r.task.stripe] = append(waiting[r.task.stripe], r)
				done += r.task.comparisons()
				progress(done, total)
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			continue
		}
		if err := emit(waiting[stripe], yield); err != nil {
			return err
		}
		delete(waiting, stripe)
		for range want {
			<-ahead
		}
		stripe++
	}
	return nil
}
