package hnsw

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/dupfind/dupfind/index"
)

func saved(t testing.TB, v index.Vectors, threshold float64) []byte {
	t.Helper()
	e := New(Options{})
	if err := e.Pairs(t.Context(), v, 0, threshold, nil, func([]index.Pair) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := e.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSavedAndLoaded(t *testing.T) {
	v := photos(rand.New(rand.NewPCG(1, 2)), 500, 32)
	path := filepath.Join(t.TempDir(), "photos.db.hnsw")
	first := New(Options{})
	if err := first.LoadFile(path); err != nil {
		t.Fatalf("no file yet: %v", err)
	}
	if err := first.SaveFile(path); !errors.Is(err, ErrNothingToSave) {
		t.Errorf("got %v, want %v", err, ErrNothingToSave)
	}
	before := search(t, first, prefix(v, 400), 0, 0.9)
	if err := first.SaveFile(path); err != nil {
		t.Fatal(err)
	}
	if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
		t.Errorf("got %d files, %v, want one", len(all), err)
	}

	second := New(Options{})
	if err := second.LoadFile(path); err != nil {
		t.Fatal(err)
	}
	again := search(t, second, prefix(v, 400), 0, 0.9)
	if len(again) != len(before) || second.Stats().Added != 0 || second.Stats().Rebuilt != "" {
		t.Errorf("got %d pairs, %+v, want the %d of before and nothing added", len(again), second.Stats(), len(before))
	}
	checkRecall(t, "extended after loading", v, 400, 0.9, search(t, second, v, 400, 0.9), 0.97)
	if s := second.Stats(); s.Rebuilt != "" || s.Added == 0 || s.Added > 100 {
		t.Errorf("got %+v, want at most 100 vectors added", s)
	}
	if err := second.SaveFile(path); err != nil {
		t.Fatal(err)
	}
	other := New(Options{M: 16})
	if err := other.LoadFile(path); err != nil {
		t.Fatal(err)
	}
	if search(t, other, v, 0, 0.9); other.Stats().Rebuilt == "" {
		t.Error("graphs of other parameters were taken")
	}
}

// No file that is cut or has a byte changed is taken, whichever it is.
func TestDamagedFiles(t *testing.T) {
	b := saved(t, photos(rand.New(rand.NewPCG(3, 4)), 60, 4), 0.9)
	e := New(Options{})
	for i := 0; i < len(b); i += 1 + len(b)/997 {
		bad := bytes.Clone(b)
		bad[i] ^= 0x41
		err := e.Load(bytes.NewReader(bad))
		if !errors.Is(err, ErrDamaged) && !(i >= len("dupfind-hnsw") && i < len(magic) && errors.Is(err, ErrOtherVersion)) {
			t.Fatalf("byte %d of %d changed: got %v", i, len(b), err)
		}
		if err := e.Load(bytes.NewReader(b[:i])); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrOtherVersion) {
			t.Fatalf("cut at byte %d of %d: got %v", i, len(b), err)
		}
		if e.Save(new(bytes.Buffer)) == nil {
			t.Fatal("a refused file left graphs behind")
		}
	}
	if err := e.Load(bytes.NewReader(append(bytes.Clone(b), 0))); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte more: got %v", err)
	}
	if err := e.Load(bytes.NewReader(b)); err != nil {
		t.Errorf("the file itself: %v", err)
	}
}

// FuzzLoad has the loader read anything, as it is and with a checksum that is
// right, so that what lies behind the checksum is reached. A file that is taken
// must be one that a search can go on from, with true pairs only.
func FuzzLoad(f *testing.F) {
	v := photos(rand.New(rand.NewPCG(5, 6)), 40, 4)
	b := saved(f, prefix(v, 30), 0.9)
	f.Add(b)
	f.Add(b[:len(b)-sha256.Size])
	f.Add(b[:headerBytes])
	f.Add([]byte(magic))
	empty := saved(f, prefix(v, 0), 0.9)
	f.Add(empty[:len(empty)-sha256.Size])
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := sha256.Sum256(body)
		for _, file := range [][]byte{body, append(bytes.Clone(body), sum[:]...)} {
			e := New(Options{})
			if e.Load(bytes.NewReader(file)) != nil {
				continue
			}
			checkRecall(t, "loaded", v, 0, 0.95, search(t, e, v, 0, 0.95), 0)
		}
	})
}
