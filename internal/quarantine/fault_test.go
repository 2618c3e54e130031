package quarantine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dupfind/dupfind/store"
)

// TestChangedUnderway changes files between the plan and the act, and in the middle of the act. Whatever
// happens, no content that was there at that moment may be gone, and what was refused is in its place.
func TestChangedUnderway(t *testing.T) {
	type env struct {
		t            *testing.T
		copy, keeper string
	}
	replace := func(path, content string) func(env) {
		return func(e env) {
			full := map[string]string{"copy": e.copy, "keeper": e.keeper}[path]
			must(e.t, os.WriteFile(full+".new", []byte(content), 0o644))
			must(e.t, os.Rename(full+".new", full))
		}
	}
	cases := map[string]struct {
		at    string // "": between Prepare and Run
		do    func(env)
		want  string
		other bool // only across filesystems
	}{
		"copy becomes a symlink": {"", func(e env) {
			must(e.t, os.Rename(e.copy, e.copy+".away"))
			must(e.t, os.Symlink(e.keeper, e.copy))
		}, "refused not-a-file", false},
		"copy becomes a folder": {"", func(e env) {
			must(e.t, os.Rename(e.copy, e.copy+".away"))
			must(e.t, os.Mkdir(e.copy, 0o755))
		}, "refused not-a-file", false},
		"copy becomes a pipe": {"", func(e env) {
			must(e.t, os.Rename(e.copy, e.copy+".away"))
			must(e.t, unix.Mkfifo(e.copy, 0o644))
		}, "refused not-a-file", false},
		"copy is replaced":                {"", replace("copy", "new content"), "refused changed", false},
		"copy is replaced after the look": {"checked", replace("copy", "new content"), "refused changed", false},
		"copy is written to after the rename": {"renamed", func(e env) {
			// An editor that has the file open writes to it wherever it is.
			for _, path := range findFiles(e.t, filepath.Dir(filepath.Dir(e.copy)), "copy.jpg") {
				must(e.t, os.WriteFile(path, []byte("edited"), 0o644))
			}
		}, "refused changed", false},
		"copy is replaced while copied":      {"copied", replace("copy", "new content"), "refused changed", true},
		"copy is replaced before the unlink": {"placed", replace("copy", "new content"), "refused changed", true},
		"copy's name is taken while it is set aside": {"going", func(e env) {
			must(e.t, os.WriteFile(e.copy, []byte("saved by an editor"), 0o644))
		}, "moved", true},
		"copy is gone": {"", func(e env) { must(e.t, os.Rename(e.copy, e.copy+".away")) }, "refused gone", false},
		"copy becomes a link of the keeper": {"", func(e env) {
			must(e.t, os.Remove(e.copy))
			must(e.t, os.Link(e.keeper, e.copy))
		}, "refused hard-link", false},
		"folder becomes a symlink": {"", func(e env) {
			dir := filepath.Dir(e.copy)
			must(e.t, os.Rename(dir, dir+".away"))
			must(e.t, os.Symlink(dir+".away", dir))
		}, "refused symlink", false},
		"keeper is gone":            {"", func(e env) { must(e.t, os.Remove(e.keeper)) }, "refused keeper-gone", false},
		"keeper is replaced":        {"", replace("keeper", "new content"), "refused keeper-changed", false},
		"keeper is gone late":       {"checked", func(e env) { must(e.t, os.Remove(e.keeper)) }, "refused keeper-gone", false},
		"keeper is gone later":      {"renamed", func(e env) { must(e.t, os.Remove(e.keeper)) }, "refused keeper-gone", false},
		"keeper is gone after copy": {"copied", func(e env) { must(e.t, os.Remove(e.keeper)) }, "refused keeper-gone", true},
		"keeper is gone before end": {"going", func(e env) { must(e.t, os.Remove(e.keeper)) }, "refused keeper-gone", true},
		"keeper is replaced late":   {"renamed", replace("keeper", "new content"), "refused keeper-changed", false},
		"keeper becomes a symlink": {"", func(e env) {
			must(e.t, os.Rename(e.keeper, e.keeper+".away"))
			must(e.t, os.Symlink(e.copy, e.keeper))
		}, "refused keeper-changed", false},
		"place in the quarantine is taken": {"checked", func(e env) {
			for _, dir := range findFiles(e.t, filepath.Dir(filepath.Dir(e.copy)), ManifestName) {
				must(e.t, os.WriteFile(filepath.Join(filepath.Dir(dir), "x", "copy.jpg"), []byte("foreign"), 0o644))
			}
		}, "refused occupied", false},
	}
	for name, c := range cases {
		for _, across := range []bool{false, true} {
			if c.other && !across || across && c.at == "renamed" || across && name == "place in the quarantine is taken" {
				continue
			}
			t.Run(fmt.Sprintf("%s/across %v", name, across), func(t *testing.T) {
				dir := fastDir(t)
				to := ""
				if across {
					to = otherDevice(t, dir)
				}
				l := newLibrary(t, filepath.Join(dir, "photos"))
				l.put("keep.jpg", "content").put("x/copy.jpg", "content").withStore(filepath.Join(dir, "db"))
				p := mustPrepare(t, l.db, []Move{l.move("x/copy.jpg", "keep.jpg")}, Options{To: to})
				var then map[[32]byte]int
				act := func() {
					c.do(env{t, l.path("x/copy.jpg"), l.path("keep.jpg")})
					then = contents(t, l.root, to)
				}
				if c.at == "" {
					act()
				} else {
					atFailpoint(t, c.at, 1, act)
				}
				res, err := p.Run(t.Context())
				must(t, err)
				wantOutcomes(t, res.Items, map[string]string{"copy.jpg": c.want})
				now := contents(t, l.root, to)
				for sum := range then {
					if now[sum] == 0 {
						t.Errorf("a content is lost")
					}
				}
				if rec, err := Recover(t.Context(), l.db, RecoverOptions{}); err != nil || len(rec.Runs) > 0 {
					t.Errorf("the run was left unfinished: %+v %v", rec, err)
				}
			})
		}
	}
}

