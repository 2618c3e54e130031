package hnsw

import (
	"context"
	"slices"

	"github.com/viterin/vek/vek32"

	"github.com/dupfind/dupfind/index"
	"github.com/dupfind/dupfind/index/exact"
)

// smallGroup is up to how many vectors a group is compared by a plain loop: for
// fewer, handing blocks to workers costs more than the work.
const smallGroup = 64

// closure compares all with all inside each group of slots that the pairs
// connect, and gives all pairs at or above the threshold. Groups that have no
// pair but known ones were closed before.
func closure(ctx context.Context, s *slots, pairs, known []key, cut float32, t float64) ([]key, error) {
	var closed []key
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
	return union(closed, known), nil
}

func closeSmall(closed []key, s *slots, group []int32, cut float32, t float64) []key {
	for i, a := range group {
		for _, b := range group[i+1:] {
			if vek32.Dot(s.vector(a), s.vector(b)) >= cut && index.Dot64(s.vector(a), s.vector(b)) >= t {
				closed = append(closed, keyOf(a, b))
			}
		}
	}
	return closed
}

func closeLarge(ctx context.Context, closed []key, s *slots, group []int32, t float64) ([]key, error) {
	table := index.Vectors{Dim: s.v.Dim, Data: make([]float32, 0, len(group)*s.v.Dim)}
	for _, slot := range group {
		table.Data = append(table.Data, s.vector(slot)...)
	}
	err := (&exact.Engine{}).Pairs(ctx, table, 0, t, nil, func(pairs []index.Pair) error {
		for _, p := range pairs {
			closed = append(closed, keyOf(group[p.A], group[p.B]))
		}
		return nil
	})
	return closed, err
}

// groups yields the connected groups that have a pair which is not known, each
// as its sorted slots. Both lists are sorted.
func groups(pairs, known []key) func(yield func([]int32) bool) {
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
	for _, list := range [][]key{pairs, known} {
		for _, k := range list {
			a, b := k.slots()
			parent[root(a)] = root(b)
		}
	}
	open := make(map[int32]bool)
	for _, k := range pairs {
		if _, ok := slices.BinarySearch(known, k); !ok {
			a, _ := k.slots()
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
