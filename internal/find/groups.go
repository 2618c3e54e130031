package find

import (
	"context"

	"github.com/dupfind/dupfind/internal/group"
	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/store"
)

// copyCertainty is that of the vaguest kind of copies such that it and all
// surer kinds are wanted.
func (o *Options) copyCertainty() int {
	c := match.Identical.Certainty() + 1
	for _, k := range match.CopyKinds() {
		if !o.wants(k) {
			break
		}
		c = k.Certainty()
	}
	return c
}

// Groups finds the groups of copies at a threshold.
func Groups(ctx context.Context, db *store.DB, o Options) (Result, error) {
	l, err := load(ctx, db, &o)
	if err != nil {
		return Result{}, err
	}
	pairs, err := l.pairs(ctx, db)
	if err != nil {
		return Result{}, err
	}
	built := group.Build(l.forGroups(), forGroups(pairs), group.Options{
		Identical: string(match.Identical), IdenticalCertainty: match.Identical.Certainty(),
		CopyCertainty: o.copyCertainty(),
	})
	r := Result{
		Outside: built.Outside, Contents: make(map[int64]store.Content),
		RemovedBefore: make(map[int64]string), Numbers: l.Numbers,
	}
	for _, g := range built.Groups {
		// Kinds are left out after the groups are made, not before: so a group
		// of copies is the same whether vaguer kinds are asked for or not.
		g, ok := g.Keep(func(m group.Member) bool { return o.wants(match.Kind(m.Kind)) })
		if ok && touchesGroup(&o, g) {
			r.Groups = append(r.Groups, g)
		}
	}
	for _, g := range r.Groups {
		r.Contents[g.Keeper.PhotoID] = l.byID[g.Keeper.PhotoID].Content
		for _, m := range g.Members {
			r.Contents[m.PhotoID] = l.byID[m.PhotoID].Content
		}
	}
	for _, p := range l.photos {
		if run, ok := l.removed[p.SHA256]; ok {
			r.RemovedBefore[p.ID] = run
		}
	}
	return r, nil
}

func (l *library) forGroups() []group.Photo {
	out := make([]group.Photo, len(l.photos))
	for i, p := range l.photos {
		out[i] = p.forGroup()
	}
	return out
}

func forGroups(pairs []pair) []group.Pair {
	out := make([]group.Pair, len(pairs))
	for i, p := range pairs {
		out[i] = group.Pair{
			A: p.a.ID, B: p.b.ID, Similarity: p.similarity, Cosine: p.cosine,
			Kind: string(p.kind), Certainty: p.kind.Certainty(),
		}
	}
	return out
}

func touchesGroup(o *Options, g group.Group) bool {
	if touchesMember(o, g.Keeper) {
		return true
	}
	for _, m := range g.Members {
		if touchesMember(o, m) {
			return true
		}
	}
	return false
}

func touchesMember(o *Options, m group.Member) bool {
	if o.touches(m.File.Path) {
		return true
	}
	for _, f := range m.OtherNames {
		if o.touches(f.Path) {
			return true
		}
	}
	return false
}
