package quarantine

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dupfind/dupfind/store"
)

// victim is a library whose run, restore or recovery is killed.
type victim struct {
	*library
	dir, dbPath, to string
	moves           []Move
	before          map[string]state
	counts          map[[32]byte]int
}

func newVictim(t *testing.T, to string) *victim {
	t.Helper()
	dir := fastDir(t)
	l := newLibrary(t, filepath.Join(dir, "photos"))
	fill, moves := someMoves(l)
	fill()
	v := &victim{library: l, dir: dir, dbPath: filepath.Join(dir, "db"), to: to}
	db, err := store.Open(t.Context(), v.dbPath, store.Options{})
	must(t, err)
	l.db = db
	l.scan()
	must(t, db.Close())
	v.moves = moves()
	v.before, v.counts = tree(t, l.root), contents(t, l.root)
	return v
}

// child runs a task in a child process and returns the failpoints that it passed.
func (v *victim) child(t *testing.T, act, dieAt string, dieOn int) []string {
	t.Helper()
	cmd, log := v.command(t, task{Act: act, DieAt: dieAt, DieOn: dieOn})
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	if dieAt == "" && err != nil || dieAt != "" && !killed {
		t.Fatalf("child that shall die at %q: %v\n%s", dieAt, err, out)
	}
	data, err := os.ReadFile(log)
	must(t, err)
	return strings.Fields(string(data))
}

func (v *victim) command(t *testing.T, k task) (cmd *exec.Cmd, log string) {
	t.Helper()
	k.DB, k.To, k.Moves = v.dbPath, v.to, v.moves
	work, err := os.MkdirTemp(v.dir, "child")
	must(t, err)
	k.Log = filepath.Join(work, "log")
	f, err := os.Create(filepath.Join(work, "task"))
	must(t, err)
	must(t, errors.Join(gob.NewEncoder(f).Encode(k), f.Close()))
	cmd = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	// The race detector would sleep for a second at the end of each child.
	cmd.Env = append(os.Environ(), childEnv+"="+f.Name(), "GORACE=atexit_sleep_ms=0")
	return cmd, k.Log
}

// checkNothingLost: right after the kill every content is somewhere, and every keeper in its place.
func (v *victim) checkNothingLost(t *testing.T) {
	t.Helper()
	now := contents(t, v.root, v.to)
	for sum := range v.counts {
		if now[sum] == 0 {
			t.Fatalf("a content is lost: %x", sum)
		}
	}
	for _, m := range v.moves {
		if _, err := os.Lstat(m.Keeper.Path()); err != nil {
			t.Errorf("a keeper left its place: %v", err)
		}
	}
}

// checkRecovered: after a recovery every file is there once, journal and disk agree, and nothing is left
// to recover. Then the work goes on, and undoing it gives the library of before.
func (v *victim) checkRecovered(t *testing.T) {
	t.Helper()
	db, err := store.Open(t.Context(), v.dbPath, store.Options{})
	must(t, err)
	defer func() { must(t, db.Close()) }()
	v.db = db
	rec, err := Recover(t.Context(), db, RecoverOptions{})
	must(t, err)
	if len(rec.Problems) > 0 {
		t.Errorf("problems: %q", rec.Problems)
	}
	if now := contents(t, v.root, v.to); !maps.Equal(now, v.counts) {
		for sum, n := range v.counts {
			if now[sum] != n {
				t.Errorf("after recovery %d files have content %x, want %d", now[sum], sum[:4], n)
			}
		}
	}
	v.checkNoLeftovers(t)
	v.checkJournal(t)
	again, err := Recover(t.Context(), db, RecoverOptions{})
	must(t, err)
	if len(again.Runs)+len(again.Items)+len(again.Problems) > 0 {
		t.Errorf("a second recovery found work: %+v", again)
	}
	var rest []Move
	for _, m := range v.moves {
		if _, err := os.Lstat(m.Copy.Path()); err == nil {
			rest = append(rest, m)
		}
	}
	if res := mustRun(t, db, rest, Options{To: v.to}); res.Count(Moved) != len(rest) {
		t.Errorf("going on, %d of %d moved: %+v", res.Count(Moved), len(rest), res.Items)
	}
	if res, err := Restore(t.Context(), db, Target{All: true}, RestoreOptions{}); err != nil || !res.Complete() {
		t.Errorf("restore all: %v %+v", err, res.Items)
	}
	sameTree(t, "after restoring all", tree(t, v.root), v.before)
	if got := len(v.presentInStore()); got != len(v.before) {
		t.Errorf("the store takes %d files to be there, want %d", got, len(v.before))
	}
}

func (v *victim) checkNoLeftovers(t *testing.T) {
	t.Helper()
	for _, top := range []string{v.root, v.to} {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (strings.HasPrefix(d.Name(), ".dupfind-") || d.Name() == ManifestName+".tmp") {
				t.Errorf("left behind: %s", path)
			}
			return nil
		})
		must(t, err)
	}
}

