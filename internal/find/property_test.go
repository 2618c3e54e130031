package find

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dupfind/dupfind/index/exact"
	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/store"
)

// randomRows is a library in which contents have several files, and files
// several names.
func randomRows(s *shelf, r *rand.Rand) []store.Ingest {
	var rows []store.Ingest
	for i := range 5 + r.IntN(15) {
		row := s.one(fmt.Sprintf("%c/photo %d.jpg", 'a'+rune(r.IntN(3)), i), randomVector(r))
		rows = append(rows, row)
		for c := range r.IntN(3) {
			again := row
			again.Content, again.SHA256, again.Vector = nil, row.Content.SHA256, nil
			again.File.Path = fmt.Sprintf("%c/photo %d copy %d.jpg", 'a'+rune(r.IntN(3)), i, c)
			if lastInode++; r.IntN(2) == 0 {
				again.File.Inode = lastInode // else a hard link
			}
			rows = append(rows, again)
		}
	}
	return rows
}

// brutePairs is what EachPair must yield, by the definition.
func brutePairs(rows []store.Ingest, threshold float64) []string {
	vector := make(map[[32]byte][]float32)
	sha := func(i store.Ingest) [32]byte {
		if i.Content != nil {
			return i.Content.SHA256
		}
		return i.SHA256
	}
	for _, row := range rows {
		if row.Content != nil {
			vector[row.Content.SHA256] = row.Vector
		}
	}
	var out []string
	for _, a := range rows {
		for _, b := range rows {
			if a.File.Path >= b.File.Path || a.File.Inode == b.File.Inode {
				continue
			}
			cosine, kind := 1.0, match.Identical
			if sha(a) != sha(b) {
				cosine, kind = exact.Cosine(vector[sha(a)], vector[sha(b)]), match.Similar
			}
			if cosine >= threshold {
				out = append(out, fmt.Sprintf("%s|%s|%s|%v", a.File.Path, b.File.Path, kind, cosine))
			}
		}
	}
	return out
}

func TestFilePairsEqualBruteForce(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		s := newShelf(t)
		rows := randomRows(s, r)
		s.put(rows...)
		s.update(UpdateOptions{FloorCosine: 0.8})
		// Of the names of one inode, only the one shown takes part.
		shown := make(map[uint64]string)
		for _, p := range s.filePairs(s.options(0)) {
			for _, path := range []string{p.PathA, p.PathB} {
				for _, row := range rows {
					if "/pictures/"+row.File.Path == path {
						if name, ok := shown[row.File.Inode]; ok && name != row.File.Path {
							t.Fatalf("seed %d: two names of one file: %q, %q", seed, name, row.File.Path)
						}
						shown[row.File.Inode] = row.File.Path
					}
				}
			}
		}
		all := rows
		rows = slices.DeleteFunc(slices.Clone(rows), func(i store.Ingest) bool { return i.Content == nil && shown[i.File.Inode] != i.File.Path })
		for i := range rows { // a content's own row may be known by another name
			rows[i].File.Path = shown[rows[i].File.Inode]
		}
		rows = slices.CompactFunc(rows, func(a, b store.Ingest) bool { return a.File.Inode == b.File.Inode })
		var got []string
		last := ""
		for _, p := range s.filePairs(s.options(0.8)) {
			line := fmt.Sprintf("%s|%s|%s|%v", p.PathA[len("/pictures/"):], p.PathB[len("/pictures/"):], p.Kind, p.Cosine)
			if key := p.PathA + "\x00" + p.PathB; key <= last {
				t.Fatalf("seed %d: %q is out of order", seed, line)
			} else {
				last = key
			}
			got = append(got, line)
		}
		want := brutePairs(rows, 0.8)
		slices.Sort(got)
		slices.Sort(want)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("seed %d, %d rows:\n%s", seed, len(all), d)
		}
	}
}

// Whatever the order in which photos came into the store, and in how many
// scans, the report is the same.
func TestReportDoesNotDependOnInsertionOrder(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 6))
		var want []string
		rows := randomRows(newShelf(t), r)
		for range 4 {
			s := newShelf(t)
			order := r.Perm(len(rows))
			// A row that names a content by hash must come after the content's own.
			slices.SortStableFunc(order, func(a, b int) int { return own(rows[b]) - own(rows[a]) })
			for i, at := range order {
				row := rows[at]
				row.File.RootID = s.root
				s.put(row)
				if i%7 == 3 {
					s.update(UpdateOptions{FloorCosine: 0.8, rows: 1 + r.IntN(5)})
				}
			}
			s.update(UpdateOptions{FloorCosine: 0.8})
			res := s.groups(s.options(0.85))
			got := sketch(res)
			for _, g := range res.Groups {
				got = append(got, fmt.Sprintf("%s %s %d", g.ID, g.KeeperReason, g.FreedBytes))
			}
			if want == nil {
				want = got
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("seed %d:\n%s", seed, d)
			}
		}
	}
}

func own(i store.Ingest) int {
	if i.Content != nil {
		return 1
	}
	return 0
}

func TestRemovedBefore(t *testing.T) {
	s := newShelf(t)
	a := s.one("a.jpg", axis(0, 0))
	s.put(a)
	run, err := s.db.CreateRun(t.Context(), store.Run{Name: "2026-01-02", State: store.RunPlanned}, []store.Move{{
		RootID: s.root, Rel: "a.jpg", Path: "/pictures/a.jpg", Dest: "/q/a.jpg", KeeperPath: "/pictures/k.jpg",
		SHA256: a.Content.SHA256, Kind: "identical", State: store.MoveIntent,
	}})
	if err == nil {
		err = s.db.SetMove(t.Context(), run, 0, store.MoveMoved, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	s.put(a) // a sync client has brought it back
	r := s.groups(s.options(0.95))
	if len(r.RemovedBefore) != 1 {
		t.Fatalf("got %v", r.RemovedBefore)
	}
	for _, name := range r.RemovedBefore {
		if name != "2026-01-02" {
			t.Errorf("got %q", name)
		}
	}
}
