package quarantine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dupfind/dupfind/internal/fsx"
	"github.com/dupfind/dupfind/store"
)

// RecoverOptions is how Recover does its work.
type RecoverOptions struct {
	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: none
}

// Recovered is what Recover found and did.
type Recovered struct {
	Runs     []string // runs that were brought to an end
	Items    []Item   // the moves that were half done: Moved, Restored, Failed (stayed in its place) or Gone
	Problems []string // what could not be settled now, for a person; the next Recover tries again
}

// Recover brings every run that was killed, or whose journal could not be written, to an end: each of its
// files is whole at one of its two places, and manifest and journal say at which. It goes by what it finds
// on the disk, so that running it twice, or being killed itself, does no harm. The caller holds the store's
// lock. A run whose folder is not here stays unfinished and is no error.
func Recover(ctx context.Context, db *store.DB, o RecoverOptions) (Recovered, error) {
	var rec Recovered
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	runs, err := db.UnfinishedRuns(ctx)
	if err != nil {
		return rec, err
	}
	for _, run := range runs {
		if err := recoverRun(ctx, db, run, o, &rec); err != nil {
			return rec, fmt.Errorf("recover run %s: %w", run.Name, err)
		}
	}
	return rec, nil
}

func recoverRun(ctx context.Context, db *store.DB, run store.Run, o RecoverOptions, rec *Recovered) error {
	moves, err := movesOf(ctx, db, run.ID)
	if err != nil {
		return err
	}
	problems := len(rec.Problems)
	covered := map[int]bool{}
	for _, path := range foldersOf(run, moves) {
		var unread bool
		err := recoverFolder(ctx, db, run, moves, path, covered, o, rec)
		switch {
		case err == nil:
		case errors.Is(err, ErrNoManifest), notThere(err):
			if run.State == store.RunPlanned {
				if err := removeUnbegun(path); err != nil {
					rec.Problems = append(rec.Problems, err.Error())
				}
			}
		case errors.Is(err, ErrManifest), errors.Is(err, ErrBusy), fsx.IsPermission(err), fsx.IsReadOnly(err), isUnopened(err):
			rec.Problems = append(rec.Problems, err.Error())
			unread = true
		default:
			return err
		}
		for _, m := range moves {
			covered[m.Seq] = covered[m.Seq] || unread && strings.HasPrefix(m.Dest, path+"/")
		}
	}
	if err := writeOff(ctx, db, run, moves, covered, rec); err != nil {
		return err
	}
	if len(rec.Problems) > problems {
		return nil
	}
	rec.Runs = append(rec.Runs, run.Name)
	return finishRun(ctx, db, run.ID, nil)
}

// unopenedError is a folder that could not be opened, by whatever fault of its drive: that must not keep
// the other runs, nor a scan, from going on.
type unopenedError struct{ err error }

func (e *unopenedError) Error() string { return e.err.Error() }
func (e *unopenedError) Unwrap() error { return e.err }

func isUnopened(err error) bool {
	_, ok := errors.AsType[*unopenedError](err)
	return ok
}

