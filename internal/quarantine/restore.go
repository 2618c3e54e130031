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
	"time"

	"github.com/dupfind/dupfind/internal/fsx"
	"github.com/dupfind/dupfind/store"
)

// Restore puts files back where they were, one at a time, and returns what became of each. It never
// overwrites: a file whose place is taken stays in the quarantine. With a Folder as target db may be nil:
// the manifest alone is enough. An error means that the restore stopped; what was not put back by then is
// still in the quarantine.
func Restore(ctx context.Context, db *store.DB, t Target, o RestoreOptions) (Result, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	r := &restorer{db: db, o: o, used: make([]bool, len(o.Only))}
	for _, only := range o.Only {
		r.only = append(r.only, strings.TrimRight(only, "/"))
	}
	jobs, err := r.find(ctx, t)
	if err != nil {
		return r.res, err
	}
	var unreadable error
	for _, j := range jobs {
		for _, path := range j.folders {
			err := r.folder(ctx, j, path)
			if errors.Is(err, ErrManifest) {
				unreadable = errors.Join(unreadable, err) // the others' files can go back all the same
			} else if err != nil {
				return r.res, err
			}
		}
		if err := r.finish(ctx, j); err != nil {
			return r.res, err
		}
	}
	for i, used := range r.used {
		if !used {
			r.res.Items = append(r.res.Items, Item{Path: r.only[i], Outcome: Refused, Reason: ReasonNotInRun})
		}
	}
	return r.res, unreadable
}

// restorer is one restore under way.
type restorer struct {
	db   *store.DB
	o    RestoreOptions
	only []string
	used []bool // which of only matched something
	res  Result
}

// folder restores what one quarantine folder holds.
func (r *restorer) folder(ctx context.Context, j *job, path string) (err error) {
	fo, err := openFolderAt(path, r.o.Now)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrNoManifest) {
		return r.folderGone(j, path)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fo.close()) }()
	if fo.run != j.name {
		return fmt.Errorf("%w: %s is of run %q", ErrManifest, fo.manifestPath(), fo.run)
	}
	r.note(j, fo.dir.Path())
	roots := fo.openRoots()
	defer closeAll(roots)
	for _, root := range roots {
		if root == nil {
			continue
		}
		if err := lockRoot(root, r.o.Log); err != nil {
			return err
		}
	}
	keep := context.WithoutCancel(ctx)
	if j.run != nil {
		if err := r.db.SetRun(keep, j.run.ID, store.RunRestoring); err != nil {
			return err
		}
	}
	hit("restoring")
	_, problems, err := fo.settleAll(ctx, roots)
	if err != nil {
		return err
	}
	for _, p := range problems {
		r.o.Log.Warn("restore", "problem", p)
	}
	if err := r.entries(ctx, j, fo, roots); err != nil {
		return errors.Join(err, r.journal(keep, j, fo))
	}
	hit("all-restored")
	fo.removeEmptyFolders()
	return r.journal(keep, j, fo)
}

// note puts the names of a run and a folder into the result.
func (r *restorer) note(j *job, path string) {
	if !slices.Contains(r.res.Runs, j.name) {
		r.res.Runs = append(r.res.Runs, j.name)
	}
	r.res.Folders = append(r.res.Folders, path)
	r.res.Manifests = append(r.res.Manifests, joinPath(path, ManifestName))
}

func (r *restorer) journal(ctx context.Context, j *job, fo *folder) error {
	if j.run == nil {
		return nil
	}
	moves, err := movesOf(ctx, r.db, j.run.ID)
	if err != nil {
		return err
	}
	return syncJournal(ctx, r.db, j.run.ID, moves, fo)
}

func (r *restorer) finish(ctx context.Context, j *job) error {
	if j.run == nil {
		return nil
	}
	return finishRun(context.WithoutCancel(ctx), r.db, j.run.ID, j.gone)
}

// folderGone tells of the moves of a folder that is not there.
func (r *restorer) folderGone(j *job, path string) error {
	for _, m := range j.moves {
		if m.State != store.MoveMoved || !strings.HasPrefix(m.Dest, path+"/") || !r.wanted(rootOf(m), m.Rel, m.Dest) {
			continue
		}
		item := Item{
			Path: m.Path, Dest: m.Dest, Keeper: m.KeeperPath, Kind: m.Kind, SizeBytes: m.SizeBytes,
			Outcome: Gone, Reason: ReasonGone, Detail: "its quarantine folder is not there",
		}
		// The folder above a run stays when a run is thrown away; without it the drive is more likely away.
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			item.Outcome, item.Reason, item.Detail = Refused, ReasonNotHere, ""
		} else {
			j.gone[m.Seq] = true
		}
		r.res.Items = append(r.res.Items, item)
	}
	return nil
}

// wanted says whether Only names a file.
func (r *restorer) wanted(root, rel, dest string) bool {
	if len(r.only) == 0 {
		return true
	}
	wanted := false
	for i, only := range r.only {
		for _, path := range []string{joinPath(root, rel), rel, dest} {
			if path == only || strings.HasPrefix(path, only+"/") {
				wanted, r.used[i] = true, true
			}
		}
	}
	return wanted
}

