package quarantine

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dupfind/dupfind/store"
)

// quarantinedLibrary is a library with one run: copies a to e in folder x, all in the quarantine.
func quarantinedLibrary(t *testing.T) (l *library, res Result, before map[string]state) {
	t.Helper()
	dir := fastDir(t)
	l = newLibrary(t, filepath.Join(dir, "photos"))
	l.put("keep.jpg", "one")
	names := []string{"x/a.jpg", "x/b.jpg", "x/y/c.jpg", "d.jpg", "e.jpg"}
	for _, n := range names {
		l.put(n, "one")
	}
	l.withStore(filepath.Join(dir, "db"))
	before = tree(t, l.root)
	var moves []Move
	for _, n := range names {
		moves = append(moves, l.move(n, "keep.jpg"))
	}
	res = mustRun(t, l.db, moves, Options{RunName: "R"})
	if res.Count(Moved) != len(names) {
		t.Fatalf("%+v", res.Items)
	}
	return l, res, before
}

func (l *library) restore(t *testing.T, only ...string) Result {
	t.Helper()
	res, err := Restore(t.Context(), l.db, Target{Last: true}, RestoreOptions{Only: only})
	must(t, err)
	return res
}

func (l *library) runState(t *testing.T) store.RunState {
	t.Helper()
	runs, err := l.db.Runs(t.Context())
	must(t, err)
	return runs[0].State
}

