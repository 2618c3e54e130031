package distinct

import "slices"

// Pair is a pair of slots in one number, the lower one in the upper half:
// sorted numbers are sorted pairs.
type Pair uint64

// PairOf is the pair of two slots, in whatever order they come.
func PairOf(a, b int32) Pair {
	if a > b {
		a, b = b, a
	}
	return Pair(a)<<32 | Pair(b)
}

// Slots are the two slots, the lower one first.
func (p Pair) Slots() (a, b int32) { return int32(p >> 32), int32(p & 0xffffffff) }

// Set collects pairs that come many times over. It is a slice that is sorted
// and rid of repeats each time it has doubled: eight bytes a pair, where a map
// takes several times that.
type Set struct {
	pairs []Pair
	next  int // length at which to tidy up
}

const firstTidy = 1 << 14

// Add adds a pair, which may be there already.
func (s *Set) Add(p Pair) {
	if len(s.pairs) >= max(s.next, firstTidy) {
		s.tidy()
	}
	s.pairs = append(s.pairs, p)
}

func (s *Set) tidy() {
	slices.Sort(s.pairs)
	s.pairs = slices.Compact(s.pairs)
	s.next = 2 * len(s.pairs)
}

// Over says that there are more than so many pairs. It learns of it when it
// tidies up, and so when there are up to twice as many.
func (s *Set) Over(most int) bool { return s.next/2 > most }

// Sorted gives the pairs in order, each once. They belong to the caller, and
// the set is empty.
func (s *Set) Sorted() []Pair {
	s.tidy()
	pairs := s.pairs
	*s = Set{}
	return pairs
}

// Union is all pairs of the lists, sorted, each once.
func Union(lists ...[]Pair) []Pair {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}
