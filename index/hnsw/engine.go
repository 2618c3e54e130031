package hnsw

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/coder/hnsw"
	"golang.org/x/sync/errgroup"

	"github.com/dupfind/dupfind/index"
	"github.com/dupfind/dupfind/index/distinct"
)

// ErrTooManyPairs ends a search that would keep more pairs than Options.MostPairs.
var ErrTooManyPairs = errors.New("too many pairs at or above the threshold for this engine's memory")

// Options are the parameters; a zero field has the value that its comment names.
type Options struct {
	Graphs     int    // graphs that are built, 3
	M          int    // links of a node, 32
	Neighbours int    // that a search asks for at first, 100
	MostPairs  int    // that a graph may keep, 8 bytes each; 50 million
	Seed       uint64 // of the orders in which graphs are built
}

func (o Options) withDefaults() Options {
	return Options{
		Graphs:     cmp.Or(o.Graphs, 3),
		M:          cmp.Or(o.M, 32),
		Neighbours: cmp.Or(o.Neighbours, 100),
		MostPairs:  cmp.Or(o.MostPairs, 50_000_000),
		Seed:       cmp.Or(o.Seed, 1),
	}
}

// Engine is the engine, with the graphs of its last search. A search uses all
// of it: one at a time. Make it with New.
type Engine struct {
	o     Options
	state *state
	stats Stats
}

// state is what a finished search leaves: it is what Save writes.
type state struct {
	dim    int
	floor  float64         // pairs are known from this cosine on
	hashes []distinct.Hash // of the vectors, by slot
	pairs  []distinct.Pair // sorted
	graphs []*hnsw.Graph[int]
}

// Stats says what a search did.
type Stats struct {
	Distinct int // different vectors
	Added    int // of these, added to the graphs; the others were in them
	// Rebuilt is why graphs that were there could not be used; empty where they
	// were, and where there were none.
	Rebuilt string
}

var _ index.Engine = (*Engine)(nil)

// New returns an engine without graphs: the first search builds them, or Load
// brings them.
func New(o Options) *Engine { return &Engine{o: o.withDefaults()} }

// Name is what pairs are stored under.
func (*Engine) Name() string { return "hnsw" }

// Exact is false: pairs are missed.
func (*Engine) Exact() bool { return false }

// Stats says what the last search did.
func (e *Engine) Stats() Stats { return e.stats }

