package exact

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"

	"github.com/dupfind/dupfind/index"
)

// Engine compares all with all. Its zero value is ready.
type Engine struct {
	Workers int    // 0: as many as Go may use cores
	Kernel  string // "": what DUPFIND_KERNEL names, else the fastest that this processor has
}

var _ index.Engine = (*Engine)(nil)

// Check says what is wrong with the kernel asked for, before there are vectors.
// Pairs would say the same.
func (e *Engine) Check() error {
	_, err := pick(e.Kernel, 1)
	return err
}

// Name is what pairs are stored under.
func (*Engine) Name() string { return "exact" }

// Exact is true: no pair is missed.
func (*Engine) Exact() bool { return true }

// Pairs finds every pair with cosine >= t whose second row is firstNew or
// later. See index.Engine.
func (e *Engine) Pairs(ctx context.Context, v index.Vectors, firstNew int, t float64, progress index.Progress, yield func([]index.Pair) error) error {
	s, err := e.prepare(ctx, v, firstNew, t)
	if err != nil {
		return fmt.Errorf("search pairs: %w", err)
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	return s.run(ctx, progress, yield)
}

func (e *Engine) prepare(ctx context.Context, v index.Vectors, firstNew int, t float64) (*search, error) {
	if err := v.Validate(); err != nil {
		return nil, err
	}
	if math.IsNaN(t) {
		return nil, errors.New("the threshold is not a number")
	}
	k, err := pick(e.Kernel, v.Dim)
	if err != nil {
		return nil, err
	}
	t = min(t, 2) // no cosine is above 1
	tb, err := newTable(ctx, k, v, max(firstNew, 0), t, e.workers())
	if err != nil {
		return nil, err
	}
	return newSearch(tb, t, e.workers()), nil
}

func (e *Engine) workers() int {
	if e.Workers > 0 {
		return e.Workers
	}
	return runtime.GOMAXPROCS(0)
}
