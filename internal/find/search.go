package find

import (
	"cmp"
	"context"
	"slices"

	"github.com/dupfind/dupfind/index"
	"github.com/dupfind/dupfind/store"
)

// search finds pairs that the store does not hold, in memory: all of them, or
// those of photos that were not searched. Nothing of it is kept: report must
// not write beside a scan what the scan is about to write.
func (l *library) search(ctx context.Context, snap *store.Snap, threshold float64, n int, all bool) error {
	if l.o.Searching != nil {
		l.o.Searching(l.Searched)
	}
	t, err := loadTable(snap.Vectors(ctx, l.o.ModelID, l.o.Engine.Name()), n, all, func(id int64) bool { return l.byID[id] != nil })
	if err != nil {
		return err
	}
	most := maxPairs(l.o.MaxPairs)
	var found int64
	err = l.o.Engine.Pairs(ctx, t.Vectors, t.firstNew, threshold, l.o.Progress, func(pairs []index.Pair) error {
		if found += int64(len(pairs)); found > most {
			return &TooManyPairsError{Cosine: threshold, Max: most}
		}
		for _, p := range pairs {
			l.proposals = append(l.proposals, t.pair(p))
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(l.proposals, func(x, y store.Pair) int {
		return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	return nil
}