// Pairs finds pairs with cosine >= t whose second row is firstNew or later, and
// misses some. See index.Engine. Rows that the graphs hold are not searched
// again, whatever firstNew; new ones are added. When that does not come to its
// end, the graphs are given up: the engine is then as New made it.
func (e *Engine) Pairs(ctx context.Context, v index.Vectors, firstNew int, t float64, progress index.Progress, yield func([]index.Pair) error) error {
	if err := v.Validate(); err != nil {
		return fmt.Errorf("search pairs: %w", err)
	}
	if math.IsNaN(t) {
		return errors.New("search pairs: the threshold is not a number")
	}
	square, err := v.CheckRows()
	if err != nil {
		return fmt.Errorf("search pairs: %w", err)
	}
	s, err := e.prepare(v, t)
	if err != nil {
		return fmt.Errorf("search pairs: %w", err)
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	before := e.state
	e.state = nil // until it is whole again
	next, err := e.search(ctx, s, before, cut(before.floor-margin(v.Dim, square)), progress)
	if err != nil {
		return fmt.Errorf("search pairs: %w", err)
	}
	e.state = next
	return s.Expand(ctx, next.pairs, firstNew, t, yield)
}

// prepare numbers the rows and makes sure that e.state can be extended by them.
func (e *Engine) prepare(v index.Vectors, t float64) (*distinct.Table, error) {
	e.stats = Stats{}
	if st := e.state; st != nil {
		switch {
		case st.dim != v.Dim:
			e.stats.Rebuilt = fmt.Sprintf("its vectors have %d numbers, these %d", st.dim, v.Dim)
		case st.floor > t:
			e.stats.Rebuilt = fmt.Sprintf("it was searched down to cosine %.4g, not to %.4g", st.floor, t)
		case len(st.graphs) != e.o.Graphs || st.graphs[0].M != e.o.M:
			e.stats.Rebuilt = "it was built with other parameters"
		default:
			s := distinct.New(v, st.hashes)
			missing := s.Missing()
			if missing == 0 {
				return e.numbered(s, len(st.hashes))
			}
			e.stats.Rebuilt = fmt.Sprintf("%d of its %d vectors are gone or changed", missing, len(st.hashes))
		}
	}
	e.state = &state{dim: v.Dim, floor: t}
	for range e.o.Graphs {
		e.state.graphs = append(e.state.graphs, newLibraryGraph(e.o.M))
	}
	return e.numbered(distinct.New(v, nil), 0)
}

func (e *Engine) numbered(s *distinct.Table, known int) (*distinct.Table, error) {
	if s.N() > mostSlots {
		return nil, fmt.Errorf("more than %d different vectors, which this engine cannot number", mostSlots)
	}
	e.stats.Distinct, e.stats.Added = s.N(), s.N()-known
	return s, nil
}

// search extends the graphs by the slots that they lack, one goroutine for each.
func (e *Engine) search(ctx context.Context, s *distinct.Table, before *state, cut float32, progress index.Progress) (*state, error) {
	var fresh []int32
	for slot := len(before.hashes); slot < s.N(); slot++ {
		fresh = append(fresh, int32(slot))
	}
	next := &state{dim: s.Dim, floor: before.floor, hashes: s.Hashes, pairs: before.pairs, graphs: before.graphs}
	total := int64(2 * len(fresh) * len(before.graphs))
	progress(0, total)
	if len(fresh) == 0 {
		return next, nil
	}
	lists, err := e.extend(ctx, s, before.graphs, fresh, cut, func(done int64) { progress(done, total) })
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(distinct.Union(lists...), func(k distinct.Pair) bool {
		a, b := k.Slots()
		return index.Dot64(s.Vector(a), s.Vector(b)) < before.floor
	})
	next.pairs, err = closure(ctx, s, found, before.pairs, cut, before.floor)
	progress(total, total)
	return next, err
}

// extend runs the graphs beside each other. Their steps are counted by one
// counter and told from this goroutine.
func (e *Engine) extend(ctx context.Context, s *distinct.Table, graphs []*hnsw.Graph[int], fresh []int32, cut float32, progress func(int64)) ([][]distinct.Pair, error) {
	const every = 64 // steps: some 50 ms
	found := make([][]distinct.Pair, len(graphs))
	ticks := make(chan int64, 2*len(graphs)) // none waits for a slow listener at once
	var steps atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for i, h := range graphs {
		g.Go(func() error {
			one := &graph{h: h, s: s, cut: cut, most: e.o.MostPairs}
			err := one.extend(ctx, fresh, e.o.Seed+uint64(i), e.o.Neighbours, func() {
				if done := steps.Add(1); done%every == 0 {
					select {
					case ticks <- done:
					case <-ctx.Done():
					}
				}
			})
			found[i] = one.found.Sorted()
			return err
		})
	}
	ended := make(chan error, 1)
	go func() { defer close(ticks); ended <- g.Wait() }()
	var most int64
	for done := range ticks {
		if done > most { // graphs overtake each other between counting and telling
			most = done
			progress(done)
		}
	}
	return found, <-ended
}

// margin bounds how far a float32 product of two rows can be from the float64
// one, whatever the order of summation: d*u/(1-d*u) times the product of their
// lengths, u = 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms,
// 2nd edition, section 3.1), with two more for the float64 sum and underflow.
func margin(dim int, square float64) float64 {
	du := float64(dim+2) * 0x1p-24
	return du/(1-du)*square + float64(dim)*math.SmallestNonzeroFloat32
}

// cut is the largest float32 not above x.
func cut(x float64) float32 {
	f := float32(x)
	if float64(f) > x {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return f
}
