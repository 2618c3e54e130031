package store

import (
	"database/sql"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newRun makes a run named after how many there were before.
func newRun(t *testing.T, d *DB, moves ...Move) int64 {
	t.Helper()
	runs, err := d.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id, err := d.CreateRun(t.Context(), Run{Name: "run-" + strconv.Itoa(len(runs)+1)}, moves)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestJournal(t *testing.T) {
	now := time.Unix(0, 1000)
	d := openDB(t, t.TempDir()+"/x.db", Options{Now: func() time.Time { return now }})
	ctx := t.Context()
	moves := []Move{
		{Seq: 1, RootID: 7, Rel: "a\xff", Path: "/r/a\xff", Dest: "/q/a\xff", KeeperPath: "/r/b\xff", SHA256: sha(1),
			KeeperSHA256: sha(2), SizeBytes: 9, Kind: "identical"},
		{Seq: 2, RootID: 7, Rel: "c", Path: "/r/c", SHA256: sha(3), State: MoveFailed, Detail: "held"},
	}
	id, err := d.CreateRun(ctx, Run{Name: "2026-01-02", ToDir: "/to\xff", State: RunMoving}, moves)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.CreateRun(ctx, Run{Name: "2026-01-02"}, nil); err == nil {
		t.Error("two runs of one name")
	}
	moves[0].RunID, moves[1].RunID, moves[0].State = id, id, MoveIntent
	moves[0].ChangedNS, moves[1].ChangedNS = 1000, 1000
	got, err := collect(d.Moves(ctx, id))
	if diff := cmp.Diff(moves, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	now = time.Unix(0, 2000)
	if err := d.SetMove(ctx, id, 1, MoveMoved, ""); err != nil {
		t.Fatal(err)
	}
	want := Run{ID: id, Name: "2026-01-02", ToDir: "/to\xff", State: RunMoving, CreatedNS: 1000, Moves: 2, Moved: 1}
	if runs, err := d.UnfinishedRuns(ctx); err != nil || !cmp.Equal(runs, []Run{want}) {
		t.Errorf("unfinished: got %+v, %v", runs, err)
	}
	if err := d.FinishRun(ctx, id, RunMoving); err == nil {
		t.Error("a run ended as moving")
	}
	if err := d.FinishRun(ctx, id, RunDone); err != nil {
		t.Fatal(err)
	}
	want.State, want.FinishedNS = RunDone, 2000
	if runs, err := d.Runs(ctx); err != nil || !cmp.Equal(runs, []Run{want}) {
		t.Errorf("finished: got %+v, %v", runs, err)
	}
	if runs, err := d.UnfinishedRuns(ctx); err != nil || len(runs) != 0 {
		t.Errorf("unfinished: got %+v, %v", runs, err)
	}
	if err := errors.Join(d.SetRun(ctx, id, RunRestoring), d.SetMove(ctx, id, 1, MoveRestored, "")); err != nil {
		t.Fatal(err)
	}
	if runs, err := d.UnfinishedRuns(ctx); err != nil || len(runs) != 1 || runs[0].FinishedNS != 0 || runs[0].Moved != 0 {
		t.Errorf("restoring: got %+v, %v", runs, err)
	}
	for name, err := range map[string]error{
		"move of no run":     d.SetMove(ctx, 99, 1, MoveMoved, ""),
		"move of no number":  d.SetMove(ctx, id, 99, MoveMoved, ""),
		"move of no state":   d.SetMove(ctx, id, 1, "odd", ""),
		"run that is none":   d.SetRun(ctx, 99, RunDone),
		"run of no state":    d.SetRun(ctx, id, "odd"),
		"end of a run, none": d.FinishRun(ctx, 99, RunDone),
	} {
		if err == nil {
			t.Errorf("%s: recorded", name)
		}
	}
}

// TestMoveTakesFileAlong: a moved photo is gone by that run, a restored one is
// back, and neither confuses it with a file that disappeared otherwise.
func TestMoveTakesFileAlong(t *testing.T) {
	now := time.Unix(0, 1000)
	d := openDB(t, t.TempDir()+"/x.db", Options{Now: func() time.Time { return now }})
	root, model := fill(t, t.Context(), d, 3, 4)
	paths := []string{photo(root, 0, nil).File.Path, photo(root, 1, nil).File.Path}
	run := newRun(t, d, Move{Seq: 1, RootID: root, Rel: paths[0], SHA256: sha(0)}, Move{Seq: 2, RootID: root, Rel: paths[1], SHA256: sha(1)})
	row := func(i int) File { return filesByPath(t, d, root)[paths[i]] }
	set := func(seq int, s MoveState) {
		t.Helper()
		if err := d.SetMove(t.Context(), run, seq, s, ""); err != nil {
			t.Fatal(err)
		}
	}
	set(1, MoveMoved)
	if f := row(0); f.GoneNS != 1000 || f.RemovedRun != run {
		t.Errorf("moved: got %+v", f)
	}
	if f := row(1); f.GoneNS != 0 || f.RemovedRun != 0 {
		t.Errorf("not moved: got %+v", f)
	}
	if got := present(t, d); got != 2 {
		t.Errorf("%d photos present, want 2", got)
	}
	removed, err := d.RemovedBefore(t.Context())
	if want := map[[32]byte]string{sha(0): "run-1"}; err != nil || !cmp.Equal(removed, want) {
		t.Errorf("removed: got %v, %v", removed, err)
	}
	st, err := d.Stats(t.Context())
	if err != nil || st.Runs != 1 || st.InRuns != 1 || st.Roots[0].Removed != 1 || st.Roots[0].Gone != 0 {
		t.Errorf("stats: got %+v, %v", st, err)
	}
	set(1, MoveRestored)
	if f := row(0); f.GoneNS != 0 || f.RemovedRun != 0 {
		t.Errorf("restored: got %+v", f)
	}
	if removed, err := d.RemovedBefore(t.Context()); err != nil || len(removed) != 0 {
		t.Errorf("removed after restore: got %v, %v", removed, err)
	}
	// A move that failed says nothing about a file that the user deleted.
	if err := d.MarkGone(t.Context(), root, []int64{row(1).ID}); err != nil {
		t.Fatal(err)
	}
	set(2, MoveFailed)
	if f := row(1); f.GoneNS == 0 {
		t.Errorf("gone otherwise: got %+v", f)
	}
	// A sync client brings a moved photo back: its row is like any other.
	set(1, MoveMoved)
	put(t, d, model, photo(root, 0, nil))
	if f := row(0); f.GoneNS != 0 || f.RemovedRun != 0 {
		t.Errorf("brought back: got %+v", f)
	}
	if removed, err := d.RemovedBefore(t.Context()); err != nil || removed[sha(0)] != "run-1" {
		t.Errorf("brought back: got %v, %v", removed, err)
	}
}

// TestJournalIsSynced: the journal's own transactions wait for the disk, and
// the connection is fast again after them, also after a failed one.
func TestJournalIsSynced(t *testing.T) {
	d := newDB(t)
	mode := func(q querier) (n int) {
		t.Helper()
		if err := q.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const normal, full = 1, 2
	broken := errors.New("broken")
	for _, want := range []error{nil, broken} {
		err := d.writeSynced(t.Context(), "test", func(tx *sql.Tx) error {
			if got := mode(tx); got != full {
				t.Errorf("in the journal's transaction: synchronous is %d, want %d", got, full)
			}
			return want
		})
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		if got := mode(d.w); got != normal {
			t.Errorf("after it: synchronous is %d, want %d", got, normal)
		}
	}
}
