package find

import (
	"cmp"
	"context"
	"slices"

	"github.com/dupfind/dupfind/internal/group"
	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/store"
)

// pair is two photos of a known kind.
type pair struct {
	a, b               *photo // by content ID
	similarity, cosine float64
	kind               match.Kind
	// best is the one of the two that all photos of equal pixels are paired
	// with, for pairs that do not come from the index.
	best *photo
}

// pairs classifies the proposals and adds photos of equal pixels that the index
// does not know: those without detail and those without a vector. They are
// paired each with the one that the keeper rules prefer, not with each other.
// The pairs are sorted by content ID.
func (l *library) pairs(ctx context.Context, db *store.DB) ([]pair, error) {
	var classes [][]*photo
	if !slices.Equal(l.o.Kinds, []match.Kind{match.Identical}) {
		classes = l.lookalikes()
		if err := l.confirm(ctx, db, classes); err != nil {
			return nil, err
		}
	}
	all := make([]pair, 0, len(l.proposals))
	proposed := make(map[[2]int64]bool) // of lookalikes only
	for _, s := range l.proposals {
		p := pair{a: l.byID[s.A], b: l.byID[s.B], cosine: s.Cosine, similarity: l.o.Scale.Similarity(s.Cosine)}
		kind, ok := match.Classify(p.a.facts(), p.b.facts(), l.verdict(p.a, p.b))
		if !ok {
			continue
		}
		if kind == match.SamePixels {
			l.Confirmed++
			proposed[[2]int64{s.A, s.B}] = true
		}
		p.kind = kind
		all = append(all, p)
	}
	for _, class := range classes {
		for _, star := range l.equalPixels(class) {
			if !proposed[[2]int64{star.a.ID, star.b.ID}] {
				all = append(all, star)
			}
		}
	}
	slices.SortFunc(all, func(x, y pair) int {
		return cmp.Or(cmp.Compare(x.a.ID, y.a.ID), cmp.Compare(x.b.ID, y.b.ID))
	})
	return all, nil
}

// equalPixels pairs, among photos that look equal, those whose digests are
// equal: each with the best of them.
func (l *library) equalPixels(class []*photo) []pair {
	byDigest := make(map[[32]byte][]*photo)
	for _, p := range class {
		if d, ok := l.digests[p.ID]; ok {
			byDigest[d] = append(byDigest[d], p)
		}
	}
	var all []pair
	for _, equal := range byDigest {
		if len(equal) < 2 {
			continue
		}
		forGroup := make([]group.Photo, len(equal))
		for i, p := range equal {
			forGroup[i] = p.forGroup()
		}
		best := equal[group.Best(forGroup)]
		for _, p := range equal {
			if p == best {
				continue
			}
			star := pair{a: p, b: best, similarity: 1, cosine: 1, kind: match.SamePixels, best: best}
			if star.a.ID > star.b.ID {
				star.a, star.b = star.b, star.a
			}
			all = append(all, star)
		}
	}
	return all
}