// notThere: nothing has this path, or something on the way to it is no folder.
func notThere(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func recoverFolder(ctx context.Context, db *store.DB, run store.Run, moves []store.Move, path string,
	covered map[int]bool, o RecoverOptions, rec *Recovered) (err error) {
	fo, err := openFolderAt(path, o.Now)
	if err != nil {
		return &unopenedError{err}
	}
	defer func() { err = errors.Join(err, fo.close()) }()
	if fo.run != run.Name {
		return fmt.Errorf("%w: %s is of run %q", ErrManifest, fo.manifestPath(), fo.run)
	}
	roots := fo.openRoots()
	defer closeAll(roots)
	for _, root := range roots {
		if root == nil {
			continue
		}
		if err := lockRoot(root, o.Log); err != nil {
			return err
		}
	}
	settled, problems, err := fo.settleAll(ctx, roots)
	rec.Problems = append(rec.Problems, problems...)
	if err != nil {
		return err
	}
	for _, e := range settled {
		rec.Items = append(rec.Items, fo.item(e))
	}
	for _, e := range fo.entries {
		covered[e.seq] = true
	}
	return syncJournal(ctx, db, run.ID, moves, fo)
}

// writeOff deals with the moves that no manifest tells of. Before the manifest stands nothing moves; after
// it, a folder that is not here may hold the file.
func writeOff(ctx context.Context, db *store.DB, run store.Run, moves []store.Move, covered map[int]bool, rec *Recovered) error {
	var stayed []int
	for _, m := range moves {
		if covered[m.Seq] || m.State != store.MoveIntent {
			continue
		}
		if run.State != store.RunPlanned {
			if _, err := os.Lstat(m.Path); err != nil {
				rec.Problems = append(rec.Problems, fmt.Sprintf("%s: its place and its quarantine folder are not here", m.Path))
				continue
			}
		}
		stayed = append(stayed, m.Seq)
		rec.Items = append(rec.Items, Item{
			Path: m.Path, Dest: m.Dest, Keeper: m.KeeperPath, Kind: m.Kind, SizeBytes: m.SizeBytes,
			Outcome: Failed, Reason: ReasonInterrupted,
		})
	}
	return db.SetMoves(ctx, run.ID, stayed, store.MoveFailed, ReasonInterrupted.Text())
}

// syncJournal brings the journal's moves to the states that the manifest tells.
func syncJournal(ctx context.Context, db *store.DB, runID int64, moves []store.Move, fo *folder) error {
	type outcome struct {
		state  store.MoveState
		detail string
	}
	late := map[outcome][]int{}
	for _, m := range moves {
		e := fo.bySeq[m.Seq]
		if e == nil || !e.state.settled() || e.journalState() == m.State {
			continue
		}
		detail := e.detail
		if detail == "" && e.state == stateFailed {
			detail = e.reason.Text()
		}
		late[outcome{e.journalState(), detail}] = append(late[outcome{e.journalState(), detail}], m.Seq)
	}
	for o, seqs := range late {
		if err := db.SetMoves(ctx, runID, seqs, o.state, o.detail); err != nil {
			return err
		}
	}
	return nil
}

func (e *entry) journalState() store.MoveState {
	switch e.state {
	case stateMoved, stateRestoring, stateCopiedBack:
		return store.MoveMoved
	case stateFailed:
		return store.MoveFailed
	case stateRestored:
		return store.MoveRestored
	}
	return store.MoveIntent
}

// finishRun writes the end of a run: restored when nothing is left that could be put back. gone are moves
// whose files are nowhere any more.
func finishRun(ctx context.Context, db *store.DB, runID int64, gone map[int]bool) error {
	moves, err := movesOf(ctx, db, runID)
	if err != nil {
		return err
	}
	state := store.RunDone
	left := slices.ContainsFunc(moves, func(m store.Move) bool { return m.State == store.MoveMoved && !gone[m.Seq] })
	back := slices.ContainsFunc(moves, func(m store.Move) bool { return m.State == store.MoveRestored || gone[m.Seq] })
	if back && !left {
		state = store.RunRestored
	}
	return db.FinishRun(ctx, runID, state)
}

func movesOf(ctx context.Context, db *store.DB, runID int64) ([]store.Move, error) {
	var moves []store.Move
	for m, err := range db.Moves(ctx, runID) {
		if err != nil {
			return nil, err
		}
		moves = append(moves, m)
	}
	return moves, nil
}

// rootOf is the root that held the file of a move when it moved.
func rootOf(m store.Move) string {
	if root := strings.TrimSuffix(m.Path, "/"+m.Rel); root != "" {
		return root
	}
	return "/"
}

// foldersOf are the folders of a run in the journal. They come from the moves' destinations: roots may have
// been taken into others since, and the moves' roots with them.
func foldersOf(run store.Run, moves []store.Move) []string {
	if run.ToDir != "" {
		return runFolders(run.ToDir, run.Name, nil)
	}
	var folders []string
	below := "/" + FolderName + "/" + run.Name
	for _, m := range moves {
		root, _, found := strings.Cut(m.Dest, below+"/")
		if folder := root + below; found && !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

func openFolderAt(path string, now func() time.Time) (*folder, error) {
	dir, err := fsx.OpenDir(path)
	if err != nil {
		return nil, err
	}
	fo, err := openFolder(dir, now)
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return fo, nil
}

// rootPaths are the roots of the manifest as they are now: a quarantine folder in its usual place belongs to
// the root that it lies in, wherever that drive is mounted today or that library was copied to.
func (fo *folder) rootPaths() []string {
	runs := filepath.Dir(fo.dir.Path())
	if len(fo.roots) == 1 && filepath.Base(runs) == FolderName {
		return []string{filepath.Dir(runs)}
	}
	return fo.roots
}

// openRoots opens the roots of the manifest; nil stands for one that is not here.
func (fo *folder) openRoots() []*fsx.Dir {
	var roots []*fsx.Dir
	for _, path := range fo.rootPaths() {
		d, err := fsx.OpenDir(path)
		if err != nil {
			d = nil
		}
		roots = append(roots, d)
	}
	return roots
}

func closeAll(dirs []*fsx.Dir) {
	for _, d := range dirs {
		if d != nil {
			_ = d.Close() // synced where it matters
		}
	}
}

// item tells of an entry as it stands.
func (fo *folder) item(e *entry) Item {
	item := Item{
		Path: joinPath(fo.rootPaths()[e.root], e.rel), Dest: fo.destPath(e), Keeper: e.keeper, Kind: e.kind, Lacks: e.lacks,
		SizeBytes: e.sizeBytes, Reason: e.reason, Detail: e.detail,
	}
	switch {
	case e.reason == ReasonGone:
		item.Outcome = Gone
	case e.state == stateMoved:
		item.Outcome = Moved
	case e.state == stateRestored:
		item.Outcome = Restored
	default:
		item.Outcome = Failed
	}
	return item
}
