package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// putUntil puts batches of 64 photos with vectors of 512 numbers until one
// fails, and returns how many photos were stored and the error.
func putUntil(t *testing.T, d *DB, root, model int64, from int) (int, error) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(from)))
	for n := from; n < from+64*1000; n += 64 {
		batch := make([]Ingest, 64)
		for i := range batch {
			batch[i] = photo(root, n+i, unit(rng, 512))
		}
		if err := d.Put(t.Context(), model, batch); err != nil {
			return n, err
		}
	}
	t.Fatal("64,000 photos fit on a full disk")
	return 0, nil
}

// checkFull fills up a library, makes room, and goes on.
func checkFull(t *testing.T, path string, makeRoom func(d *DB)) {
	t.Helper()
	d, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	root, err := d.AddRoot(t.Context(), Root{Path: "/r"})
	if err != nil {
		t.Fatal(err)
	}
	model, err := d.EnsureModel(t.Context(), Model{Name: "m", Digest: "d", Dim: 512})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.w.ExecContext(t.Context(), "PRAGMA max_page_count = 800"); err != nil {
		t.Fatal(err)
	}
	n, err := putUntil(t, d, root, model, 0)
	if !errors.Is(err, ErrDiskFull) {
		t.Errorf("full disk: got %v, want ErrDiskFull", err)
	}
	t.Logf("%d photos, then: %v", n, err)
	if got := countFiles(t, d, root); got != n || n == 0 {
		t.Errorf("%d files, want %d", got, n)
	}
	if problems, err := d.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("full disk: check: %q, %v", problems, err)
	}
	makeRoom(d)
	put(t, d, model, photo(root, n, unit(rand.New(rand.NewPCG(1, 1)), 512)))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again := openDB(t, path, Options{})
	if got := countFiles(t, again, root); got != n+1 {
		t.Errorf("after room was made: %d files, want %d", got, n+1)
	}
	if problems, err := again.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("after room was made: check: %q, %v", problems, err)
	}
}

// TestLibraryFull has SQLite itself refuse pages, which works on any machine.
func TestLibraryFull(t *testing.T) {
	checkFull(t, filepath.Join(t.TempDir(), "x.db"), func(d *DB) {
		if _, err := d.w.ExecContext(context.Background(), "PRAGMA max_page_count = 4294967294"); err != nil {
			t.Fatal(err)
		}
	})
}

// TestDiskFull fills a small filesystem where one can be mounted, which takes
// root's rights on Linux; TestLibraryFull stands for it elsewhere.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if !mountSmall(t, dir, 3<<20) {
		t.Log("no right to mount: only TestLibraryFull was run")
		return
	}
	ballast := filepath.Join(dir, "ballast")
	writeFile(t, ballast, make([]byte, 1<<20))
	checkFull(t, filepath.Join(dir, "x.db"), func(*DB) {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
}
