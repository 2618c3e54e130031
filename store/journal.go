package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
)

// RunState says how far a run of the quarantine has come.
type RunState string

// The states of a run. Planned, moving and restoring runs are unfinished.
const (
	RunPlanned   RunState = "planned"   // written down, nothing moved
	RunMoving    RunState = "moving"    // some photos may have moved
	RunDone      RunState = "done"      // all moved that could be
	RunRestoring RunState = "restoring" // some photos may be back
	RunRestored  RunState = "restored"  // all back that could be
)

// Valid tells whether s is one of the states.
func (s RunState) Valid() bool {
	switch s {
	case RunPlanned, RunMoving, RunDone, RunRestoring, RunRestored:
		return true
	}
	return false
}

func (s RunState) finished() bool { return s == RunDone || s == RunRestored }

// MoveState says what became of one photo of a run.
type MoveState string

// The states of a move.
const (
	MoveIntent   MoveState = "intent"   // written down before the move; it may have happened
	MoveMoved    MoveState = "moved"    // in the quarantine
	MoveFailed   MoveState = "failed"   // stayed where it was, Detail says why
	MoveRestored MoveState = "restored" // back where it was
)

// Valid tells whether s is one of the states.
func (s MoveState) Valid() bool {
	switch s {
	case MoveIntent, MoveMoved, MoveFailed, MoveRestored:
		return true
	}
	return false
}

// Run is a run of the quarantine.
type Run struct {
	ID         int64
	Name       string // of its folder
	ToDir      string // --to DIR, "": each root's own quarantine folder
	State      RunState
	CreatedNS  int64 // 0 in CreateRun: now
	FinishedNS int64 // when it became done or restored, else 0
	Moves      int   // how many it has; set when read
	Moved      int   // how many are in the quarantine now; set when read
}

// Move is one photo of a run. Path, Dest and KeeperPath are absolute; RootID
// and Rel name the row of files.
type Move struct {
	RunID        int64
	Seq          int
	RootID       int64
	Rel          string
	Path         string
	Dest         string
	KeeperPath   string
	SHA256       [32]byte
	KeeperSHA256 [32]byte
	SizeBytes    int64
	Kind         string
	State        MoveState // "" in CreateRun: MoveIntent
	Detail       string
	ChangedNS    int64 // set by the store
}

// CreateRun writes a run with all its moves and returns its id. Like every
// change of the journal it is synced to disk when it returns. State "" is
// RunPlanned; the moves' RunID is ignored.
func (d *DB) CreateRun(ctx context.Context, r Run, moves []Move) (id int64, err error) {
	now := d.now().UnixNano()
	if r.State == "" {
		r.State = RunPlanned
	}
	if r.CreatedNS == 0 {
		r.CreatedNS = now
	}
	err = d.writeSynced(ctx, fmt.Sprintf("create run %q", r.Name), func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `INSERT INTO runs (name, to_dir, state, created_ns, finished_ns)
			VALUES (?, ?, ?, ?, 0) RETURNING id`, r.Name, []byte(r.ToDir), string(r.State), r.CreatedNS).Scan(&id)
		if err != nil {
			return err
		}
		for _, m := range moves {
			if m.State == "" {
				m.State = MoveIntent
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO moves (run_id, seq, root_id, rel, path, dest, keeper_path, sha256,
				keeper_sha256, size_bytes, kind, state, detail, changed_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
				id, m.Seq, m.RootID, []byte(m.Rel), []byte(m.Path), []byte(m.Dest), []byte(m.KeeperPath), m.SHA256[:],
				m.KeeperSHA256[:], m.SizeBytes, m.Kind, string(m.State), m.Detail, now)
			if err != nil {
				return fmt.Errorf("move of %q: %w", m.Path, err)
			}
		}
		return nil
	})
	return id, err
}

// SetMove records what became of a photo. Moved, its row of files is marked
// gone by this run; restored, or failed after all, it is present again, with the
// facts it had: the next scan looks at it anew if they changed.
func (d *DB) SetMove(ctx context.Context, runID int64, seq int, state MoveState, detail string) error {
	return d.SetMoves(ctx, runID, []int{seq}, state, detail)
}

// SetMoves is SetMove for several photos of a run that met the same end, in one
// transaction.
func (d *DB) SetMoves(ctx context.Context, runID int64, seqs []int, state MoveState, detail string) error {
	now := d.now().UnixNano()
	return d.writeSynced(ctx, fmt.Sprintf("record %d moves of run %d", len(seqs), runID), func(tx *sql.Tx) error {
		for _, seq := range seqs {
			if err := setMove(ctx, tx, Move{RunID: runID, Seq: seq, State: state, Detail: detail, ChangedNS: now}); err != nil {
				return fmt.Errorf("move %d: %w", seq, err)
			}
		}
		return nil
	})
}

