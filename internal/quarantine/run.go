package quarantine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/dupfind/dupfind/internal/fsx"
	"github.com/dupfind/dupfind/store"
)

// Run moves the planned files, one at a time, and returns what became of each, those held back included.
// What concerns one file is in the result; an error means that the run stopped: the rest stayed where it
// was, and the result says so. A cancelled context lets the move in flight finish.
func (p *Plan) Run(ctx context.Context) (Result, error) {
	r := &runner{p: p, roots: map[string]*fsx.Dir{}, ledger: newLedger()}
	r.res.Items = slices.Clone(p.Held)
	if len(p.Moves) == 0 {
		return r.res, nil
	}
	r.res.Runs = []string{p.Name}
	r.res.Folders = p.Folders
	for _, f := range p.Folders {
		r.res.Manifests = append(r.res.Manifests, joinPath(f, ManifestName))
	}
	if p.o.DryRun {
		for _, m := range p.Moves {
			item := m.item(Planned, "", "")
			item.Dest = m.Dest
			r.res.Items = append(r.res.Items, item)
			r.res.Bytes += item.SizeBytes
		}
		return r.res, nil
	}
	err := r.run(ctx)
	return r.res, errors.Join(err, r.close())
}

// runner is one run under way.
type runner struct {
	p       *Plan
	id      int64 // in the journal
	roots   map[string]*fsx.Dir
	folders []*folder
	entries []*entry // one a move, in their order
	ledger  *ledger
	res     Result
}

func (r *runner) close() error {
	var errs []error
	for _, fo := range r.folders {
		if fo != nil {
			errs = append(errs, fo.close())
		}
	}
	for _, d := range r.roots {
		errs = append(errs, d.Close())
	}
	return errors.Join(errs...)
}

func (r *runner) run(ctx context.Context) error {
	if err := r.openRoots(); err != nil {
		return err
	}
	// From here on a stop must still be written down, so only the moves look at the context's end.
	keep := context.WithoutCancel(ctx)
	manifests := r.manifests()
	if err := r.writeJournal(keep); err != nil {
		return err
	}
	hit("journal-written")
	if err := r.createFolders(manifests); err != nil {
		return errors.Join(asDiskFull(err), r.callOff(keep, err))
	}
	hit("folders-written")
	if err := r.p.db.SetRun(keep, r.id, store.RunMoving); err != nil {
		return err // recovery finds that nothing moved
	}
	hit("moving")
	for i := range r.p.Moves {
		if err := r.one(ctx, i); err != nil {
			return r.stop(keep, i, err)
		}
		r.p.o.Progress(i+1, len(r.p.Moves))
	}
	if err := r.p.db.FinishRun(keep, r.id, store.RunDone); err != nil {
		return err
	}
	hit("finished")
	return nil
}

// openRoots opens and locks every root of a copy, and opens those of the keepers.
func (r *runner) openRoots() error {
	var lock, all []string
	for _, m := range r.p.Moves {
		lock = append(lock, m.Copy.Root)
		all = append(all, m.Copy.Root, m.Keeper.Root)
	}
	slices.Sort(all)
	for _, path := range slices.Compact(all) {
		d, err := fsx.OpenDir(path)
		if err != nil {
			return err
		}
		r.roots[path] = d
	}
	slices.Sort(lock)
	for _, path := range slices.Compact(lock) {
		if err := lockRoot(r.roots[path], r.p.o.Log); err != nil {
			return err
		}
	}
	return nil
}

