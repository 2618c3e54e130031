package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func openDB(t testing.TB, path string, o Options) *DB {
	t.Helper()
	d, err := Open(t.Context(), path, o)
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

// newDB makes an empty library in a folder of its own.
func newDB(t testing.TB) *DB {
	t.Helper()
	return openDB(t, filepath.Join(t.TempDir(), "dupfind.db"), Options{})
}

func tempFile(t *testing.T, text string) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	return f
}

// listing returns the names in a folder with their contents.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(b)
	}
	return all
}

func TestOpenPaths(t *testing.T) {
	names := []string{"plain.db", "a?mode=memory&x#y", "100%41.db", "file:x", "with space", "ünïcode", ":memory:", "semi;colon'\""}
	if runtime.GOOS != "darwin" { // APFS refuses other names
		names = append(names, "\xff\xfe.db")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), name)
			path := filepath.Join(dir, name)
			d, err := Open(t.Context(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.AddRoot(t.Context(), Root{Path: "/r"}); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if got := listing(t, dir); len(got) != 1 || got[name] == "" {
				t.Errorf("folder holds %d files, want %q alone", len(got), name)
			}
			again := openDB(t, path, Options{ReadOnly: true})
			if roots, err := again.Roots(t.Context()); err != nil || len(roots) != 1 {
				t.Errorf("got %v, %v", roots, err)
			}
		})
	}
}

func TestOpenRelativeAndSymlink(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	d := openDB(t, "x.db", Options{})
	if err := os.Symlink("x.db", "link.db"); err != nil {
		t.Fatal(err)
	}
	linked := openDB(t, "link.db", Options{})
	if linked.Path() != d.Path() || !filepath.IsAbs(d.Path()) {
		t.Errorf("got %q and %q", d.Path(), linked.Path())
	}
	l, err := Lock("x.db", "a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Release() }()
	if _, err := Lock("link.db", "b"); !errors.Is(err, ErrLocked) {
		t.Errorf("lock by the other name: got %v, want ErrLocked", err)
	}
}

func TestOpenModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "dupfind")
	d := openDB(t, filepath.Join(dir, "x.db"), Options{})
	if _, err := d.AddRoot(t.Context(), Root{Path: "/r"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "x.db": 0o600, "x.db-wal": 0o600, "x.db-shm": 0o600} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := fi.Mode().Perm(); got != want {
			t.Errorf("mode of %q: got %o, want %o", name, got, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	exec := func(query string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			t.Helper()
			h, err := sql.Open("sqlite3", "file:"+path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.ExecContext(t.Context(), query); err != nil {
				t.Fatal(err)
			}
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	ours := func(next func(t *testing.T, path string)) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			t.Helper()
			d, err := Open(t.Context(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			fill(t, t.Context(), d, 300, 4)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			next(t, path)
		}
	}
	tests := []struct {
		name     string
		make     func(t *testing.T, path string)
		readOnly bool
		want     error
	}{
		{"newer", ours(exec("PRAGMA user_version = 99")), false, ErrNewerSchema},
		{"newer, reading", ours(exec("PRAGMA user_version = 99")), true, ErrNewerSchema},
		{"of another program", exec("CREATE TABLE moz_places (x)"), false, ErrNotOurs},
		{"of another program with a version", exec("PRAGMA user_version = 75"), false, ErrNotOurs},
		{"no database", func(t *testing.T, path string) {
			writeFile(t, path, bytes.Repeat([]byte("not a database. "), 1000))
		}, false, ErrDamaged},
		{"first page overwritten", ours(func(t *testing.T, path string) {
			overwrite(t, path, 0, 2048)
		}), true, ErrDamaged},
		{"cut off", ours(func(t *testing.T, path string) {
			if err := os.Truncate(path, 3000); err != nil {
				t.Fatal(err)
			}
		}), false, ErrDamaged},
		{"missing, reading", func(*testing.T, string) {}, true, ErrNoDB},
		{"empty, reading", func(t *testing.T, path string) { writeFile(t, path, nil) }, true, ErrNoDB},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "x.db")
			tt.make(t, path)
			before := listing(t, dir)
			d, err := Open(t.Context(), path, Options{ReadOnly: tt.readOnly})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if err == nil {
				t.Fatal(d.Close())
			}
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%q does not name the file", err)
			}
			if after := listing(t, dir); !equalMaps(before, after) {
				t.Error("a refused file or its folder was changed")
			}
		})
	}
}

