package quarantine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dupfind/dupfind/store"
)

// TestRoundTrip is the property restore(quarantine(x)) = x, times, permissions and attributes included, on
// one filesystem and across two.
func TestRoundTrip(t *testing.T) {
	for name, to := range map[string]func(t *testing.T, dir string) string{
		"own folder":       func(*testing.T, string) string { return "" },
		"same filesystem":  func(_ *testing.T, dir string) string { return filepath.Join(dir, "made", "here") },
		"other filesystem": func(t *testing.T, dir string) string { return filepath.Join(otherDevice(t, dir), "made", "here") },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(10) {
				dir := fastDir(t)
				roundTrip(t, rand.New(rand.NewPCG(seed, 1)), dir, to(t, dir))
			}
		})
	}
}

// roundTrip makes a random library, moves a random part of it and restores that in one or two parts.
func roundTrip(t *testing.T, rnd *rand.Rand, dir, to string) {
	l := newLibrary(t, filepath.Join(dir, "photos"))
	letters := []string{"a", "B", "ü", "\xff", " ", "'", "d/", "e/"}
	var names []string
	for i := range 5 + rnd.IntN(20) {
		name := ""
		for range rnd.IntN(5) {
			name += letters[rnd.IntN(len(letters))]
		}
		names = append(names, fmt.Sprintf("%s_%d.jpg", name, i))
		l.put(names[i], fmt.Sprint("content ", rnd.IntN(4)))
		if rnd.IntN(3) == 0 {
			must(t, unix.Setxattr(joinPath(l.root, names[i]), "user.dupfind.test", []byte{1, 0, byte(i)}, 0))
		}
	}
	l.withStore(filepath.Join(dir, "db"))
	before, stored := tree(t, l.root), l.presentInStore()
	var moves []Move
	for _, copied := range names[1:] {
		if rnd.IntN(3) > 0 {
			moves = append(moves, l.move(copied, names[0]))
		}
	}
	res := mustRun(t, l.db, moves, Options{To: to})
	if got := res.Count(Moved); got != len(moves) {
		t.Fatalf("moved %d of %d: %+v", got, len(moves), res.Items)
	}
	if got := len(tree(t, l.root)); got != len(before)-len(moves) {
		t.Errorf("%d files are left of %d after %d moves", got, len(before), len(moves))
	}
	if got := l.presentInStore(); len(got) != len(before)-len(moves) {
		t.Errorf("the store takes %d files to be there", len(got))
	}
	if len(moves) == 0 {
		return
	}
	restored := 0
	if rnd.IntN(2) == 0 {
		part, err := Restore(t.Context(), l.db, Target{Last: true}, RestoreOptions{Only: []string{moves[0].Copy.Path()}})
		must(t, err)
		restored += part.Count(Restored)
	}
	if restored < len(moves) {
		rest, err := Restore(t.Context(), l.db, Target{Last: true}, RestoreOptions{})
		must(t, err)
		restored += rest.Count(Restored)
	}
	if restored != len(moves) {
		t.Errorf("restored %d of %d", restored, len(moves))
	}
	sameTree(t, "after restore", tree(t, l.root), before)
	if got := l.presentInStore(); !slices.Equal(got, stored) {
		t.Errorf("the store takes %q to be there, want %q", got, stored)
	}
	if left := quarantined(t, res); len(left) > 0 {
		t.Errorf("left in the quarantine: %q", left)
	}
	if _, err := Restore(t.Context(), l.db, Target{Last: true}, RestoreOptions{}); !errors.Is(err, ErrNothingLeft) {
		t.Errorf("restore after all is back: %v", err)
	}
}

