package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/scan"
	"github.com/dupfind/dupfind/store"
)

// Run scans the targets and brings the store up to date with them.
//
// When ctx ends (the first Ctrl-C), the run takes nothing new on, finishes and
// saves what is in flight, and returns its summary with Interrupted set and no
// error. Any other failure stops the run: what was settled until then is saved,
// nothing is written for the rest, and the summary says how many wait.
func Run(ctx context.Context, db *store.DB, o Options) (Summary, error) {
	r := newRun(db, o, ctx)
	var err error
	if r.claims, r.needs, err = newClaims(ctx, db, o.ModelID); err != nil {
		return Summary{}, err
	}
	w := newWriter(r)
	// Work in flight outlives ctx; only a failure inside the pipeline ends it.
	// The writer outlives that, too: it ends when all that was settled is saved.
	writing := context.WithoutCancel(ctx)
	work, cancel := context.WithCancelCause(writing)
	defer cancel(nil)
	var unwritten error
	go func() {
		defer close(r.written)
		if unwritten = w.run(writing); unwritten != nil {
			cancel(unwritten)
		}
	}()
	err = r.stages(work)
	close(r.settled)
	<-r.written
	if unwritten != nil {
		err = unwritten
	}
	finished := err == nil && ctx.Err() == nil
	if finished {
		err = r.finish(ctx)
	}
	return w.tally.summary(r, ctx.Err() != nil, finished), err
}

// stages runs what sends to the writer: walking, decoding and embedding.
func (r *run) stages(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	r.model = newLazyModel(func() (Embedder, error) { return r.o.OpenEmbedder(ctx) })
	g.Go(func() error { defer r.queue.close(); return r.walkAll(ctx) })
	g.Go(func() error { defer close(r.tiles); return r.decodeAll(ctx) })
	g.Go(func() error { return r.embedAll(ctx) })
	err := g.Wait()
	r.model.join()
	return err
}

// run is the state that the stages of one Run share.
type run struct {
	db   *store.DB
	o    Options
	stop context.Context // ends at the first Ctrl-C: take nothing new on

	claims *claims
	needs  map[int64]bool
	queue  *queue

	model *lazyModel

	tiles   chan tileOf   // decoded, to be embedded
	settled chan result   // to be written
	written chan struct{} // closed when the writer has ended

	refused  atomic.Int64 // photos that the model could not embed
	embedded atomic.Bool  // it could embed one

	walked    scan.Counts
	walkedAll bool
	gone      map[int64][]int64 // by root: rows of files that the walk did not meet
	// How many of these were photos, compared or not: not there, or left out by a rule now.
	lost, leftOut int
}

// tileOf is a decoded photo on its way to the model.
type tileOf struct {
	job   job
	photo *decode.Photo
}

// result is one file on its way to the store.
type result struct {
	file   store.File
	how    outcome
	photo  *decode.Photo // facts of a decoded one; no tile any more
	vector []float32
	skip   *decode.SkipError
	sha    [32]byte // of what was read; zero when nothing was
}

// outcome is what became of a file.
type outcome int

const (
	decoded   outcome = iota // new content, with vector or low detail
	copied                   // content known or taken on by another file of this run
	skipped                  // cannot be compared
	unchanged                // as the store has it; nothing to write
	linked                   // another name of an inode already counted
	other                    // not a photo
	unlisted                 // a folder that could not be read
)

// tilesWaiting bounds the tiles between decoding and embedding: four batches of
// a local model, about 10 MB, enough that neither side waits for the other's
// hiccups. Options.EmbedCalls says how many tiles there are in all.
const tilesWaiting = 64

func newRun(db *store.DB, o Options, stop context.Context) *run {
	return &run{
		db: db, o: o, stop: stop, queue: newQueue(), gone: map[int64][]int64{},
		tiles:   make(chan tileOf, tilesWaiting),
		settled: make(chan result, 2*tilesWaiting),
		written: make(chan struct{}),
	}
}

// walkAll walks every target in turn and fills the queue.
func (r *run) walkAll(ctx context.Context) error {
	links := map[inode]bool{}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.stop, cancel)()
	for _, t := range r.o.Targets {
		if r.stop.Err() != nil {
			return nil
		}
		if err := r.walk(ctx, t, links); err != nil {
			if r.stop.Err() != nil {
				return nil
			}
			return fmt.Errorf("walk %s: %w", t.Root.Path, err)
		}
	}
	r.o.Progress.Total(0, 0, true)
	r.walkedAll = true
	return nil
}

