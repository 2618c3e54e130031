package ingest

import (
	"context"
	"time"

	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/store"
)

// A transaction holds what came within batchDelay, at most batchRows: small
// enough that a kill costs little, large enough that syncing costs little.
const (
	batchRows  = 256
	batchDelay = 200 * time.Millisecond
)

// writer is the last stage and the only one that writes. It holds back copies
// and hard links until the file they depend on is settled.
type writer struct {
	r     *run
	tally *tally

	batch   []store.Ingest
	present map[int64][]int64 // by root: rows of files that had been gone

	stored   map[[32]byte]bool              // contents of this run that are, or are about to be, saved
	failed   map[[32]byte]*decode.SkipError // contents of this run that could not be decoded
	waiting  map[[32]byte][]result          // copies of contents still on their way
	inodes   map[inode]settledLink          // how the first name of an inode was settled
	awaiting map[inode][]result             // further names of inodes still on their way
}

func newWriter(r *run) *writer {
	return &writer{
		r: r, tally: newTally(), present: map[int64][]int64{},
		stored: map[[32]byte]bool{}, failed: map[[32]byte]*decode.SkipError{}, waiting: map[[32]byte][]result{},
		inodes: map[inode]settledLink{}, awaiting: map[inode][]result{},
	}
}

// run writes until every sender is done. Copies that then still wait for their
// content, after an interruption or a failure, are left for the next scan.
func (w *writer) run(ctx context.Context) error {
	timer := time.NewTimer(batchDelay)
	defer timer.Stop()
	for {
		select {
		case res, ok := <-w.r.settled:
			if !ok {
				return w.flush(ctx)
			}
			w.take(res)
			if len(w.batch) >= batchRows {
				if err := w.flush(ctx); err != nil {
					return err
				}
			}
		case <-timer.C:
			if err := w.flush(ctx); err != nil {
				return err
			}
			timer.Reset(batchDelay)
		}
	}
}

func (w *writer) flush(ctx context.Context) error {
	if len(w.batch) > 0 {
		if err := w.r.db.Put(ctx, w.r.o.ModelID, w.batch); err != nil {
			return err
		}
	}
	for root, ids := range w.present {
		if err := w.r.db.MarkPresent(ctx, root, ids); err != nil {
			return err
		}
	}
	w.batch = w.batch[:0]
	clear(w.present)
	return nil
}

// take settles one file, and those that waited for it.
func (w *writer) take(res result) {
	switch res.how {
	case unchanged:
		w.keep(res.file)
		w.tally.unchanged(res.file)
	case linked:
		w.link(res)
		return
	case other:
		w.tally.others()
		w.put(store.Ingest{File: res.file})
	case unlisted:
		w.tally.problem()
		w.put(store.Ingest{File: res.file})
	case skipped:
		res.file = w.skip(res)
	case decoded:
		w.stored[res.sha] = true
		w.put(store.Ingest{File: res.file, Content: content(res.photo), SHA256: res.sha, Vector: res.vector})
		w.tally.decoded(res)
		w.done(res)
	case copied:
		w.copy(res)
		return
	}
	w.settleLinks(res.file, res.sha)
	w.release(res.sha)
}

func (w *writer) put(in store.Ingest) { w.batch = append(w.batch, in) }

// done says that a file of the queue is settled.
func (w *writer) done(res result) {
	w.tally.opened++
	w.r.o.Progress.Add(w.path(res.file), res.file.SizeBytes)
}

func (w *writer) path(f store.File) string {
	for _, t := range w.r.o.Targets {
		if t.Root.ID == f.RootID {
			return absPath(t.Root.Path, f.Path)
		}
	}
	return f.Path
}

// keep leaves a row as it is, but for a file that had been gone.
func (w *writer) keep(f store.File) {
	if f.GoneNS != 0 {
		w.present[f.RootID] = append(w.present[f.RootID], f.ID)
	}
}

// skip records why a file cannot be compared and returns its row.
func (w *writer) skip(res result) store.File {
	row := res.file
	if res.skip != nil { // else the walk has said why
		row = withSkip(row, res.skip)
		if res.sha != ([32]byte{}) {
			w.failed[res.sha] = res.skip
		}
	}
	w.put(store.Ingest{File: row})
	w.tally.skip(row)
	if res.skip != nil {
		w.r.o.Progress.Skip(w.path(row), row.Reason)
		w.done(res)
	}
	return row
}

// copy settles a file whose content another file of this run, or an earlier
// run, has taken on.
func (w *writer) copy(res result) {
	skip, hasFailed := w.failed[res.sha]
	switch {
	case w.stored[res.sha] || w.r.claims.isDone(res.sha):
		w.put(store.Ingest{File: res.file, SHA256: res.sha})
		w.tally.copied(res)
		w.done(res)
	case hasFailed:
		res.file = w.skip(result{file: res.file, skip: skip, sha: res.sha})
	default:
		w.waiting[res.sha] = append(w.waiting[res.sha], res)
		return
	}
	w.settleLinks(res.file, res.sha)
}

// release settles the copies that waited for a content.
func (w *writer) release(sha [32]byte) {
	copies, ok := w.waiting[sha]
	if !ok || sha == ([32]byte{}) {
		return
	}
	delete(w.waiting, sha)
	for _, c := range copies {
		w.copy(c)
	}
}