func TestHeldBack(t *testing.T) {
	dir := t.TempDir()
	l := newLibrary(t, filepath.Join(dir, "photos"))
	l.put("keep.jpg", "one").put("free.jpg", "one").put("side.jpg", "one").put("side.xmp", "<x/>")
	l.put("Me.photoslibrary/originals/1/m.jpg", "one").put("live.heic", "one").put("LIVE.MOV", "video")
	l.put("changed.jpg", "one").put("gone.jpg", "one").put("chain.jpg", "one").put("chainkeeper.jpg", "one")
	l.put("lost.jpg", "one").put("lostkeeper.jpg", "one").put("other.jpg", "one").put("otherkeeper.jpg", "one")
	l.put("touched.jpg", "one").put("two.jpg", "two").put("nohash.jpg", "one").put("link.jpg", "one")
	l.put("old/dupfind-manifest.jsonl", "").put("old/x/q.jpg", "one").put(FolderName+"/R/q2.jpg", "one")
	must(t, os.Link(l.path("keep.jpg"), l.path("hardlink.jpg")))
	must(t, os.Link(l.path("otherkeeper.jpg"), l.path("otherlink.jpg")))
	l.withStore(filepath.Join(dir, "db"))
	moves := []Move{
		l.move("free.jpg", "keep.jpg"), l.move("free.jpg", "keep.jpg"), l.move("side.jpg", "keep.jpg"),
		l.move("Me.photoslibrary/originals/1/m.jpg", "keep.jpg"), l.move("live.heic", "keep.jpg"),
		l.move("changed.jpg", "keep.jpg"), l.move("gone.jpg", "keep.jpg"), l.move("chain.jpg", "chainkeeper.jpg"),
		l.move("chainkeeper.jpg", "keep.jpg"), l.move("lost.jpg", "lostkeeper.jpg"), l.move("other.jpg", "otherkeeper.jpg"),
		l.move("otherlink.jpg", "keep.jpg"), l.move("touched.jpg", "keep.jpg"), l.move("hardlink.jpg", "keep.jpg"),
		l.move("old/x/q.jpg", "keep.jpg"), l.move(FolderName+"/R/q2.jpg", "keep.jpg"),
		l.move("two.jpg", "keep.jpg"), l.move("nohash.jpg", "keep.jpg"), l.move("link.jpg", "keep.jpg"),
	}
	moves[16].Kind = kindIdentical
	moves[17].Keeper.SHA256 = [32]byte{}
	bad := l.move("free.jpg", "keep.jpg")
	bad.Copy.Rel = "../keep.jpg"
	moves = append(moves, bad)
	l.put("changed.jpg", "new content")
	must(t, os.Remove(l.path("gone.jpg")))
	must(t, os.Remove(l.path("lostkeeper.jpg")))
	must(t, os.Remove(l.path("link.jpg")))
	must(t, os.Symlink("keep.jpg", l.path("link.jpg")))
	must(t, os.Chtimes(l.path("touched.jpg"), zeroTime, zeroTime))
	before := contents(t, l.root)

	p := mustPrepare(t, l.db, moves, Options{})
	wantOutcomes(t, p.Held[1:], map[string]string{
		"side.jpg": "held sidecar", "live.heic": "held sidecar", "m.jpg": "held managed-library",
		"changed.jpg": "held changed", "gone.jpg": "held gone", "chain.jpg": "held keeper-moves", "lost.jpg": "held keeper-gone",
		"hardlink.jpg": "held hard-link", "otherlink.jpg": "held hard-link", "q.jpg": "held in-quarantine",
		"q2.jpg": "held in-quarantine", "two.jpg": "held not-identical", "nohash.jpg": "held no-hash",
		"link.jpg": "held not-a-file", "keep.jpg": "held bad-path",
	})
	if p.Held[0].Reason != ReasonTwice {
		t.Errorf("held first: %+v", p.Held[0])
	}
	for _, h := range p.Held {
		if h.Reason == ReasonSidecar && !strings.Contains(h.Detail, ".") {
			t.Errorf("the hold does not name the sidecar: %+v", h)
		}
	}
	var names []string
	for _, m := range p.Moves {
		names = append(names, m.Copy.Rel)
	}
	if want := []string{"free.jpg", "chainkeeper.jpg", "other.jpg", "touched.jpg"}; !slices.Equal(names, want) {
		t.Errorf("planned %q, want %q", names, want)
	}
	if got := contents(t, l.root); len(got) != len(before) {
		t.Errorf("Prepare changed the library")
	}
	if _, err := os.Lstat(l.path(FolderName + "/" + p.Name)); err == nil {
		t.Errorf("Prepare made a folder")
	}
	runs, err := l.db.Runs(t.Context())
	if err != nil || len(runs) > 0 {
		t.Errorf("Prepare wrote the journal: %v %v", runs, err)
	}
	res, err := p.Run(t.Context())
	must(t, err)
	if res.Count(Moved) != 4 || res.Complete() {
		t.Errorf("run: %+v", res.Items)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	dir := t.TempDir()
	l := newLibrary(t, filepath.Join(dir, "photos"))
	l.put("keep.jpg", "one").put("copy.jpg", "one").withStore(filepath.Join(dir, "db"))
	before := contents(t, dir+"/photos")
	res := mustRun(t, l.db, []Move{l.move("copy.jpg", "keep.jpg")}, Options{DryRun: true, RunName: "R"})
	wantOutcomes(t, res.Items, map[string]string{"copy.jpg": "planned"})
	if want := l.path(FolderName + "/R/copy.jpg"); res.Items[0].Dest != want {
		t.Errorf("dest %q, want %q", res.Items[0].Dest, want)
	}
	if got := contents(t, dir+"/photos"); len(got) != len(before) {
		t.Error("the library changed")
	}
	if _, err := os.Lstat(l.path(FolderName)); err == nil {
		t.Error("a folder was made")
	}
}

// TestTwoRoots moves files of two roots in one run, into their own folders and into one given folder.
func TestTwoRoots(t *testing.T) {
	for _, to := range []string{"", "to"} {
		t.Run("to "+to, func(t *testing.T) {
			dir := t.TempDir()
			a := newLibrary(t, filepath.Join(dir, "1", "photos")).put("keep.jpg", "one").put("x/copy.jpg", "one")
			b := newLibrary(t, filepath.Join(dir, "2", "photos")).put("x/copy.jpg", "one")
			a.withStore(filepath.Join(dir, "db"))
			b.db = a.db
			b.scan()
			if to != "" {
				to = filepath.Join(dir, to)
			}
			moves := []Move{a.move("x/copy.jpg", "keep.jpg"), {Copy: b.ref("x/copy.jpg"), Keeper: a.ref("keep.jpg"), Kind: kindIdentical}}
			res := mustRun(t, a.db, moves, Options{To: to, RunName: "R"})
			if res.Count(Moved) != 2 {
				t.Fatalf("%+v", res.Items)
			}
			want := []string{filepath.Join(a.root, FolderName, "R"), filepath.Join(b.root, FolderName, "R")}
			if to != "" {
				want = []string{filepath.Join(to, "R")}
				if files := quarantined(t, res); !slices.Equal(files, []string{"photos-2/x/copy.jpg", "photos/x/copy.jpg"}) {
					t.Errorf("quarantine holds %q", files)
				}
			}
			if !slices.Equal(res.Folders, want) {
				t.Errorf("folders %q, want %q", res.Folders, want)
			}
			back, err := Restore(t.Context(), a.db, Target{Run: "R"}, RestoreOptions{})
			must(t, err)
			if back.Count(Restored) != 2 || len(tree(t, a.root)) != 2 || len(tree(t, b.root)) != 1 {
				t.Errorf("%+v", back.Items)
			}
			runs, err := a.db.Runs(t.Context())
			must(t, err)
			if runs[0].State != store.RunRestored {
				t.Errorf("run is %s", runs[0].State)
			}
		})
	}
}

// TestRunNames: a name that a folder or an earlier run has is not used again.
func TestRunNames(t *testing.T) {
	dir := t.TempDir()
	l := newLibrary(t, filepath.Join(dir, "photos"))
	l.put("keep.jpg", "one").put("a.jpg", "one").put("b.jpg", "one").put("c.jpg", "one").withStore(filepath.Join(dir, "db"))
	must(t, os.MkdirAll(l.path(FolderName+"/R"), 0o755))
	first := mustRun(t, l.db, []Move{l.move("a.jpg", "keep.jpg")}, Options{RunName: "R"})
	must(t, os.RemoveAll(first.Folders[0]))
	second := mustRun(t, l.db, []Move{l.move("b.jpg", "keep.jpg")}, Options{RunName: "R"})
	if got := first.Runs[0] + " " + second.Runs[0]; got != "R-2 R-3" {
		t.Errorf("names %q", got)
	}
	if _, err := Prepare(t.Context(), l.db, []Move{l.move("c.jpg", "keep.jpg")}, Options{RunName: "../x"}); err == nil {
		t.Error("a run name with a slash is taken")
	}
}

// TestCollidingNames: names that differ only in case or Unicode form get a suffix in the quarantine.
func TestCollidingNames(t *testing.T) {
	dir := t.TempDir()
	l := newLibrary(t, filepath.Join(dir, "photos"))
	names := []string{"IMG.jpg", "img.JPG", "é.jpg", "e\u0301.jpg", strings.Repeat("n", 251) + ".jpg", strings.Repeat("N", 251) + ".jpg"}
	l.put("keep.jpg", "one")
	for _, n := range names {
		l.put(n, "one")
	}
	if len(tree(t, l.root)) != len(names)+1 {
		t.Skip("this filesystem does not tell the names apart")
	}
	l.withStore(filepath.Join(dir, "db"))
	before := tree(t, l.root)
	var moves []Move
	for _, n := range names {
		moves = append(moves, l.move(n, "keep.jpg"))
	}
	res := mustRun(t, l.db, moves, Options{})
	if res.Count(Moved) != len(names) {
		t.Fatalf("%+v", res.Items)
	}
	folded := map[string]bool{}
	for _, rel := range quarantined(t, res) {
		folded[fold(rel)] = true
	}
	if len(folded) != len(names) {
		t.Errorf("names in the quarantine collide: %v", folded)
	}
	_, err := Restore(t.Context(), l.db, Target{Last: true}, RestoreOptions{})
	must(t, err)
	sameTree(t, "after restore", tree(t, l.root), before)
}

// TestManyRemaining: an interrupted run stops after the file in flight and writes off the rest.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	l := newLibrary(t, filepath.Join(dir, "photos"))
	fill, moves := someMoves(l)
	fill()
	l.withStore(filepath.Join(dir, "db"))
	before := contents(t, l.root)
	ctx, cancel := contextWithCancel(t)
	atFailpoint(t, "renamed", 3, cancel)
	res, err := mustPrepare(t, l.db, moves(), Options{}).Run(ctx)
	if !errors.Is(err, errCancelled) {
		t.Errorf("error %v", err)
	}
	if res.Count(Moved) != 3 || res.Count(Failed) != 9 || res.Items[5].Reason != ReasonInterrupted {
		t.Errorf("%+v", res.Items)
	}
	if got := contents(t, l.root); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Error("contents changed")
	}
	rec, err := Recover(t.Context(), l.db, RecoverOptions{})
	if err != nil || len(rec.Runs) > 0 {
		t.Errorf("a stopped run was left unfinished: %+v %v", rec, err)
	}
}