// manifests makes one manifest a folder, with the intents of all its moves.
func (r *runner) manifests() []*manifest {
	all := make([]*manifest, len(r.p.Folders))
	for i := range all {
		all[i] = &manifest{run: r.p.Name, created: r.p.o.Now().UTC().Format(time.RFC3339), bySeq: map[int]*entry{}}
	}
	for i, pm := range r.p.Moves {
		m := all[pm.folder]
		root := slices.Index(m.roots, pm.Copy.Root)
		if root < 0 {
			root = len(m.roots)
			m.roots = append(m.roots, pm.Copy.Root)
		}
		e := &entry{
			seq: i + 1, root: root, rel: pm.Copy.Rel, dest: pm.rel, keeper: pm.Keeper.Path(), kind: pm.Kind,
			sum: pm.Copy.SHA256, keeperSum: pm.Keeper.SHA256, sizeBytes: pm.stat.SizeBytes, mtimeNS: pm.stat.MtimeNS,
			permissions: pm.stat.Permissions(), lacks: pm.Lacks, state: stateIntent,
		}
		m.entries = append(m.entries, e)
		m.bySeq[e.seq] = e
		r.entries = append(r.entries, e)
	}
	return all
}

func (r *runner) writeJournal(ctx context.Context) (err error) {
	var moves []store.Move
	for i, m := range r.p.Moves {
		moves = append(moves, store.Move{
			Seq: i + 1, RootID: m.Copy.RootID, Rel: m.Copy.Rel, Path: m.Copy.Path(), Dest: m.Dest, KeeperPath: m.Keeper.Path(),
			SHA256: m.Copy.SHA256, KeeperSHA256: m.Keeper.SHA256, SizeBytes: m.Copy.SizeBytes, Kind: m.Kind,
		})
	}
	r.id, err = r.p.db.CreateRun(ctx, store.Run{Name: r.p.Name, ToDir: r.p.o.To, CreatedNS: r.p.o.Now().UnixNano()}, moves)
	return err
}

// callOff ends a run that could not begin: nothing has moved.
func (r *runner) callOff(ctx context.Context, why error) error {
	reason := ReasonDiskFull
	if refusal := classify(why); refusal != nil {
		reason = refusal.reason
	}
	for i := range r.p.Moves {
		r.add(i, Failed, reason, "the quarantine folder could not be made")
	}
	var seqs []int
	for _, e := range r.entries {
		seqs = append(seqs, e.seq)
	}
	if err := r.removeEmptyFolders(); err != nil {
		return err
	}
	// A manifest that was written says so too, for a restore without the store.
	for _, fo := range r.folders {
		if fo == nil {
			continue
		}
		var changes []change
		for _, e := range fo.entries {
			changes = append(changes, change{e, stateFailed, ReasonInterrupted, ""})
		}
		if err := fo.record(changes...); err != nil {
			return err
		}
	}
	if err := r.p.db.SetMoves(ctx, r.id, seqs, store.MoveFailed, "the quarantine folder could not be made"); err != nil {
		return err
	}
	return r.p.db.FinishRun(ctx, r.id, store.RunDone)
}

func (r *runner) removeEmptyFolders() error {
	var errs []error
	for i, path := range r.p.Folders {
		if r.folders[i] == nil {
			errs = append(errs, removeUnbegun(path))
		}
	}
	return errors.Join(errs...)
}

// add puts the outcome of a move into the result.
func (r *runner) add(i int, outcome Outcome, reason Reason, detail string) {
	m := r.p.Moves[i]
	item := m.item(outcome, reason, detail)
	item.Dest = m.Dest
	if outcome == Moved {
		r.res.Bytes += item.SizeBytes
	}
	r.res.Items = append(r.res.Items, item)
}

// one moves file i, or says why not. An error is the end of the run; then nothing is in the result for it,
// unless it moved.
func (r *runner) one(ctx context.Context, i int) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	m, e := r.p.Moves[i], r.entries[i]
	fo := r.folders[m.folder]
	err := r.shiftOne(ctx, m, e, fo)
	if err != nil {
		refusal := classify(err)
		if refusal == nil || endsRun(err) {
			return err
		}
		if err := fo.record(change{e, stateFailed, refusal.reason, errorText(refusal.err)}); err != nil {
			return err
		}
		r.add(i, refusal.outcome, refusal.reason, errorText(refusal.err))
		return r.journal(ctx, e.seq, store.MoveFailed, refusal.Error())
	}
	r.add(i, Moved, "", "")
	hit("recorded")
	if err := r.journal(ctx, e.seq, store.MoveMoved, ""); err != nil {
		return err
	}
	hit("journalled")
	return nil
}

