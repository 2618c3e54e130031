package store

import (
	"path/filepath"
	"testing"
)

// newDB makes an empty library in a folder of its own.
func newDB(t testing.TB) *DB {
	t.Helper()
	d, err := Open(t.Context(), filepath.Join(t.TempDir(), "dupfind.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestOpenTwice(t *testing.T) {
	d := newDB(t)
	again, err := Open(t.Context(), d.Path(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Stats(t.Context()); err != nil {
		t.Fatal(err)
	}
}