func (r *run) walk(ctx context.Context, t Target, links map[inode]bool) error {
	known, err := loadKnown(ctx, r.db, t)
	if err != nil {
		return err
	}
	p := &planner{target: t, needs: r.needs, verify: r.o.Verify, known: known, links: links}
	p.out = planOutput{
		work: func(j job) error {
			r.o.Progress.Total(1, j.file.SizeBytes, false)
			r.queue.push(j)
			return nil
		},
		unchanged: func(f store.File) error { return r.settle(result{file: f, how: unchanged}) },
		link:      func(f store.File) error { return r.settle(result{file: f, how: linked}) },
		other:     func(f store.File) error { return r.settle(result{file: f, how: other}) },
		problem: func(f store.File) error {
			how := skipped
			if f.State == store.StateFolder {
				how = unlisted
			}
			return r.settle(result{file: f, how: how})
		},
	}
	walk := r.o.Walk
	walk.Known = p.sniffed
	counts, err := scan.Walk(ctx, t.Root.Path, t.Sub, walk, scan.Visitor{File: p.file, Problem: p.problem})
	r.walked.Add(counts)
	if errors.Is(err, fs.ErrPermission) { // the very folder that was named
		err = p.problem(scan.Problem{Rel: t.Sub, Dir: true, Reason: scan.Unreadable, Err: err})
	}
	if err != nil {
		return err
	}
	n := p.notMet()
	r.gone[t.Root.ID] = append(r.gone[t.Root.ID], n.ids...)
	r.lost += n.gone
	r.leftOut += n.leftOut
	return nil
}

// errNotWritten ends whoever has a result for a writer that has failed; Run
// returns the writer's own error.
var errNotWritten = errors.New("the writer has ended")

// settle hands a result to the writer, also when the run is about to stop: a
// vector that was computed is saved.
func (r *run) settle(res result) error {
	select {
	case r.settled <- res:
		return nil
	case <-r.written:
		return errNotWritten
	}
}

// finish marks what the walks did not meet, once nothing went wrong.
func (r *run) finish(ctx context.Context) error {
	for root, ids := range r.gone {
		if err := r.db.MarkGone(ctx, root, ids); err != nil {
			return err
		}
	}
	for _, t := range r.o.Targets {
		if t.Sub != "" {
			continue
		}
		t.Root.LastScanNS = r.o.Now().UnixNano()
		if err := r.db.UpdateRoot(ctx, t.Root); err != nil {
			return err
		}
	}
	return nil
}

// decodeAll runs Options.Workers decoders until the queue is empty.
func (r *run) decodeAll(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	take, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.stop, cancel)()
	for range max(1, r.o.Workers) {
		g.Go(func() error {
			for {
				j, n, ok := r.queue.pop(take)
				if !ok || r.stop.Err() != nil {
					return ctx.Err()
				}
				if err := r.decodeOne(ctx, j, n); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

func (r *run) decodeOne(ctx context.Context, j job, number int) error {
	r.o.Progress.Start(j.path)
	var sha [32]byte
	wanted := func(s [32]byte) bool {
		sha = s
		if !r.claims.wanted(s, number) {
			return false
		}
		r.model.start()
		return true
	}
	photo, err := r.o.Decoder.Decode(ctx, decode.Request{Path: j.path, TileSize: r.o.TileSize}, wanted)
	if skip, ok := errors.AsType[*decode.SkipError](err); ok {
		return r.settle(result{file: j.file, how: skipped, skip: skip, sha: sha})
	}
	if err != nil {
		return fmt.Errorf("decode %q: %w", j.path, err)
	}
	file := withFacts(j.file, photo.Facts)
	switch {
	case photo.Known:
		return r.settle(result{file: file, how: copied, sha: photo.SHA256})
	case photo.LowDetail:
		photo.Tile = nil
		return r.settle(result{file: file, how: decoded, photo: &photo, sha: photo.SHA256})
	}
	j.file = file
	return send(ctx, r.tiles, tileOf{j, &photo})
}

// send hands v on, unless ctx ends first.
func send[T any](ctx context.Context, ch chan<- T, v T) error {
	select {
	case ch <- v:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