// checkJournal compares the journal with the disk and with the manifests.
func (v *victim) checkJournal(t *testing.T) {
	t.Helper()
	runs, err := v.db.Runs(t.Context())
	must(t, err)
	for _, run := range runs {
		if run.State != store.RunDone && run.State != store.RunRestored {
			t.Errorf("run %s is %s", run.Name, run.State)
		}
		moves, err := movesOf(t.Context(), v.db, run.ID)
		must(t, err)
		for _, m := range moves {
			_, here := os.Lstat(m.Path)
			_, there := os.Lstat(m.Dest)
			inQuarantine := m.State == store.MoveMoved
			if m.State == store.MoveIntent || inQuarantine != (there == nil) || inQuarantine == (here == nil) {
				t.Errorf("%q is %s in the journal; at its place: %v, in the quarantine: %v", m.Rel, m.State, here == nil, there == nil)
			}
		}
		for _, path := range foldersOf(run, moves) {
			fo, err := openFolderAt(path, time.Now)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			must(t, err)
			for _, m := range moves {
				if e := fo.bySeq[m.Seq]; e == nil || e.journalState() != m.State {
					t.Errorf("%q: manifest %+v, journal %s", m.Rel, e, m.State)
				}
			}
			must(t, fo.close())
		}
	}
}

// places are the two ways a move goes.
func places(t *testing.T, each func(t *testing.T, to func() string)) {
	t.Run("same filesystem", func(t *testing.T) { each(t, func() string { return "" }) })
	t.Run("other filesystem", func(t *testing.T) {
		base, n := memoryDevice(t, fastDir(t)), 0
		each(t, func() string { n++; return filepath.Join(base, fmt.Sprint(n)) })
	})
}

// TestKilledAtEachStep kills a run and a restore at each named step, at its first hit and in the middle.
func TestKilledAtEachStep(t *testing.T) {
	places(t, func(t *testing.T, to func() string) {
		whole := newVictim(t, to())
		for _, act := range []string{"quarantine", "restore"} {
			hits := map[string]int{}
			for _, name := range whole.child(t, act, "", 0) {
				hits[name]++
			}
			if len(hits) < 8 {
				t.Fatalf("%s has only these failpoints: %v", act, hits)
			}
			for _, name := range slices.Sorted(maps.Keys(hits)) {
				for _, n := range slices.Compact([]int{1, hits[name]/2 + 1}) {
					t.Run(fmt.Sprintf("%s/%s/%d", act, name, n), func(t *testing.T) {
						v := newVictim(t, to())
						if act == "restore" {
							v.child(t, "quarantine", "", 0)
						}
						v.child(t, act, name, n)
						v.checkNothingLost(t)
						v.checkRecovered(t)
					})
				}
			}
		}
	})
}

// TestRecoveryKilled kills the recovery of a killed run as well.
func TestRecoveryKilled(t *testing.T) {
	places(t, func(t *testing.T, to func() string) {
		for _, act := range []string{"quarantine", "restore"} {
			for _, at := range []string{"renamed", "copied", "placed", "copy-recorded", "going", "unlinked", "synced"} {
				for _, second := range []string{"settle-removed", "settle-renamed", "settled"} {
					t.Run(act+"/"+at+"/"+second, func(t *testing.T) {
						v := newVictim(t, to())
						if act == "restore" {
							v.child(t, "quarantine", "", 0)
						}
						if !v.tryChild(t, act, at, 2) || !v.tryChild(t, "recover", second, 1) {
							return // that step is not on this way
						}
						v.checkNothingLost(t)
						v.checkRecovered(t)
					})
				}
			}
		}
	})
}

// tryChild is child for a step that may not be passed; it says whether the child died there.
func (v *victim) tryChild(t *testing.T, act, dieAt string, dieOn int) bool {
	t.Helper()
	cmd, _ := v.command(t, task{Act: act, DieAt: dieAt, DieOn: dieOn})
	err := cmd.Run()
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

// TestKilledAtRandom kills a run, then a restore, at 50 random moments each.
func TestKilledAtRandom(t *testing.T) {
	moments := 50
	if testing.Short() {
		moments = 6
	}
	places(t, func(t *testing.T, to func() string) {
		for _, act := range []string{"quarantine", "restore"} {
			t.Run(act, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(1, 2))
				var longest time.Duration
				for i := range moments / 2 {
					v := newVictim(t, to())
					if act == "restore" {
						v.child(t, "quarantine", "", 0)
					}
					if i == 0 { // the time that the whole takes
						longest = v.killAfter(t, act, time.Hour)
					} else {
						v.killAfter(t, act, time.Duration(rnd.Int64N(int64(longest))))
					}
					v.checkNothingLost(t)
					v.checkRecovered(t)
					if t.Failed() {
						return
					}
				}
			})
		}
	})
}

// killAfter starts a child and kills it that long after it was ready; it returns how long the child lived.
func (v *victim) killAfter(t *testing.T, act string, after time.Duration) time.Duration {
	t.Helper()
	cmd, _ := v.command(t, task{Act: act, Ready: true})
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("child was not ready: %v", err)
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	_ = cmd.Wait() // killed, most likely
	return time.Since(start)
}
