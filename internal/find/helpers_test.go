package find

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/dupfind/dupfind/index"
	"github.com/dupfind/dupfind/index/exact"
	"github.com/dupfind/dupfind/store"
)

const dim = 12

// shelf is a store with one model and one root, filled by tests.
type shelf struct {
	t     *testing.T
	db    *store.DB
	path  string
	root  int64
	model int64
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := store.Open(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &shelf{t: t, db: db, path: path}
	s.root = s.addRoot("/pictures", true)
	if s.model, err = db.EnsureModel(t.Context(), store.Model{Name: "test", Digest: "sha256:0", Dim: dim}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shelf) addRoot(path string, stableInodes bool) int64 {
	s.t.Helper()
	id, err := s.db.AddRoot(s.t.Context(), store.Root{Path: path, Device: 7, StableInodes: stableInodes})
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

var lastInode uint64

// one is a photo with one file. The name stands for the bytes too.
func (s *shelf) one(name string, vector []float32) store.Ingest {
	lastInode++
	return store.Ingest{
		File: store.File{RootID: s.root, Path: name, SizeBytes: 1000, MtimeNS: 5, Device: 7, Inode: lastInode, Links: 1, State: store.StatePhoto},
		Content: &store.Content{SHA256: sha256.Sum256([]byte(name)), SizeBytes: 1000, Format: "jpeg", Width: 40, Height: 30,
			TileHash: sha256.Sum256([]byte("tile of " + name))},
		Vector: vector,
	}
}

func (s *shelf) put(all ...store.Ingest) {
	s.t.Helper()
	if err := s.db.Put(s.t.Context(), s.model, all); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) update(o UpdateOptions) UpdateStats {
	s.t.Helper()
	o.ModelID = s.model
	stats, err := Update(s.t.Context(), s.db, &exact.Engine{}, o)
	if err != nil {
		s.t.Fatal(err)
	}
	return stats
}

func (s *shelf) options(threshold float64) Options {
	return Options{ModelID: s.model, Engine: &exact.Engine{}, Scale: identity{}, Threshold: threshold}
}

func (s *shelf) groups(o Options) Result {
	s.t.Helper()
	r, err := Groups(s.t.Context(), s.db, o)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *shelf) filePairs(o Options) []FilePair {
	s.t.Helper()
	var all []FilePair
	if _, err := EachPair(s.t.Context(), s.db, o, func(p FilePair) error { all = append(all, p); return nil }); err != nil {
		s.t.Fatal(err)
	}
	return all
}

// stored is the pairs in the store, by content.
func (s *shelf) stored() map[[2]int64]float64 {
	s.t.Helper()
	all := make(map[[2]int64]float64)
	for p, err := range s.db.Pairs(s.t.Context(), s.model, "exact", -1) {
		if err != nil {
			s.t.Fatal(err)
		}
		all[[2]int64{p.A, p.B}] = p.Cosine
	}
	return all
}

// wanted is all pairs at or above a cosine, by brute force.
func (s *shelf) wanted(cosine float64) map[[2]int64]float64 {
	s.t.Helper()
	var vs []store.Vector
	for v, err := range s.db.Vectors(s.t.Context(), s.model, "exact") {
		if err != nil {
			s.t.Fatal(err)
		}
		vs = append(vs, v)
	}
	all := make(map[[2]int64]float64)
	for i, a := range vs {
		for _, b := range vs[i+1:] {
			if c := exact.Cosine(a.V, b.V); c >= cosine {
				all[[2]int64{min(a.ContentID, b.ContentID), max(a.ContentID, b.ContentID)}] = c
			}
		}
	}
	return all
}

func (s *shelf) allSearched() bool {
	s.t.Helper()
	for v, err := range s.db.Vectors(s.t.Context(), s.model, "exact") {
		if err != nil {
			s.t.Fatal(err)
		}
		if !v.Searched {
			return false
		}
	}
	return true
}

// identity is the scale of a model that has none.
type identity struct{}

func (identity) Similarity(c float64) float64 { return c }
func (identity) Cosine(s float64) float64     { return s }

// axis is a unit vector along axis k, turned by an angle towards the next one:
// two of one k have the cosine of the difference of their angles.
func axis(k int, angle float64) []float32 {
	v := make([]float32, dim)
	v[k%dim] = float32(math.Cos(angle))
	v[(k+1)%dim] = float32(math.Sin(angle))
	return v
}

func randomVector(r *rand.Rand) []float32 {
	v := make([]float32, dim)
	var sum float64
	for i := range v {
		v[i] = float32(r.NormFloat64())
		if i > 2 {
			v[i] /= 4 // so that many are near each other
		}
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

var errBroken = errors.New("broken")

// broken is the exact engine, but its n-th batch of pairs fails.
type broken struct {
	exact.Engine
	n int
}

func (b *broken) Pairs(ctx context.Context, v index.Vectors, firstNew int, t float64, progress index.Progress, yield func([]index.Pair) error) error {
	return b.Engine.Pairs(ctx, v, firstNew, t, progress, func(all []index.Pair) error {
		for len(all) > 0 { // in small batches, so that it can break within a part
			k := min(5, len(all))
			if b.n--; b.n < 0 {
				return errBroken
			}
			if err := yield(all[:k]); err != nil {
				return err
			}
			all = all[k:]
		}
		return nil
	})
}

// rough is the exact engine under a name and a promise of its own.
type rough struct{ exact.Engine }

func (*rough) Name() string { return "rough" }
func (*rough) Exact() bool  { return false }

func sketch(r Result) []string {
	var out []string
	for _, g := range r.Groups {
		s := g.Keeper.File.Path + ":"
		for _, m := range g.Members {
			s += fmt.Sprintf(" %s=%s", m.File.Path, m.Kind)
		}
		out = append(out, s)
	}
	return out
}
