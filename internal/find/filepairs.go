package find

import (
	"context"
	"slices"
	"strings"

	"github.com/dupfind/dupfind/internal/group"
	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/store"
)

// EachPair yields every pair of files at or above the threshold, once, sorted by
// PathA and then PathB as bytes. Files of one content are pairs with each other
// and with all that their photo is a pair with; hard links of one file are not
// pairs, and only one of their names is given.
//
// Photos without detail are the exception: the files of all that show the same
// pixels are paired with one of them only, the one that would be kept, so that
// 20,000 white pages are 19,999 pairs.
func EachPair(ctx context.Context, db *store.DB, o Options, yield func(FilePair) error) (Numbers, error) {
	l, err := load(ctx, db, &o)
	if err != nil {
		return Numbers{}, err
	}
	pairs, err := l.pairs(ctx, db)
	if err != nil {
		return Numbers{}, err
	}
	x := newExpansion(l, pairs)
	for i := range x.names {
		if err := ctx.Err(); err != nil {
			return l.Numbers, context.Cause(ctx)
		}
		for _, p := range x.from(int32(i)) {
			if err := yield(p); err != nil {
				return l.Numbers, err
			}
		}
	}
	return l.Numbers, nil
}

// name is one copy of a photo, by the name it is shown by.
type name struct {
	group.Copy
	photo   *photo
	touched bool // one of its names is on the paths asked for
}

// expansion turns pairs of photos into pairs of files, one file's at a time, so
// that the pairs of files are never all in memory.
type expansion struct {
	o      *Options
	names  []name             // sorted by path
	of     map[*photo][]int32 // the names of a photo, ascending
	best   map[*photo]int32   // the name to keep of a photo
	pairs  map[*photo][]pair
	hidden map[*photo]bool // photos without detail that are shown with another one's best file only
}

func newExpansion(l *library, pairs []pair) *expansion {
	x := &expansion{
		o: l.o, of: make(map[*photo][]int32), best: make(map[*photo]int32),
		pairs: make(map[*photo][]pair), hidden: make(map[*photo]bool),
	}
	for _, p := range l.photos {
		for _, c := range group.Copies(p.files) {
			n := name{Copy: c, photo: p, touched: l.o.touches(c.Path)}
			for _, f := range c.OtherNames {
				n.touched = n.touched || l.o.touches(f.Path)
			}
			x.names = append(x.names, n)
		}
	}
	slices.SortFunc(x.names, func(a, b name) int { return strings.Compare(a.Path, b.Path) })
	for i, n := range x.names {
		x.of[n.photo] = append(x.of[n.photo], int32(i))
	}
	for _, p := range l.photos {
		if copies := group.Copies(p.files); len(copies) > 0 {
			at, _ := slices.BinarySearchFunc(x.names, copies[0].Path, func(n name, path string) int { return strings.Compare(n.Path, path) })
			x.best[p] = int32(at)
		}
	}
	for _, p := range pairs {
		if !l.o.wants(p.kind) {
			continue
		}
		x.pairs[p.a] = append(x.pairs[p.a], p)
		x.pairs[p.b] = append(x.pairs[p.b], p)
		if p.best != nil && p.a.LowDetail {
			other := p.a
			if other == p.best {
				other = p.b
			}
			x.hidden[other] = true
		}
	}
	return x
}

// from is the pairs of file i with files behind it.
func (x *expansion) from(i int32) []FilePair {
	p := x.names[i].photo
	type partner struct {
		at                 int32
		similarity, cosine float64
		kind               match.Kind
	}
	var partners []partner
	add := func(at int32, similarity, cosine float64, kind match.Kind) {
		if at > i && (x.names[i].touched || x.names[at].touched) {
			partners = append(partners, partner{at, similarity, cosine, kind})
		}
	}
	if x.o.wants(match.Identical) && !x.hidden[p] {
		for _, at := range x.of[p] {
			if !p.LowDetail || i == x.best[p] || at == x.best[p] {
				add(at, 1, 1, match.Identical)
			}
		}
	}
	for _, q := range x.pairs[p] {
		other := q.a
		if other == p {
			other = q.b
		}
		star := q.best != nil && p.LowDetail
		if star && q.best == p && i != x.best[p] {
			continue
		}
		for _, at := range x.of[other] {
			if !star || q.best == p || at == x.best[other] {
				add(at, q.similarity, q.cosine, q.kind)
			}
		}
	}
	slices.SortFunc(partners, func(a, b partner) int { return int(a.at) - int(b.at) })
	out := make([]FilePair, len(partners))
	for n, r := range partners {
		out[n] = FilePair{
			PathA: x.names[i].Path, PathB: x.names[r.at].Path,
			ContentA: p.ID, ContentB: x.names[r.at].photo.ID,
			Similarity: r.similarity, Cosine: r.cosine, Kind: r.kind,
		}
	}
	return out
}
