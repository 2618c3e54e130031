package find

import (
	"cmp"
	"context"
	"fmt"

	"github.com/dupfind/dupfind/index"
	"github.com/dupfind/dupfind/store"
)

// UpdateOptions says what Update searches.
type UpdateOptions struct {
	ModelID int64
	// FloorCosine is the cosine down to which pairs are wanted. A search that
	// was stored down to a lower one goes on with that.
	FloorCosine float64
	// Check reads the vectors even when all have been searched, so that damaged
	// ones are found and dropped. A report finds and drops them, too.
	Check bool
	// Progress hears of vector comparisons; nil: nobody.
	Progress index.Progress
	// MaxPairs ends the search with a *TooManyPairsError when one Update finds
	// more; 0 means DefaultMaxPairs.
	MaxPairs int64

	rows int // instead of updateRows, for tests
}

// UpdateStats says what Update did.
type UpdateStats struct {
	Vectors int   // that can be searched
	New     int   // of these, searched now
	Pairs   int64 // found now
	// FloorCosine is what is now stored.
	FloorCosine float64
	// Again says that an earlier search had stopped above the floor asked for,
	// so that all was searched again.
	Again bool
	// Damaged are contents whose stored vector could not be used. It has been
	// dropped: the next scan embeds them again.
	Damaged []int64
}

// DefaultMaxPairs is where a search stops with advice. More pairs than that
// are no list of duplicates that a person could look at.
const DefaultMaxPairs = 10_000_000

// TooManyPairsError says that a search found more pairs than asked for at most.
type TooManyPairsError struct {
	Cosine float64 // searched down to
	Max    int64
}

func (e *TooManyPairsError) Error() string {
	return fmt.Sprintf("more than %d pairs at or above cosine %.4g", e.Max, e.Cosine)
}

// updateRows is how many new vectors are searched and marked at a time. When
// the program is killed, at most this many are searched again.
const updateRows = 8192

// Update searches the vectors that e has not searched yet against all of the
// model, and stores the pairs. It is meant to be called under the store's lock.
// Killed or ended at any point, what was marked as searched has all its pairs
// stored, and the next Update goes on from there.
func Update(ctx context.Context, db *store.DB, e index.Engine, o UpdateOptions) (UpdateStats, error) {
	if !e.Exact() {
		return UpdateStats{}, fmt.Errorf("engine %s may miss pairs, so that its searches are not kept", e.Name())
	}
	u := updater{db: db, engine: e, o: o, left: maxPairs(o.MaxPairs)}
	stored, ok, err := db.SearchState(ctx, o.ModelID, e.Name())
	if err != nil {
		return UpdateStats{}, err
	}
	u.stats.FloorCosine = o.FloorCosine
	switch {
	case ok && stored > o.FloorCosine:
		u.stats.Again = true
	case ok:
		u.stats.FloorCosine = stored
	}
	if ok && !u.stats.Again && !o.Check {
		if settled, err := u.settled(ctx); settled || err != nil {
			return u.stats, err
		}
	}
	t, err := u.load(ctx)
	if err != nil {
		return u.stats, err
	}
	if u.stats.Again {
		if err := u.put(ctx, nil, nil, true); err != nil {
			return u.stats, err
		}
	}
	return u.stats, u.search(ctx, t)
}

func maxPairs(n int64) int64 {
	if n <= 0 {
		return DefaultMaxPairs
	}
	return n
}

type updater struct {
	db     *store.DB
	engine index.Engine
	o      UpdateOptions
	stats  UpdateStats
	left   int64 // pairs that may still be found
}

// settled reports whether there is nothing to search: a re-scan that found
// nothing new reads no vector.
func (u *updater) settled(ctx context.Context) (bool, error) {
	left, err := u.db.CountUnsearched(ctx, u.o.ModelID, u.engine.Name())
	if left > 0 || err != nil {
		return false, err
	}
	u.stats.Vectors, err = u.db.CountVectors(ctx, u.o.ModelID)
	return true, err
}

// load reads the vectors and drops the damaged ones.
func (u *updater) load(ctx context.Context) (table, error) {
	n, err := u.db.CountVectors(ctx, u.o.ModelID)
	if err != nil {
		return table{}, err
	}
	t, err := loadTable(u.db.Vectors(ctx, u.o.ModelID, u.engine.Name()), n, u.stats.Again, nil)
	if err != nil {
		return table{}, err
	}
	u.stats.Vectors, u.stats.New, u.stats.Damaged = t.N(), t.N()-t.firstNew, t.damaged
	if len(t.damaged) > 0 {
		if err := u.db.DropVectors(ctx, u.o.ModelID, t.damaged); err != nil {
			return table{}, err
		}
	}
	return t, nil
}

func (u *updater) put(ctx context.Context, pairs []store.Pair, searched []int64, reset bool) error {
	return u.db.PutPairs(ctx, u.o.ModelID, u.engine.Name(), u.stats.FloorCosine, pairs, searched, reset)
}

// search takes the new rows a part at a time: each against all rows before it
// and itself. All pairs of a part are stored before its mark.
func (u *updater) search(ctx context.Context, t table) error {
	progress := u.o.Progress
	if progress == nil {
		progress = func(int64, int64) {}
	}
	total := comparisons(t.firstNew, t.N())
	progress(0, total)
	if t.firstNew == t.N() {
		return u.put(ctx, nil, nil, false) // the floor is known, also of a library without photos
	}
	rows := cmp.Or(u.o.rows, updateRows)
	for from := t.firstNew; from < t.N(); from += rows {
		to := min(from+rows, t.N())
		part := index.Vectors{Dim: t.Dim, Data: t.Data[:to*t.Dim]}
		before, size := comparisons(t.firstNew, from), comparisons(from, to)
		err := u.engine.Pairs(ctx, part, from, u.stats.FloorCosine, func(done, all int64) {
			if all > 0 { // engines count in their own units
				progress(before+int64(float64(size)*float64(done)/float64(all)), total)
			}
		}, func(found []index.Pair) error { return u.found(ctx, &t, found) })
		if err != nil {
			return err
		}
		if err := u.put(ctx, nil, t.ids[from:to], false); err != nil {
			return err
		}
		progress(before+size, total)
	}
	return nil
}

func (u *updater) found(ctx context.Context, t *table, found []index.Pair) error {
	u.left -= int64(len(found))
	if u.left < 0 {
		return &TooManyPairsError{Cosine: u.stats.FloorCosine, Max: maxPairs(u.o.MaxPairs)}
	}
	pairs := make([]store.Pair, len(found))
	for i, p := range found {
		pairs[i] = t.pair(p)
	}
	u.stats.Pairs += int64(len(pairs))
	return u.put(ctx, pairs, nil, false)
}

// comparisons counts pairs (a, b) with a < b and from <= b < to.
func comparisons(from, to int) int64 {
	below := func(n int) int64 { return int64(n) * int64(n-1) / 2 }
	return below(to) - below(from)
}