// entries restores the entries that are wanted and still in the quarantine.
func (r *restorer) entries(ctx context.Context, j *job, fo *folder, roots []*fsx.Dir) error {
	var todo []*entry
	for _, e := range fo.entries {
		if !r.wanted(fo.rootPaths()[e.root], e.rel, fo.destPath(e)) {
			continue
		}
		switch {
		case e.state == stateMoved:
			todo = append(todo, e)
		case e.state == stateRestored && len(r.only) > 0:
			item := fo.item(e)
			item.Outcome = AlreadyBack
			r.res.Items = append(r.res.Items, item)
		case !e.state.settled():
			r.add(fo, e, Refused, ReasonNotHere, "")
		}
	}
	for n, e := range todo {
		if err := r.one(ctx, j, fo, e, roots[e.root]); err != nil {
			for _, rest := range todo[n:] {
				if rest.state == stateMoved {
					r.add(fo, rest, Failed, ReasonInterrupted, "")
				}
			}
			return asDiskFull(err)
		}
		r.o.Progress(n+1, len(todo))
	}
	return nil
}

func (r *restorer) add(fo *folder, e *entry, outcome Outcome, reason Reason, detail string) {
	item := fo.item(e)
	item.Outcome, item.Reason, item.Detail = outcome, reason, detail
	if outcome == Restored {
		r.res.Bytes += e.sizeBytes
	}
	r.res.Items = append(r.res.Items, item)
}

// one restores one file, or says why not. An error is the end of the restore.
func (r *restorer) one(ctx context.Context, j *job, fo *folder, e *entry, root *fsx.Dir) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if root == nil {
		r.add(fo, e, Refused, ReasonNotHere, fo.rootPaths()[e.root])
		return nil
	}
	note, err := r.shiftBack(ctx, fo, e, root)
	var back *alreadyBack
	switch {
	case err == nil:
		r.add(fo, e, Restored, "", note)
	case errors.As(err, &back):
		r.add(fo, e, AlreadyBack, ReasonOccupied, back.Error())
	default:
		refusal := classify(err)
		if refusal == nil || endsRun(err) {
			return err
		}
		if e.state != stateMoved {
			if err := fo.record(change{e, stateMoved, refusal.reason, errorText(refusal.err)}); err != nil {
				return err
			}
		}
		if refusal.outcome == Gone {
			j.gone[e.seq] = true
		}
		r.add(fo, e, refusal.outcome, refusal.reason, errorText(refusal.err))
		return nil
	}
	hit("restore-recorded")
	if j.run != nil {
		if err := r.db.SetMove(context.WithoutCancel(ctx), j.run.ID, e.seq, store.MoveRestored, e.detail); err != nil {
			return &journalError{err}
		}
	}
	hit("restore-journalled")
	return nil
}

// alreadyBack means that the same content is at its place.
type alreadyBack struct{ detail string }

func (e *alreadyBack) Error() string { return e.detail }

// shiftBack checks and moves one file and writes into the manifest that it is back.
func (r *restorer) shiftBack(ctx context.Context, fo *folder, e *entry, root *fsx.Dir) (note string, err error) {
	here, err := lookAt(root, e.rel)
	if err != nil {
		return "", err
	}
	defer here.close()
	if err := here.read(ctx, e.sum); err != nil {
		return "", err
	}
	from, err := openPlace(fo.dir, e.dest, false)
	if errors.Is(err, os.ErrNotExist) {
		return "", r.notInQuarantine(fo, e, here)
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = from.dir.Close() }() // synced where it matters
	file, err := from.dir.Hash(ctx, from.name)
	if errors.Is(err, os.ErrNotExist) {
		return "", r.notInQuarantine(fo, e, here)
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // opened for reading only
	switch {
	case here.right:
		return "", markBack(fo, e, "the same content is at its place; the quarantined copy stays")
	case here.present:
		return "", refuse(ReasonOccupied, fmt.Errorf("%s is in use by another file", joinPath(root.Path(), e.rel)))
	case file.Sum != e.sum:
		return "", refuse(ReasonChanged, errors.New("it was changed in the quarantine and stays there"))
	}
	to, err := openPlace(root, e.rel, true)
	if err != nil {
		return "", err
	}
	defer func() { _ = to.dir.Close() }() // synced where it matters
	if err := fo.record(change{e, stateRestoring, "", ""}); err != nil {
		return "", &stopError{err}
	}
	hit("restore-intent")
	s := &shift{file: file, from: from, to: to, temp: tempNamesOf(fo.run, e.seq), back: true}
	s.copied = func(missing []fsx.Xattr) error {
		if len(missing) > 0 {
			note = fmt.Sprintf("the filesystem does not keep its extended attribute %s", missing[0].Name)
		}
		return fo.record(change{e, stateCopiedBack, "", ""})
	}
	if err := s.run(ctx); err != nil {
		return "", err
	}
	if err := fo.reapply(e, root); err != nil {
		note = err.Error()
	}
	if err := fo.record(change{e, stateRestored, "", ""}); err != nil {
		return "", &stopError{err}
	}
	return note, nil
}

// notInQuarantine tells what it means that the quarantined file is not there.
func (r *restorer) notInQuarantine(fo *folder, e *entry, here spot) error {
	if here.right {
		return markBack(fo, e, "it is at its place already")
	}
	return &refusal{Gone, ReasonGone, errors.New("neither in the quarantine nor at its place")}
}

func markBack(fo *folder, e *entry, detail string) error {
	if err := fo.record(change{e, stateRestored, ReasonOccupied, detail}); err != nil {
		return &stopError{err}
	}
	return &alreadyBack{detail}
}