func TestRestoreNeverOverwrites(t *testing.T) {
	l, res, _ := quarantinedLibrary(t)
	folder := res.Folders[0]
	l.put("x/a.jpg", "another photo")                                           // its place is taken
	must(t, os.WriteFile(l.path("x/b.jpg"), []byte("one"), 0o644))              // a sync client brought it back
	must(t, os.Rename(filepath.Join(folder, "x/y/c.jpg"), l.path("x/y/c.jpg"))) // moved back by hand
	must(t, os.Remove(filepath.Join(folder, "d.jpg")))                          // gone
	must(t, os.Chmod(filepath.Join(folder, "e.jpg"), 0o600))
	must(t, os.WriteFile(filepath.Join(folder, "e.jpg"), []byte("two"), 0o644)) // changed in the quarantine
	wantOutcomes(t, l.restore(t).Items, map[string]string{
		"a.jpg": "refused occupied", "b.jpg": "already-back occupied", "c.jpg": "already-back occupied",
		"d.jpg": "gone gone", "e.jpg": "refused changed",
	})
	got := contentsByPath(t, l.root)
	want := map[string]string{
		"keep.jpg": "one", "x/a.jpg": "another photo", "x/b.jpg": "one", "x/y/c.jpg": "one",
		FolderName + "/R/x/a.jpg": "one", FolderName + "/R/x/b.jpg": "one", FolderName + "/R/e.jpg": "two",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if s := l.runState(t); s != store.RunDone {
		t.Errorf("run is %s though files are left", s)
	}
	must(t, os.Remove(l.path("x/a.jpg")))
	wantOutcomes(t, l.restore(t).Items, map[string]string{"a.jpg": "restored", "d.jpg": "gone gone", "e.jpg": "refused changed"})
	must(t, os.Remove(filepath.Join(folder, "e.jpg")))
	wantOutcomes(t, l.restore(t).Items, map[string]string{"d.jpg": "gone gone", "e.jpg": "gone gone"})
	if s := l.runState(t); s != store.RunRestored {
		t.Errorf("run is %s though nothing is left", s)
	}
}

func TestRestoreOnly(t *testing.T) {
	l, res, before := quarantinedLibrary(t)
	wantOutcomes(t, l.restore(t, l.path("x"), l.path("nowhere.jpg")).Items,
		map[string]string{"a.jpg": "restored", "b.jpg": "restored", "c.jpg": "restored", "nowhere.jpg": "refused not-in-run"})
	if _, err := os.Lstat(filepath.Join(res.Folders[0], "x")); err == nil {
		t.Error("an emptied quarantine folder was left")
	}
	wantOutcomes(t, l.restore(t, "d.jpg", l.path("x/a.jpg")).Items, map[string]string{"d.jpg": "restored", "a.jpg": "already-back"})
	wantOutcomes(t, l.restore(t, joinPath(res.Folders[0], "e.jpg")).Items, map[string]string{"e.jpg": "restored"})
	sameTree(t, "after restore in parts", tree(t, l.root), before)
	if s := l.runState(t); s != store.RunRestored {
		t.Errorf("run is %s", s)
	}
	if _, err := Restore(t.Context(), l.db, Target{Run: "nothing"}, RestoreOptions{}); !errors.Is(err, ErrNoRun) {
		t.Errorf("unknown run: %v", err)
	}
}

// TestRestoreWithoutStore: the quarantine folder is enough, also when the library has moved since, and it
// belongs to the library that it lies in.
func TestRestoreWithoutStore(t *testing.T) {
	for name, folder := range map[string]string{"run": FolderName + "/R", "all runs": FolderName} {
		t.Run(name, func(t *testing.T) {
			l, _, before := quarantinedLibrary(t)
			moved := l.root + " moved"
			must(t, os.Rename(l.root, moved))
			must(t, os.RemoveAll(filepath.Join(moved, "x"))) // folders are made again
			res, err := Restore(t.Context(), nil, Target{Folder: filepath.Join(moved, folder)}, RestoreOptions{})
			must(t, err)
			if res.Count(Restored) != 5 {
				t.Errorf("%+v", res.Items)
			}
			sameTree(t, "after restore", tree(t, moved), before)
			// The store learns of it when the folder is named again.
			must(t, os.Rename(moved, l.root))
			_, err = Restore(t.Context(), l.db, Target{Folder: l.path(folder)}, RestoreOptions{})
			must(t, err)
			if s := l.runState(t); s != store.RunRestored {
				t.Errorf("run is %s", s)
			}
			if n := len(l.presentInStore()); n != len(before) {
				t.Errorf("the store takes %d files to be there", n)
			}
		})
	}
	if _, err := Restore(t.Context(), nil, Target{Last: true}, RestoreOptions{}); !errors.Is(err, ErrNeedsJournal) {
		t.Errorf("no store: %v", err)
	}
	if _, err := Restore(t.Context(), nil, Target{Folder: t.TempDir()}, RestoreOptions{}); !errors.Is(err, ErrNoManifest) {
		t.Errorf("no manifest: %v", err)
	}
}

// TestRestoreOfCopiedLibrary: a copy of a library restores into itself, and the journal of the other one
// does not change.
func TestRestoreOfCopiedLibrary(t *testing.T) {
	l, _, before := quarantinedLibrary(t)
	backup := l.root + " backup"
	must(t, os.CopyFS(backup, os.DirFS(l.root)))
	res, err := Restore(t.Context(), l.db, Target{Folder: filepath.Join(backup, FolderName, "R")}, RestoreOptions{})
	must(t, err)
	if res.Count(Restored) != 5 || len(tree(t, backup)) != len(before) || len(tree(t, l.root)) != 1 {
		t.Errorf("%+v", res.Items)
	}
	if s := l.runState(t); s != store.RunDone {
		t.Errorf("run of the other library is %s", s)
	}
}

func TestRestoreFolderGone(t *testing.T) {
	l, res, _ := quarantinedLibrary(t)
	away := l.root + " away"
	must(t, os.Rename(l.root, away))
	for _, item := range l.restore(t).Items {
		if item.Outcome != Refused || item.Reason != ReasonNotHere {
			t.Errorf("%+v", item)
		}
	}
	if s := l.runState(t); s != store.RunDone {
		t.Errorf("run of an unplugged library is %s", s)
	}
	must(t, os.Rename(away, l.root))
	must(t, os.RemoveAll(res.Folders[0]))
	if got := l.restore(t); got.Count(Gone) != 5 {
		t.Errorf("%+v", got.Items)
	}
	if _, err := Restore(t.Context(), l.db, Target{Last: true}, RestoreOptions{}); !errors.Is(err, ErrNothingLeft) {
		t.Errorf("a purged run is offered again: %v", err)
	}
}

// TestRestoreSymlinkedFolder: a folder that became a symlink leads out of the library; nothing goes there.
func TestRestoreSymlinkedFolder(t *testing.T) {
	l, _, _ := quarantinedLibrary(t)
	outside := t.TempDir()
	must(t, os.RemoveAll(l.path("x")))
	must(t, os.Symlink(outside, l.path("x")))
	wantOutcomes(t, l.restore(t).Items, map[string]string{
		"a.jpg": "refused symlink", "b.jpg": "refused symlink", "c.jpg": "refused symlink", "d.jpg": "restored", "e.jpg": "restored",
	})
	if n := len(contentsByPath(t, outside)); n > 0 {
		t.Errorf("%d files went outside", n)
	}
}

// TestRestoreAllNewestFirst: of two runs that took the same name, the newer file gets it.
func TestRestoreAllNewestFirst(t *testing.T) {
	l, _, _ := quarantinedLibrary(t)
	l.put("d.jpg", "newer")
	l.put("keeper2.jpg", "newer")
	mustRun(t, l.db, []Move{l.move("d.jpg", "keeper2.jpg")}, Options{RunName: "S"})
	res, err := Restore(t.Context(), l.db, Target{All: true}, RestoreOptions{})
	must(t, err)
	if !slices.Equal(res.Runs, []string{"S", "R"}) {
		t.Errorf("runs %q", res.Runs)
	}
	data, err := os.ReadFile(l.path("d.jpg"))
	if err != nil || string(data) != "newer" {
		t.Errorf("d.jpg is %q, %v", data, err)
	}
	if res.Count(Restored) != 5 || res.Count(Refused) != 1 {
		t.Errorf("%+v", res.Items)
	}
}

// TestHalfLinked: where renames are done by link and unlink, a kill leaves one file with two names.
func TestHalfLinked(t *testing.T) {
	t.Run("linked", func(t *testing.T) { halfLinked(t, false) })
	t.Run("set aside", func(t *testing.T) { halfLinked(t, true) })
}

func halfLinked(t *testing.T, aside bool) {
	dir := fastDir(t)
	l := newLibrary(t, filepath.Join(dir, "photos"))
	l.put("keep.jpg", "one").put("copy.jpg", "one").withStore(filepath.Join(dir, "db"))
	before := tree(t, l.root)
	m := l.move("copy.jpg", "keep.jpg")
	flock = func(int, int) error { return nil } // what is broken off here keeps its lock, other than what is killed
	t.Cleanup(func() { flock = unix.Flock })
	func() {
		defer func() { _ = recover() }() // the run is broken off as a kill would, but in this process
		atFailpoint(t, "checked", 1, func() {
			dest := findFiles(t, l.root, ManifestName)[0]
			must(t, os.Link(l.path("copy.jpg"), filepath.Join(filepath.Dir(dest), "copy.jpg")))
			if aside {
				must(t, os.Rename(l.path("copy.jpg"), l.path(tempNamesOf("R", 1).going)))
			}
			panic("killed")
		})
		_, _ = mustPrepare(t, l.db, []Move{m}, Options{RunName: "R"}).Run(t.Context())
	}()
	onFailpoint = nil
	rec, err := Recover(t.Context(), l.db, RecoverOptions{})
	if err != nil || len(rec.Problems) > 0 || len(rec.Items) != 1 {
		t.Fatalf("%+v %v", rec, err)
	}
	inQuarantine := contentsByPath(t, l.path(FolderName))
	if aside && (len(inQuarantine) != 1 || rec.Items[0].Outcome != Moved) || !aside && (len(inQuarantine) != 0 || rec.Items[0].Outcome != Failed) {
		t.Errorf("quarantine holds %v, %+v", inQuarantine, rec.Items)
	}
	if _, err := Restore(t.Context(), l.db, Target{Last: true}, RestoreOptions{}); err != nil && !errors.Is(err, ErrNothingLeft) {
		t.Error(err)
	}
	sameTree(t, "after recovery and restore", tree(t, l.root), before)
}

// TestRecoverNotHere: a run whose library is unplugged stays unfinished, is no error, and is settled when
// the library is back.
func TestRecoverNotHere(t *testing.T) {
	v := newVictim(t, "")
	v.child(t, "quarantine", "renamed", 3)
	away := v.root + " away"
	must(t, os.Rename(v.root, away))
	db, err := store.Open(t.Context(), v.dbPath, store.Options{})
	must(t, err)
	rec, err := Recover(t.Context(), db, RecoverOptions{})
	if err != nil || len(rec.Runs) > 0 || len(rec.Problems) == 0 {
		t.Errorf("%+v %v", rec, err)
	}
	must(t, db.Close())
	must(t, os.Rename(away, v.root))
	v.checkRecovered(t)
}

// TestKeptAttributes: what the quarantine's filesystem does not keep comes back with the file.
func TestKeptAttributes(t *testing.T) {
	plain := t.TempDir()
	if err := mount(plain, "ramfs", ""); err != nil {
		t.Skipf("cannot mount a filesystem without attributes: %v", err)
	}
	t.Cleanup(func() { must(t, unmount(plain)) })
	dir := t.TempDir()
	l := newLibrary(t, filepath.Join(dir, "photos"))
	l.put("keep.jpg", "one").put("copy.jpg", "one")
	must(t, unix.Setxattr(l.path("copy.jpg"), "user.rating", []byte("5"), 0))
	l.withStore(filepath.Join(dir, "db"))
	before := tree(t, l.root)
	res := mustRun(t, l.db, []Move{l.move("copy.jpg", "keep.jpg")}, Options{To: plain})
	if res.Count(Moved) != 1 {
		t.Fatalf("%+v", res.Items)
	}
	must(t, os.Chmod(res.Items[0].Dest, 0o600))
	must(t, os.Chtimes(res.Items[0].Dest, zeroTime, zeroTime))
	if got := stateOf(t, res.Items[0].Dest); len(got.Xattrs) > 0 {
		t.Skip("this filesystem keeps attributes after all")
	}
	l.restore(t)
	sameTree(t, "after restore", tree(t, l.root), before)
}

// TestForeignManifests: what this program did not write is not acted upon.
func TestForeignManifests(t *testing.T) {
	l, res, _ := quarantinedLibrary(t)
	whole, err := os.ReadFile(res.Manifests[0])
	must(t, err)
	for name, edit := range map[string]func(string) string{
		"empty":         func(string) string { return "" },
		"other program": func(s string) string { return strings.Replace(s, `"program":"dupfind"`, `"program":"x"`, 1) },
		"newer schema":  func(s string) string { return strings.Replace(s, `"schema":1`, `"schema":2`, 1) },
		"escaping path": func(s string) string {
			return strings.Replace(s, `"copy":{"path":"x/a.jpg"}`, `"copy":{"path":"../a.jpg"}`, 1)
		},
		"escaping dest": func(s string) string {
			return strings.Replace(s, `"dest":{"path":"x/a.jpg"}`, `"dest":{"path":"/etc/a"}`, 1)
		},
		"broken line":   func(s string) string { return strings.Replace(s, `"seq":2`, `"seq":`, 1) },
		"unknown field": func(s string) string { return strings.Replace(s, `"seq":2`, `"extra":1,"seq":2`, 1) },
		"unknown move":  func(s string) string { return s + `{"type":"moved","seq":99,"time":""}` + "\n" },
		"wrong order":   func(s string) string { return s + `{"type":"copied","seq":1,"time":""}` + "\n" },
		"same name": func(s string) string {
			return strings.Replace(s, `"dest":{"path":"x/b.jpg"}`, `"dest":{"path":"x/a.jpg"}`, 1)
		},
		"other run":      func(s string) string { return strings.Replace(s, `"run":"R"`, `"run":"Q"`, 1) },
		"torn in middle": func(s string) string { return s[:len(s)/2] + "\n" + s[len(s)/2:] },
	} {
		text := edit(string(whole))
		if text == string(whole) {
			t.Fatalf("%s: nothing was edited", name)
		}
		must(t, os.WriteFile(res.Manifests[0], []byte(text), 0o644))
		got, err := Restore(t.Context(), l.db, Target{Run: "R"}, RestoreOptions{})
		if !errors.Is(err, ErrManifest) || got.Count(Restored) > 0 {
			t.Errorf("%s: %v %+v", name, err, got.Items)
		}
	}
	must(t, os.WriteFile(res.Manifests[0], append(whole, `{"type":"rest`...), 0o644)) // torn by a kill
	if got := l.restore(t); got.Count(Restored) != 5 {
		t.Errorf("torn last line: %+v", got.Items)
	}
}
