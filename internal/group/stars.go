package group

import (
	"cmp"
	"slices"
)

// stars grows groups. Photos stand in the order of the keeper rules, so that
// of two photos the one with the lower number is the one to keep.
//
// Kinds are taken one after the other, the surest first, and within a kind the
// photos in order: a photo that is no member yet takes each photo of lower rank
// that is a pair of this kind with it and in no group. When that one has a star
// of its own, a copy's star joins whole, provided that each of its photos is a
// copy of the new keeper too; otherwise it is only shown. What is settled by a
// sure kind is thus never changed by a vaguer one.
type stars struct {
	o      Options
	ranked []*candidate
	first  []int    // edges of i are edges[first[i]:first[i+1]]
	edges  []edge   // sorted by photo, then by the other's rank
	keeper []int32  // free, or the rank of the keeper, which is the photo's own for a keeper
	taken  [][]edge // members of the star of i: edges of i
	shown  [][]edge // photos settled elsewhere that are a pair with keeper i
}

const free = -1

type edge struct {
	to   int32
	pair *Pair
}

func newStars(photos []Photo, pairs []Pair, o Options) *stars {
	s := &stars{o: o}
	for i := range photos {
		if len(photos[i].Files) > 0 {
			s.ranked = append(s.ranked, &candidate{Photo: &photos[i], copies: Copies(photos[i].Files)})
		}
	}
	slices.SortFunc(s.ranked, compareCandidates)
	s.connect(pairs)
	n := len(s.ranked)
	s.keeper = slices.Repeat([]int32{free}, n)
	s.taken, s.shown = make([][]edge, n), make([][]edge, n)
	return s
}

// connect makes the lists of neighbours, each pair once and in both.
func (s *stars) connect(pairs []Pair) {
	n := len(s.ranked)
	rank := make(map[int64]int32, n)
	for i, c := range s.ranked {
		rank[c.ID] = int32(i)
	}
	type side struct {
		from int32
		edge
	}
	sides := make([]side, 0, 2*len(pairs))
	for i := range pairs {
		p := &pairs[i]
		a, okA := rank[p.A]
		b, okB := rank[p.B]
		if okA && okB && a != b {
			sides = append(sides, side{a, edge{b, p}}, side{b, edge{a, p}})
		}
	}
	slices.SortFunc(sides, func(x, y side) int {
		return cmp.Or(
			cmp.Compare(x.from, y.from),
			cmp.Compare(x.to, y.to),
			cmp.Compare(y.pair.Certainty, x.pair.Certainty),
			cmp.Compare(y.pair.Similarity, x.pair.Similarity),
			cmp.Compare(y.pair.Cosine, x.pair.Cosine),
			cmp.Compare(x.pair.Kind, y.pair.Kind),
		)
	})
	sides = slices.CompactFunc(sides, func(x, y side) bool { return x.from == y.from && x.to == y.to })
	s.first = make([]int, n+1)
	s.edges = make([]edge, len(sides))
	for i, e := range sides {
		s.edges[i] = e.edge
		s.first[e.from+1]++
	}
	for i := range n {
		s.first[i+1] += s.first[i]
	}
}

func (s *stars) neighbours(i int) []edge { return s.edges[s.first[i]:s.first[i+1]] }

// between is the pair of two photos, if there is one.
func (s *stars) between(i int, to int32) (edge, bool) {
	list := s.neighbours(i)
	at, ok := slices.BinarySearchFunc(list, to, func(e edge, to int32) int { return cmp.Compare(e.to, to) })
	if !ok {
		return edge{}, false
	}
	return list[at], true
}

func (s *stars) grow() {
	for i, c := range s.ranked {
		if len(c.copies) > 1 {
			s.keeper[i] = int32(i)
		}
	}
	for _, level := range s.levels() {
		for i := range s.ranked {
			if k := s.keeper[i]; k == free || k == int32(i) {
				s.growOne(i, level)
			}
		}
	}
}

// levels are the certainties that occur, the surest first.
func (s *stars) levels() []int {
	seen := make(map[int]bool)
	var out []int
	for _, e := range s.edges {
		if !seen[e.pair.Certainty] {
			seen[e.pair.Certainty] = true
			out = append(out, e.pair.Certainty)
		}
	}
	slices.SortFunc(out, func(a, b int) int { return cmp.Compare(b, a) })
	return out
}

