package hnsw

import (
	"context"
	"slices"

	"github.com/viterin/vek/vek32"

	"github.com/dupfind/dupfind/index"
	"github.com/dupfind/dupfind/index/distinct"
	"github.com/dupfind/dupfind/index/exact"
)

// smallGroup is up to how many vectors a group is compared by a plain loop: for
// fewer, handing blocks to workers costs more than the work.
const smallGroup = 64

// closure compares all with all inside each group of slots that the pairs
// connect, and gives all pairs at or above the threshold. Groups that have no
// pair but known ones were closed before.
func closure(ctx context.Context, s *distinct.Table, pairs, known []distinct.Pair, cut float32, t float64) ([]distinct.Pair, error) {
	var closed []distinct.Pair
	for group := range groups(pairs, known) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if len(group) <= smallGroup {
			closed = closeSmall(closed, s, group, cut, t)
			continue
		}
		var err error
		if closed, err = closeLarge(ctx, closed, s, group, t); err != nil {
			return nil, err
		}
	}
	return distinct.Union(closed, known), nil
}

func closeSmall(closed []distinct.Pair, s *distinct.Table, group []int32, cut float32, t float64) []distinct.Pair {
	for i, a := range group {
		for _, b := range group[i+1:] {
			if vek32.Dot(s.Vector(a), s.Vector(b)) >= cut && index.Dot64(s.Vector(a), s.Vector(b)) >= t {
				closed = append(closed, distinct.PairOf(a, b))
			}
		}
	}
	return closed
}

func closeLarge(ctx context.Context, closed []distinct.Pair, s *distinct.Table, group []int32, t float64) ([]distinct.Pair, error) {
	table := index.Vectors{Dim: s.Dim, Data: make([]float32, 0, len(group)*s.Dim)}
	for _, slot := range group {
		table.Data = append(table.Data, s.Vector(slot)...)
	}
	err := (&exact.Engine{}).Pairs(ctx, table, 0, t, nil, func(pairs []index.Pair) error {
		for _, p := range pairs {
			closed = append(closed, distinct.PairOf(group[p.A], group[p.B]))
		}
		return nil
	})
	return closed, err
}

// groups yields the connected groups that have a pair which is not known, each
// as its sorted slots. Both lists are sorted.
func groups(pairs, known []distinct.Pair) func(yield func([]int32) bool) {
	parent := make(map[int32]int32)
	var root func(int32) int32
	root = func(x int32) int32 {
		p, ok := parent[x]
		if !ok || p == x {
			parent[x] = x
			return x
		}
		parent[x] = root(p)
		return parent[x]
	}
	for _, list := range [][]distinct.Pair{pairs, known} {
		for _, k := range list {
			a, b := k.Slots()
			parent[root(a)] = root(b)
		}
	}
	open := make(map[int32]bool)
	for _, k := range pairs {
		if _, ok := slices.BinarySearch(known, k); !ok {
			a, _ := k.Slots()
			open[root(a)] = true
		}
	}
	members := make(map[int32][]int32)
	for x := range parent {
		if r := root(x); open[r] {
			members[r] = append(members[r], x)
		}
	}
	return func(yield func([]int32) bool) {
		for _, group := range members {
			slices.Sort(group)
			if !yield(group) {
				return
			}
		}
	}
}
