package find

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"github.com/dupfind/dupfind/index/exact"
	"github.com/dupfind/dupfind/store"
)

func verifyNoLeaks(t *testing.T) {
	// database/sql keeps a goroutine for each open handle.
	goleak.VerifyNone(t, goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

// However the photos come in, and wherever an update breaks off, the store ends
// with all pairs and the same cosines.
func TestUpdateEqualsBruteForce(t *testing.T) {
	defer verifyNoLeaks(t)
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := newShelf(t)
		n := 0
		for range 4 {
			var batch []store.Ingest
			for range r.IntN(30) {
				n++
				batch = append(batch, s.one(fmt.Sprintf("%03d.jpg", n), randomVector(r)))
			}
			s.put(batch...)
			o := UpdateOptions{ModelID: s.model, FloorCosine: 0.7, rows: 1 + r.IntN(20)}
			for breaks := r.IntN(4); breaks > 0; breaks-- {
				_, err := Update(t.Context(), s.db, &broken{n: r.IntN(12)}, o)
				if err != nil && !errors.Is(err, errBroken) {
					t.Fatal(err)
				}
			}
			s.update(o)
			if want := s.wanted(0.7); !maps.Equal(s.stored(), want) || !s.allSearched() {
				t.Fatalf("seed %d, %d photos: stored %d pairs, want %d", seed, n, len(s.stored()), len(want))
			}
		}
		if stats := s.update(UpdateOptions{FloorCosine: 0.7}); stats.New != 0 || stats.Pairs != 0 || stats.Vectors != n {
			t.Errorf("nothing new, but %+v", stats)
		}
	}
}

// What is marked as searched when an update breaks has all its pairs stored.
func TestUpdateBrokenAnywhereLosesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	broke := true
	for breakAt := 0; broke; breakAt++ {
		s := newShelf(t)
		var batch []store.Ingest
		for i := range 40 {
			batch = append(batch, s.one(fmt.Sprint(i), randomVector(r)))
		}
		s.put(batch...)
		_, err := Update(t.Context(), s.db, &broken{n: breakAt}, UpdateOptions{ModelID: s.model, FloorCosine: 0.7, rows: 7})
		if broke = errors.Is(err, errBroken); err != nil && !broke {
			t.Fatalf("break at %d: %v", breakAt, err)
		}
		searched := make(map[int64]bool)
		for v, err := range s.db.Vectors(t.Context(), s.model, "exact") {
			if err != nil {
				t.Fatal(err)
			}
			searched[v.ContentID] = v.Searched
		}
		stored := s.stored()
		for pair := range s.wanted(0.7) {
			if _, ok := stored[pair]; !ok && searched[pair[0]] && searched[pair[1]] {
				t.Fatalf("break at %d: pair %v is lost", breakAt, pair)
			}
		}
		// A report in between shows everything all the same.
		got := s.filePairs(s.options(0.7))
		if want := s.wanted(0.7); len(got) != len(want) {
			t.Fatalf("break at %d: report shows %d pairs, want %d", breakAt, len(got), len(want))
		}
	}
}

func TestUpdateFloor(t *testing.T) {
	s := newShelf(t)
	r := rand.New(rand.NewPCG(2, 2))
	for i := range 30 {
		s.put(s.one(fmt.Sprint(i), randomVector(r)))
	}
	s.update(UpdateOptions{FloorCosine: 0.8})
	stats := s.update(UpdateOptions{FloorCosine: 0.6})
	if !stats.Again || stats.New != 30 || stats.FloorCosine != 0.6 || !maps.Equal(s.stored(), s.wanted(0.6)) {
		t.Errorf("a lower floor: %+v", stats)
	}
	s.put(s.one("new", randomVector(r)))
	stats = s.update(UpdateOptions{FloorCosine: 0.9})
	if stats.Again || stats.New != 1 || stats.FloorCosine != 0.6 || !maps.Equal(s.stored(), s.wanted(0.6)) {
		t.Errorf("a higher floor: %+v", stats)
	}
	// Broken in the middle of searching again: still whole afterwards.
	if _, err := Update(t.Context(), s.db, &broken{n: 3}, UpdateOptions{ModelID: s.model, FloorCosine: 0.5, rows: 9}); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	s.update(UpdateOptions{FloorCosine: 0.5})
	if !maps.Equal(s.stored(), s.wanted(0.5)) {
		t.Error("pairs are lost after a broken search")
	}
}