func equalMaps(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// overwrite puts noise over n bytes of a file.
func overwrite(t *testing.T, path string, from, n int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		b[from+i] = byte(i*7 + 1)
	}
	writeFile(t, path, b)
}

func TestOpenOnNetworkFS(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	_, err := open(t.Context(), path, Options{}, func(string) (string, error) { return "nfs", nil })
	e, ok := errors.AsType[*NetworkFSError](err)
	if !ok || e.FSType != "nfs" || filepath.Base(e.Path) != "x.db" {
		t.Errorf("got %v, want *NetworkFSError", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a refused library was made")
	}
	if name, err := networkFSOf(filepath.Dir(path)); err != nil || name != "" {
		t.Errorf("temporary folder: got %q, %v", name, err)
	}
}

func TestReadOnlyBesideWriter(t *testing.T) {
	d := newDB(t)
	root, model := fill(t, t.Context(), d, 10, 4)
	r, err := Open(t.Context(), d.Path(), Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := countFiles(t, r, root); n != 10 {
		t.Errorf("got %d files, want 10", n)
	}
	if err := d.Put(t.Context(), model, []Ingest{photo(root, 10, nil)}); err != nil {
		t.Fatal(err)
	}
	if n := countFiles(t, r, root); n != 11 {
		t.Errorf("after a write: got %d files, want 11", n)
	}
	if err := r.Put(t.Context(), model, nil); !errors.Is(err, ErrReadOnly) {
		t.Errorf("write: got %v, want ErrReadOnly", err)
	}
	if err := r.SetRun(t.Context(), 1, RunDone); !errors.Is(err, ErrReadOnly) {
		t.Errorf("write to the journal: got %v, want ErrReadOnly", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if n := countFiles(t, d, root); n != 11 {
		t.Errorf("writer after the reader left: got %d files, want 11", n)
	}
}

func TestReadOnlyLeavesNoTrace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	d, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	root, _ := fill(t, t.Context(), d, 10, 4)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	before := listing(t, dir)
	r, err := Open(t.Context(), path, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := countFiles(t, r, root); n != 10 {
		t.Errorf("got %d files, want 10", n)
	}
	if _, err := r.Stats(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if !equalMaps(before, listing(t, dir)) {
		t.Error("reading changed the folder")
	}
}

func countFiles(t *testing.T, d *DB, root int64) (n int) {
	t.Helper()
	files, err := collect(d.Files(t.Context(), root))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestCheckFindsDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	d, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	root, _ := fill(t, t.Context(), d, 3000, 4)
	if problems, err := d.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("sound library: got %q, %v", problems, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	// All pages but the schema's, so that whatever is read is noise.
	for at := 64 * pageSize; at < int(fi.Size()); at += pageSize {
		overwrite(t, path, at, 64)
	}
	d = openDB(t, path, Options{ReadOnly: true})
	if problems, err := d.Check(t.Context()); err != nil || len(problems) == 0 {
		t.Errorf("damaged library: got %q, %v", problems, err)
	}
	if _, err := collect(d.Files(t.Context(), root)); !errors.Is(err, ErrDamaged) {
		t.Errorf("files of a damaged library: got %v, want ErrDamaged", err)
	}
}

func TestOpenByManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	errs := make(chan error)
	for range 8 {
		go func() {
			d, err := Open(context.Background(), path, Options{})
			if err == nil {
				err = d.Close()
			}
			errs <- err
		}()
	}
	var all []error
	for range 8 {
		all = append(all, <-errs)
	}
	if all = slices.DeleteFunc(all, func(err error) bool { return err == nil }); len(all) > 0 {
		t.Errorf("8 openings of a new library: %v", all)
	}
}