func findFiles(t *testing.T, root, name string) []string {
	t.Helper()
	var found []string
	must(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == name {
			found = append(found, path)
		}
		return err
	}))
	return found
}

// TestLastCopyLedger asks the lowest level for moves that a plan never holds.
func TestLastCopyLedger(t *testing.T) {
	dir := fastDir(t)
	l := newLibrary(t, filepath.Join(dir, "photos"))
	l.put("a.jpg", "one").put("b.jpg", "one").put("c.jpg", "one").withStore(filepath.Join(dir, "db"))
	// The planner is passed by: a goes for b, b for c, c for a.
	p := mustPrepare(t, l.db, []Move{l.move("a.jpg", "b.jpg")}, Options{})
	for _, m := range []Move{l.move("b.jpg", "c.jpg"), l.move("c.jpg", "a.jpg")} {
		p.Moves = append(p.Moves, PlannedMove{Move: m, Dest: joinPath(p.Folders[0], m.Copy.Rel), rel: m.Copy.Rel})
	}
	res, err := p.Run(t.Context())
	must(t, err)
	wantOutcomes(t, res.Items, map[string]string{"a.jpg": "moved", "b.jpg": "refused hard-link", "c.jpg": "refused keeper-gone"})

	defer func() {
		if recover() == nil {
			t.Error("a file can leave without proof")
		}
	}()
	_ = (&shift{}).run(t.Context())
}

// TestTwoRunsAtOnce: with locks, the second says so; without, each takes the other's keeper, and at least
// one file must be in its place at every end.
func TestTwoRunsAtOnce(t *testing.T) {
	dir := fastDir(t)
	l := newLibrary(t, filepath.Join(dir, "photos"))
	l.put("a.jpg", "one").put("b.jpg", "one").withStore(filepath.Join(dir, "db"))
	other := openStore(t, filepath.Join(dir, "other"))
	t.Run("locked", func(t *testing.T) {
		first := mustPrepare(t, l.db, []Move{l.move("a.jpg", "b.jpg")}, Options{RunName: "1"})
		second := mustPrepare(t, other, []Move{l.move("b.jpg", "a.jpg")}, Options{RunName: "2"})
		var busy error
		atFailpoint(t, "checked", 1, func() {
			_, busy = second.Run(context.Background())
			// A recovery beside a living run keeps its hands off; it once wrote the run's moves off.
			rec, err := Recover(context.Background(), l.db, RecoverOptions{})
			if err != nil || len(rec.Items)+len(rec.Runs) > 0 || len(rec.Problems) != 1 {
				t.Errorf("recovery beside a living run: %+v %v", rec, err)
			}
		})
		res, err := first.Run(t.Context())
		must(t, err)
		if !errors.Is(busy, ErrBusy) || res.Count(Moved) != 1 {
			t.Errorf("second run: %v; first: %+v", busy, res.Items)
		}
		_, err = Restore(t.Context(), l.db, Target{Last: true}, RestoreOptions{})
		must(t, err)
	})
	t.Run("without locks", func(t *testing.T) {
		flock = func(int, int) error { return unix.ENOLCK }
		t.Cleanup(func() { flock = unix.Flock })
		for range 40 {
			crossRuns(t, l, other)
		}
	})
}