func (s *stars) growOne(i, level int) {
	for _, e := range s.neighbours(i) {
		if e.to < int32(i) || e.pair.Certainty != level {
			continue
		}
		switch s.keeper[e.to] {
		case free:
			s.take(i, e)
		case e.to:
			if level >= s.o.CopyCertainty && s.allCopies(i, s.taken[e.to]) {
				s.join(i, e)
			} else {
				s.keeper[i] = int32(i)
				s.shown[i] = append(s.shown[i], e)
			}
		}
	}
}

func (s *stars) take(i int, e edge) {
	s.keeper[i], s.keeper[e.to] = int32(i), int32(i)
	s.taken[i] = append(s.taken[i], e)
}

// allCopies says whether every photo of another star is a copy of i.
func (s *stars) allCopies(i int, members []edge) bool {
	return !slices.ContainsFunc(members, func(m edge) bool {
		e, ok := s.between(i, m.to)
		return !ok || e.pair.Certainty < s.o.CopyCertainty
	})
}

// join takes the keeper of another star and all its members.
func (s *stars) join(i int, e edge) {
	members := s.taken[e.to]
	s.taken[e.to], s.shown[e.to] = nil, nil
	s.take(i, e)
	for _, m := range members {
		own, _ := s.between(i, m.to)
		s.take(i, own)
	}
}

func (s *stars) hasStar(i int) bool { return s.keeper[i] == int32(i) }

// outside counts photos that have a pair and are in no group.
func (s *stars) outside() int {
	in := make([]bool, len(s.ranked))
	for i := range s.ranked {
		in[i] = s.keeper[i] != free
		for _, e := range s.shown[i] {
			in[e.to] = true
		}
	}
	n := 0
	for i := range s.ranked {
		if !in[i] && len(s.neighbours(i)) > 0 {
			n++
		}
	}
	return n
}

// group writes out the star of i.
func (s *stars) group(i int) Group {
	k := s.ranked[i]
	g := Group{ID: groupID(k.SHA256), Keeper: k.member(0)}
	g.Keeper.Movable, g.Keeper.Why = false, "the one to keep"
	for c := 1; c < len(k.copies); c++ {
		m := k.member(c)
		m.Kind, m.Certainty, m.Similarity, m.Cosine = s.o.Identical, s.o.IdenticalCertainty, 1, 1
		m.Reason = whyThisFile(k.copies[0].File, k.copies[c].File)
		g.Members = append(g.Members, m)
	}
	best := int32(len(s.ranked))
	for _, e := range s.taken[i] {
		best = min(best, e.to)
		for c := range s.ranked[e.to].copies {
			g.Members = append(g.Members, s.paired(k, e, c))
		}
	}
	for _, e := range s.shown[i] {
		if s.keeper[e.to] == int32(i) {
			continue // joined this star later on
		}
		best = min(best, e.to)
		m := s.paired(k, e, 0)
		m.OtherGroup = groupID(s.ranked[s.keeper[e.to]].SHA256)
		m.Movable, m.Why = false, "kept in group "+m.OtherGroup
		if s.keeper[e.to] != e.to { // a better photo took its star over
			m.Why = "a copy in group " + m.OtherGroup
		}
		g.Members = append(g.Members, m)
	}
	switch {
	case len(k.copies) > 1:
		g.KeeperReason = whyThisFile(k.copies[0].File, k.copies[1].File)
	default:
		g.KeeperReason = whyKept(k, s.ranked[best])
	}
	slices.SortFunc(g.Members, compareMembers)
	g.FreedBytes = freed(g.Members)
	return g
}

// paired is copy number c of a photo that is a pair with the keeper.
func (s *stars) paired(k *candidate, e edge, c int) Member {
	other := s.ranked[e.to]
	m := other.member(c)
	m.Kind, m.Certainty = e.pair.Kind, e.pair.Certainty
	m.Similarity, m.Cosine = e.pair.Similarity, e.pair.Cosine
	m.Reason = whyKept(k, other)
	m.Lacks = lacks(k.Photo, other.Photo)
	return m
}

// member is copy number c of a photo. Copy 0 of a keeper is the keeper.
func (c *candidate) member(n int) Member {
	d := c.copies[n]
	why := d.mustStay()
	return Member{
		PhotoID: c.ID, File: d.File, OtherNames: d.OtherNames,
		Lacks: []string{}, Movable: why == "", Why: why,
	}
}

// freed counts a copy only when all names of its inode are among those moved.
func freed(members []Member) int64 {
	var sum int64
	for _, m := range members {
		if m.Movable && m.File.Links <= uint64(1+len(m.OtherNames)) {
			sum += m.File.SizeBytes
		}
	}
	return sum
}
