package quarantine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dupfind/dupfind/store"
)

// A run whose folder can never be made once kept every later command from running.
func TestFolderThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	l := newLibrary(t, filepath.Join(dir, "lib")).put("a.jpg", "same").put("b.jpg", "same").withStore(filepath.Join(dir, "test.db"))
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("not a folder"), 0o600); err != nil {
		t.Fatal(err)
	}
	move := Move{Copy: l.ref("b.jpg"), Keeper: l.ref("a.jpg"), Kind: kindIdentical}
	for _, to := range []string{file, filepath.Join(file, "below")} {
		if _, err := Prepare(t.Context(), l.db, []Move{move}, Options{To: to}); err == nil || !strings.Contains(err.Error(), "folder") {
			t.Errorf("--to %s: got %v", to, err)
		}
	}
	if runs, err := l.db.Runs(t.Context()); err != nil || len(runs) != 0 {
		t.Errorf("a run was written down for it: %v, %v", runs, err)
	}
	for _, state := range []store.RunState{store.RunPlanned, store.RunMoving} {
		id, err := l.db.CreateRun(t.Context(), store.Run{Name: "run-" + string(state), ToDir: file, State: state}, []store.Move{{
			Seq: 1, RootID: l.id, Rel: "b.jpg", Path: l.path("b.jpg"), Dest: filepath.Join(file, "run-"+string(state), "b.jpg"),
			KeeperPath: l.path("a.jpg"), SHA256: move.Copy.SHA256, KeeperSHA256: move.Keeper.SHA256, Kind: kindIdentical,
		}})
		if err != nil {
			t.Fatal(err)
		}
		rec, err := Recover(t.Context(), l.db, RecoverOptions{})
		if err != nil || len(rec.Runs) != 1 || len(rec.Problems) != 0 {
			t.Fatalf("%s run: got %+v, %v", state, rec, err)
		}
		for m, err := range l.db.Moves(t.Context(), id) {
			if err != nil || m.State != store.MoveFailed {
				t.Errorf("%s run: move is %s, %v", state, m.State, err)
			}
		}
	}
	if got := l.presentInStore(); len(got) != 2 {
		t.Errorf("present: %q", got)
	}
}