func setMove(ctx context.Context, tx *sql.Tx, m Move) error {
	res, err := tx.ExecContext(ctx, `UPDATE moves SET state = ?, detail = ?, changed_ns = ? WHERE run_id = ? AND seq = ?`,
		string(m.State), m.Detail, m.ChangedNS, m.RunID, m.Seq)
	if err != nil {
		return err
	}
	if err := affectedOne(res, "such move"); err != nil {
		return err
	}
	const row = ` WHERE (root_id, path) = (SELECT root_id, rel FROM moves WHERE run_id = ?1 AND seq = ?2)`
	switch m.State {
	case MoveMoved:
		_, err = tx.ExecContext(ctx, `UPDATE files SET gone_ns = ?3, removed_run = ?1`+row, m.RunID, m.Seq, m.ChangedNS)
	case MoveRestored, MoveFailed:
		_, err = tx.ExecContext(ctx, `UPDATE files SET gone_ns = 0, removed_run = NULL`+row+` AND removed_run = ?1`, m.RunID, m.Seq)
	}
	return err
}

// SetRun records how far a run has come.
func (d *DB) SetRun(ctx context.Context, runID int64, state RunState) error {
	var finished int64
	if state.finished() {
		finished = d.now().UnixNano()
	}
	return d.writeSynced(ctx, fmt.Sprintf("record run %d as %s", runID, state), func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE runs SET state = ?, finished_ns = ? WHERE id = ?`, string(state), finished, runID)
		if err != nil {
			return err
		}
		return affectedOne(res, "such run")
	})
}

// FinishRun records the end of a run: RunDone or RunRestored.
func (d *DB) FinishRun(ctx context.Context, runID int64, state RunState) error {
	if !state.finished() {
		return fmt.Errorf("finish run %d: %w", runID, errors.New("state "+string(state)+" is no end"))
	}
	return d.SetRun(ctx, runID, state)
}

const runColumns = `SELECT id, name, to_dir, state, created_ns, finished_ns,
	(SELECT count(*) FROM moves WHERE run_id = runs.id),
	(SELECT count(*) FROM moves WHERE run_id = runs.id AND state = 'moved') FROM runs `

func scanRun(rows *sql.Rows, r *Run) error {
	return rows.Scan(&r.ID, &r.Name, &r.ToDir, &r.State, &r.CreatedNS, &r.FinishedNS, &r.Moves, &r.Moved)
}

// Runs lists all runs, the oldest first.
func (d *DB) Runs(ctx context.Context) ([]Run, error) {
	return collect(seq(ctx, d.r, "list runs", scanRun, runColumns+`ORDER BY id`))
}

// UnfinishedRuns lists the runs that were begun and neither done nor restored,
// the oldest first.
func (d *DB) UnfinishedRuns(ctx context.Context) ([]Run, error) {
	return collect(seq(ctx, d.r, "list unfinished runs", scanRun,
		runColumns+`WHERE state IN ('planned', 'moving', 'restoring') ORDER BY id`))
}

// Moves yields the moves of a run by Seq.
func (d *DB) Moves(ctx context.Context, runID int64) iter.Seq2[Move, error] {
	var sha, keeper sql.RawBytes
	return seq(ctx, d.r, fmt.Sprintf("read moves of run %d", runID), func(rows *sql.Rows, m *Move) error {
		err := rows.Scan(&m.RunID, &m.Seq, &m.RootID, &m.Rel, &m.Path, &m.Dest, &m.KeeperPath, &sha, &keeper,
			&m.SizeBytes, &m.Kind, &m.State, &m.Detail, &m.ChangedNS)
		if err != nil {
			return err
		}
		return errors.Join(hash(&m.SHA256, sha), hash(&m.KeeperSHA256, keeper))
	}, `SELECT run_id, seq, root_id, rel, path, dest, keeper_path, sha256, keeper_sha256, size_bytes, kind, state,
		detail, changed_ns FROM moves WHERE run_id = ? ORDER BY seq`, runID)
}

func removedBefore(ctx context.Context, q querier) (map[[32]byte]string, error) {
	type removed struct {
		sha [32]byte
		run string
	}
	var sha sql.RawBytes
	all := map[[32]byte]string{}
	for r, err := range seq(ctx, q, "read removed contents", func(rows *sql.Rows, r *removed) error {
		if err := rows.Scan(&sha, &r.run); err != nil {
			return err
		}
		return hash(&r.sha, sha)
	}, `SELECT m.sha256, r.name FROM moves m JOIN runs r ON r.id = m.run_id WHERE m.state = 'moved' ORDER BY r.id`) {
		if err != nil {
			return nil, err
		}
		all[r.sha] = r.run
	}
	return all, nil
}

// RemovedBefore returns the contents of photos that are in the quarantine, with
// the name of the run that moved them, the newest if several did.
func (d *DB) RemovedBefore(ctx context.Context) (map[[32]byte]string, error) {
	return removedBefore(ctx, d.r)
}
