package hnsw

import "slices"

// key is a pair of slots, the lower one in the upper half, so that sorted keys
// are sorted pairs.
type key uint64

func keyOf(a, b int32) key {
	if a > b {
		a, b = b, a
	}
	return key(a)<<32 | key(b)
}

func (k key) slots() (a, b int32) { return int32(k >> 32), int32(k & 0xffffffff) }

// keySet collects keys that come many times over. It is a slice that is sorted
// and rid of repeats each time it has doubled: eight bytes a pair, where a map
// takes several times that.
type keySet struct {
	keys []key
	next int // length at which to tidy up
}

const firstTidy = 1 << 14

func (s *keySet) add(k key) {
	if len(s.keys) >= max(s.next, firstTidy) {
		s.tidy()
	}
	s.keys = append(s.keys, k)
}

func (s *keySet) tidy() {
	slices.Sort(s.keys)
	s.keys = slices.Compact(s.keys)
	s.next = 2 * len(s.keys)
}

// union is all keys of the lists, sorted, each once.
func union(lists ...[]key) []key {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}