func crossRuns(t *testing.T, l *library, other *store.DB) {
	t.Helper()
	plans := []*Plan{
		mustPrepare(t, l.db, []Move{l.move("a.jpg", "b.jpg")}, Options{}),
		mustPrepare(t, other, []Move{l.move("b.jpg", "a.jpg")}, Options{RunName: "other"}),
	}
	// Both wait for each other after their looks: the worst moment.
	var meet sync.WaitGroup
	meet.Add(2)
	onFailpoint = func(name string) {
		if name == "checked" {
			meet.Done()
			meet.Wait()
		}
	}
	defer func() { onFailpoint = nil }()
	var both sync.WaitGroup
	for _, p := range plans {
		both.Go(func() {
			if _, err := p.Run(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	onFailpoint = nil
	if len(tree(t, l.root)) == 0 {
		t.Fatal("both copies left their places")
	}
	for _, db := range []*store.DB{l.db, other} {
		if _, err := Restore(t.Context(), db, Target{Last: true}, RestoreOptions{}); err != nil && !errors.Is(err, ErrNothingLeft) {
			t.Fatal(err)
		}
	}
	if n := len(tree(t, l.root)); n != 2 {
		t.Fatalf("%d files after restoring both", n)
	}
}

// TestDiskFull runs into a full disk at many sizes of it: with the quarantine on the full disk, and with
// the whole library on it.
func TestDiskFull(t *testing.T) {
	for _, c := range []struct {
		libraryThere  bool
		upTo, stepKiB int
	}{{false, 320, 24}, {true, 40, 4}} {
		stopped, moved := 0, 0
		for kib := 0; kib <= c.upTo; kib += c.stepKiB {
			t.Run(fmt.Sprintf("library there %v/%d KiB free", c.libraryThere, kib), func(t *testing.T) {
				s, m := diskFull(t, c.libraryThere, kib)
				stopped, moved = stopped+s, moved+m
			})
		}
		if !t.Failed() && !t.Skipped() && (stopped == 0 || moved == 0) {
			t.Errorf("library there %v: %d runs stopped, %d files moved: the sizes miss their aim", c.libraryThere, stopped, moved)
		}
	}
}

func diskFull(t *testing.T, libraryThere bool, kib int) (stopped, moved int) {
	small := mountTmpfs(t, 1024)
	dir := fastDir(t)
	root, to := filepath.Join(dir, "photos"), small
	if libraryThere {
		root, to = filepath.Join(small, "photos"), ""
	}
	l := newLibrary(t, root)
	fill, moves := someMoves(l)
	fill()
	l.withStore(filepath.Join(dir, "db"))
	before, counts := tree(t, root), contents(t, root)
	fillDisk(t, small, kib)
	all := moves()
	res, err := mustPrepare(t, l.db, all, Options{To: to}).Run(t.Context())
	if err != nil && !errors.Is(err, ErrDiskFull) {
		t.Errorf("error %v", err)
	}
	if err != nil {
		stopped = 1
	}
	if got := contents(t, root, to, filepath.Join(small, "none")); !sameCounts(got, counts, small) {
		t.Errorf("contents changed: %d, want %d", len(got), len(counts))
	}
	if len(res.Items) != len(all) {
		t.Errorf("%d of %d files are accounted for", len(res.Items), len(all))
	}
	must(t, os.Remove(filepath.Join(small, "filler")))
	if _, err := Recover(t.Context(), l.db, RecoverOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := Restore(t.Context(), l.db, Target{All: true}, RestoreOptions{}); err != nil && !errors.Is(err, ErrNothingLeft) {
		t.Error(err)
	}
	sameTree(t, "after restore", tree(t, root), before)
	return stopped, res.Count(Moved)
}

// sameCounts compares but for the file that fills the disk.
func sameCounts(got, want map[[32]byte]int, small string) bool {
	data, _ := os.ReadFile(filepath.Join(small, "filler"))
	filler := sumOf(data)
	got = maps.Clone(got)
	delete(got, filler)
	return maps.Equal(got, want)
}

// mountTmpfs mounts a filesystem in memory of that many KiB.
func mountTmpfs(t *testing.T, kib int) string {
	t.Helper()
	dir := t.TempDir()
	if err := mount(dir, "tmpfs", fmt.Sprintf("size=%dk", kib)); err != nil {
		t.Skipf("cannot mount a small filesystem: %v", err)
	}
	t.Cleanup(func() { must(t, unmount(dir)) })
	return dir
}

// fillDisk leaves that many KiB free.
func fillDisk(t *testing.T, dir string, kib int) {
	t.Helper()
	var st unix.Statfs_t
	must(t, unix.Statfs(dir, &st))
	n := int(st.Bavail)*int(st.Bsize) - kib<<10
	must(t, os.WriteFile(filepath.Join(dir, "filler"), make([]byte, n), 0o600))
}

// TestNoPermission: a folder that may not be changed costs the files in it, nothing else.
func TestNoPermission(t *testing.T) {
	dir := fastDir(t)
	must(t, os.Chmod(dir, 0o755))
	l := newLibrary(t, filepath.Join(dir, "photos"))
	l.put("keep.jpg", "one").put("locked/copy.jpg", "one").put("free/other.jpg", "one").put("hidden/secret.jpg", "one")
	l.withStore(filepath.Join(dir, "db"))
	before := contents(t, l.root)
	moves := []Move{l.move("locked/copy.jpg", "keep.jpg"), l.move("hidden/secret.jpg", "keep.jpg"), l.move("free/other.jpg", "keep.jpg")}
	must(t, os.Chmod(l.path("hidden/secret.jpg"), 0))
	asNobody(t, l.root, func() {
		must(t, os.Chmod(l.path("locked"), 0o555))
		res := mustRun(t, l.db, moves, Options{})
		wantOutcomes(t, res.Items, map[string]string{"copy.jpg": "failed permission", "secret.jpg": "failed permission", "other.jpg": "moved"})
		must(t, os.Chmod(l.path("free"), 0o555))
		back, err := Restore(t.Context(), l.db, Target{Last: true}, RestoreOptions{})
		must(t, err)
		wantOutcomes(t, back.Items, map[string]string{"other.jpg": "failed permission"})
		must(t, os.Chmod(l.path("free"), 0o755))
		back, err = Restore(t.Context(), l.db, Target{Last: true}, RestoreOptions{})
		must(t, err)
		wantOutcomes(t, back.Items, map[string]string{"other.jpg": "restored"})
		must(t, os.Chmod(l.path("locked"), 0o755))
	})
	must(t, os.Chmod(l.path("hidden/secret.jpg"), 0o644))
	if !maps.Equal(contents(t, l.root), before) {
		t.Error("contents changed")
	}
}

// asNobody runs do as a user whom permissions bind. Root gives the folder away first and then acts, on
// this thread only, as that user.
func asNobody(t *testing.T, root string, do func()) {
	t.Helper()
	if os.Getuid() != 0 {
		do()
		return
	}
	const nobody = 65534
	must(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, nobody, nobody))
	}))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(t, setFSUser(nobody))
	defer func() { must(t, setFSUser(0)) }()
	do()
}

// TestReadOnly: nothing can be moved on a filesystem mounted read-only, and nothing is changed.
func TestReadOnly(t *testing.T) {
	small := mountTmpfs(t, 1024)
	dir := fastDir(t)
	l := newLibrary(t, filepath.Join(small, "photos"))
	l.put("keep.jpg", "one").put("copy.jpg", "one").withStore(filepath.Join(dir, "db"))
	moves := []Move{l.move("copy.jpg", "keep.jpg")}
	must(t, remountReadOnly(small))
	for _, to := range []string{"", filepath.Join(dir, "to")} {
		res, err := mustPrepare(t, l.db, moves, Options{To: to}).Run(t.Context())
		if to == "" && err == nil || to != "" && (err != nil || res.Items[0].Reason != ReasonReadOnly) {
			t.Errorf("to %q: %v %+v", to, err, res.Items)
		}
		if n := len(contentsByPath(t, l.root)); n != 2 {
			t.Errorf("%d files", n)
		}
		if rec, err := Recover(t.Context(), l.db, RecoverOptions{}); err != nil || len(rec.Items) > 0 {
			t.Errorf("left unfinished: %+v %v", rec, err)
		}
	}
}