func TestUpdateEmptyLibrary(t *testing.T) {
	s := newShelf(t)
	if stats := s.update(UpdateOptions{FloorCosine: 0.35}); stats.Vectors != 0 || stats.FloorCosine != 0.35 {
		t.Errorf("got %+v", stats)
	}
	if floor, ok, err := s.db.SearchState(t.Context(), s.model, "exact"); floor != 0.35 || !ok || err != nil {
		t.Errorf("got floor %v, %v, %v", floor, ok, err)
	}
}

func TestReportDropsDamagedVectors(t *testing.T) {
	s := newShelf(t)
	s.put(s.one("a", axis(0, 0)), s.one("b", axis(0, 0.1)), s.one("c", axis(0, 0.2)))
	s.update(UpdateOptions{FloorCosine: 0.5})
	s.exec(`UPDATE embeddings SET vector = zeroblob(48) WHERE content_id = 2`)
	r := s.groups(s.options(0.9))
	if r.Compared != 2 || r.NoVector != 1 {
		t.Errorf("report with a damaged vector: %+v", r.Numbers)
	}
	for k, err := range s.db.HashState(t.Context(), s.model) {
		if err != nil || k.HasVector != (k.ContentID != 2) {
			t.Errorf("content %d: has vector %v, %v", k.ContentID, k.HasVector, err)
		}
	}
}

func TestUpdateDropsDamagedVectors(t *testing.T) {
	s := newShelf(t)
	s.put(s.one("a", axis(0, 0)), s.one("b", axis(0, 0.1)), s.one("c", axis(0, 0.2)))
	s.update(UpdateOptions{FloorCosine: 0.5})
	s.exec(`UPDATE embeddings SET vector = zeroblob(48) WHERE content_id = 2`)

	if stats := s.update(UpdateOptions{FloorCosine: 0.5}); stats.New != 0 || len(stats.Damaged) != 0 {
		t.Errorf("nothing new, yet vectors were read: %+v", stats)
	}
	stats := s.update(UpdateOptions{FloorCosine: 0.5, Check: true})
	if len(stats.Damaged) != 1 || stats.Damaged[0] != 2 || stats.Vectors != 2 {
		t.Fatalf("got %+v", stats)
	}
	if got := s.stored(); len(got) != 1 {
		t.Errorf("pairs of the damaged vector are kept: %v", got)
	}
	for k, err := range s.db.HashState(t.Context(), s.model) {
		if err != nil || k.HasVector != (k.ContentID != 2) {
			t.Errorf("content %d: has vector %v, %v", k.ContentID, k.HasVector, err)
		}
	}
	// Embedded again, it is searched again.
	s.put(s.one("b", axis(0, 0.1)))
	if stats := s.update(UpdateOptions{FloorCosine: 0.5}); stats.New != 1 || len(s.stored()) != 3 {
		t.Errorf("got %+v and %d pairs", stats, len(s.stored()))
	}
}

// exec changes the database behind the store's back.
func (s *shelf) exec(query string) {
	s.t.Helper()
	db, err := sql.Open("sqlite3", s.path)
	if err == nil {
		_, err = db.Exec(query)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestUpdateTooManyPairs(t *testing.T) {
	s := newShelf(t)
	for i := range 20 {
		s.put(s.one(fmt.Sprint(i), axis(0, 0)))
	}
	_, err := Update(t.Context(), s.db, &exact.Engine{}, UpdateOptions{ModelID: s.model, FloorCosine: 0.5, MaxPairs: 100})
	if e, ok := errors.AsType[*TooManyPairsError](err); !ok || e.Max != 100 || e.Cosine != 0.5 {
		t.Fatalf("got %v", err)
	}
	if s.allSearched() {
		t.Error("marked as searched")
	}
	s.update(UpdateOptions{FloorCosine: 0.5, MaxPairs: 190})
	if len(s.stored()) != 190 {
		t.Errorf("%d pairs", len(s.stored()))
	}
}

func TestUpdateRefusesApproximateEngines(t *testing.T) {
	s := newShelf(t)
	if _, err := Update(t.Context(), s.db, &rough{}, UpdateOptions{ModelID: s.model, FloorCosine: 0.5}); err == nil {
		t.Error("pairs of an engine that may miss some are kept")
	}
}

func TestUpdateProgress(t *testing.T) {
	s := newShelf(t)
	r := rand.New(rand.NewPCG(3, 3))
	for i := range 50 {
		s.put(s.one(fmt.Sprint(i), randomVector(r)))
	}
	var last, total int64
	s.update(UpdateOptions{FloorCosine: 0.5, rows: 11, Progress: func(done, all int64) {
		if done < last || done > all {
			t.Errorf("progress went from %d to %d of %d", last, done, all)
		}
		last, total = done, all
	}})
	if last != total || total != 50*49/2 {
		t.Errorf("ended at %d of %d", last, total)
	}
}
