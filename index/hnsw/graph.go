package hnsw

import (
	"context"
	"fmt"
	"math/rand/v2"

	mathrand "math/rand" // the library's

	"github.com/coder/hnsw"
	"github.com/viterin/vek/vek32"

	"github.com/dupfind/dupfind/index/distinct"
)

// layerFactor is the library's Ml: each layer has about a quarter of the nodes
// of the one below.
const layerFactor = 0.25

// efSearch is the library's default. Measured from 20 to 500, it changes nothing.
const efSearch = 20

// graph is one graph of the library, and what it has compared.
type graph struct {
	h     *hnsw.Graph[int]
	s     *distinct.Table
	cut   float32 // float32 products from here on are kept
	most  int     // pairs that are kept at most
	found distinct.Set
}

func newLibraryGraph(m int) *hnsw.Graph[int] {
	h := hnsw.NewGraph[int]()
	h.M, h.Ml, h.EfSearch = m, layerFactor, efSearch
	return h
}

// mostSlots is how many whole numbers float32 holds without gaps.
const mostSlots = 1 << 24

// value is what a node holds: the number of its slot. Float32 has all whole
// numbers up to mostSlots.
func value(slot int32) []float32 { return []float32{float32(slot)} }

// distance is called by the library for each comparison that it makes. It keeps
// the pairs at or above the threshold, whatever the library makes of them.
func (g *graph) distance(a, b []float32) float32 {
	x, y := int32(a[0]), int32(b[0])
	dot := vek32.Dot(g.s.Vector(x), g.s.Vector(y))
	if dot >= g.cut && x != y {
		g.found.Add(distinct.PairOf(x, y))
	}
	return 1 - dot
}

// extend adds the fresh slots in an order of its own and then searches the
// neighbours of each. One goroutine runs it; tick hears of each step. What the
// library panics with becomes an error: the graph is then of no use.
func (g *graph) extend(ctx context.Context, fresh []int32, seed uint64, neighbours int, tick func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("github.com/coder/hnsw panicked: %v", p)
		}
	}()
	g.h.Distance = g.distance
	g.h.Rng = mathrand.New(mathrand.NewSource(int64(seed)))
	r := rand.New(rand.NewPCG(seed, uint64(g.h.Len())))
	order := append([]int32(nil), fresh...)
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	steps := []func(slot int32){
		func(slot int32) { g.h.Add(hnsw.MakeNode(int(slot), value(slot))) },
		func(slot int32) { g.search(slot, neighbours) },
	}
	for _, step := range steps {
		for _, slot := range order {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			step(slot)
			if g.found.Over(g.most) {
				return ErrTooManyPairs
			}
			tick()
		}
	}
	return nil
}

// search asks for neighbours until the last of them is below the threshold or
// the library has no more. The answers are of no interest: distance has seen
// them, and more.
func (g *graph) search(slot int32, k int) {
	for ; ; k *= 2 {
		near := g.h.Search(value(slot), k)
		if len(near) < k || k >= g.h.Len() {
			return
		}
		for _, n := range near { // in no order
			if vek32.Dot(g.s.Vector(slot), g.s.Vector(int32(n.Key))) < g.cut {
				return
			}
		}
	}
}