// journal brings the store up to the manifest for one move.
func (r *runner) journal(ctx context.Context, seq int, state store.MoveState, detail string) error {
	if err := r.p.db.SetMove(context.WithoutCancel(ctx), r.id, seq, state, detail); err != nil {
		return &journalError{err}
	}
	return nil
}

// shiftOne checks and moves one file and writes into the manifest that it moved.
func (r *runner) shiftOne(ctx context.Context, m PlannedMove, e *entry, fo *folder) (err error) {
	keeperAt, err := openPlace(r.roots[m.Keeper.Root], m.Keeper.Rel, false)
	if err != nil {
		return classifyKeeper(err)
	}
	defer func() { _ = keeperAt.dir.Close() }() // opened for reading only
	from, err := openPlace(r.roots[m.Copy.Root], m.Copy.Rel, false)
	if err != nil {
		return err
	}
	defer func() { _ = from.dir.Close() }() // synced where it matters
	hit("checking")
	keeper, err := keeperAt.dir.Hash(ctx, keeperAt.name)
	if err != nil {
		return classifyKeeper(err)
	}
	defer func() { _ = keeper.Close() }() // opened for reading only
	copied, err := from.dir.Hash(ctx, from.name)
	if err != nil {
		return err
	}
	defer func() { _ = copied.Close() }() // opened for reading only
	proof, err := r.ledger.prove(m.Move, copied, keeper, keeperAt)
	if err != nil {
		return err
	}
	to, err := openPlace(fo.dir, e.dest, true)
	if err != nil {
		return err
	}
	defer func() { _ = to.dir.Close() }() // synced where it matters
	hit("checked")
	s := &shift{file: copied, from: from, to: to, temp: tempNamesOf(r.p.Name, e.seq), proof: proof}
	s.copied = func(missing []fsx.Xattr) error {
		e.xattrs = missing
		return fo.record(change{e, stateCopied, "", ""})
	}
	if err := s.run(ctx); err != nil {
		return err
	}
	if err := fo.record(change{e, stateMoved, "", ""}); err != nil {
		if e.state == stateCopied {
			return &strandedError{err} // the source is gone already; recovery writes the line
		}
		return &stopError{s.takeBack(err)}
	}
	r.ledger.moved[proof.copyID] = true
	return nil
}

// openPlace opens the folder of a path below root; with create set, it makes it.
func openPlace(root *fsx.Dir, rel string, create bool) (place, error) {
	folder, name := fsx.SplitRel(rel)
	open := root.Sub
	if create {
		open = root.MakeSub
	}
	dir, err := open(folder)
	return place{dir, name}, err
}

// stop ends a run at move i: what has not moved is written down as not moved, if the disk lets us.
func (r *runner) stop(ctx context.Context, i int, why error) error {
	reason := ReasonInterrupted
	if why = asDiskFull(why); errors.Is(why, ErrDiskFull) {
		reason = ReasonDiskFull
	}
	var stranded *strandedError
	if errors.As(why, &stranded) {
		return why // recovery looks at this move before anything is said of it
	}
	changes := make([][]change, len(r.folders))
	var seqs []int
	for ; i < len(r.p.Moves); i++ {
		e := r.entries[i]
		if e.state == stateIntent || e.state == stateCopied {
			f := r.p.Moves[i].folder
			changes[f] = append(changes[f], change{e, stateFailed, reason, ""})
			seqs = append(seqs, e.seq)
			r.add(i, Failed, reason, "")
		}
	}
	for f, c := range changes {
		if len(c) == 0 {
			continue
		}
		if err := r.folders[f].record(c...); err != nil {
			return errors.Join(why, err) // recovery writes it
		}
	}
	hit("stopped")
	var behind *journalError
	if errors.As(why, &behind) {
		return why
	}
	if err := r.p.db.SetMoves(ctx, r.id, seqs, store.MoveFailed, reason.Text()); err != nil {
		return errors.Join(why, err)
	}
	return errors.Join(why, r.p.db.FinishRun(ctx, r.id, store.RunDone))
}
