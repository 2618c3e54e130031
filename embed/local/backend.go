//go:build cgo

package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/dupfind/dupfind/embed"
)

// Backend is one model, loaded. It is safe for concurrent use: calls share the cores, not one the whole time of another.
type Backend struct {
	manifest embed.Manifest
	session  *session
	slots    chan *slot // the free ones; a run holds one, so that at most cap(slots) run at once
	batch    int        // most tiles in one run

	mu     sync.RWMutex // held for reading by each Embed, for writing by Close
	closed bool
}

var _ embed.Backend = (*Backend)(nil)

// defaultTuning is one run per core, each on one thread. That is as fast as one run on all cores where nothing else
// runs, and faster beside other work, because no thread waits for another that is not running. Batches over 8 bring
// no speed and take memory; the pattern brings nothing; without the arena the peak is higher, not lower.
// BenchmarkEmbed measures it.
func defaultTuning() tuning {
	return tuning{intraThreads: 1, batch: 8, arena: true, exactInt8: needsExactInt8()}
}

// Open loads the library, unless this process has it already, and the model, which it holds against the manifest:
// digest, names, types and shapes. It takes some 0.1 s, most of it of one core, so call it beside other work.
func Open(ctx context.Context, o Options) (*Backend, error) {
	return openTuned(ctx, o, defaultTuning())
}

func openTuned(ctx context.Context, o Options, tn tuning) (*Backend, error) {
	if err := o.Manifest.Validate(); err != nil {
		return nil, fmt.Errorf("open model %s: manifest: %w", o.ModelPath, err)
	}
	var digest string
	var s *session
	var g errgroup.Group
	g.Go(func() (err error) {
		digest, err = fileDigest(ctx, o.ModelPath)
		return err
	})
	g.Go(func() (err error) {
		s, err = openSession(o, tn)
		return err
	})
	err := g.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		var b *Backend
		if b, err = newBackend(o, tn, s, digest); err == nil {
			return b, nil
		}
	}
	if s != nil {
		_ = s.close() // it was never used; err is what matters
	}
	return nil, err
}

// newBackend holds a loaded model against its manifest and makes it ready to run.
func newBackend(o Options, tn tuning, s *session, digest string) (*Backend, error) {
	m := o.Manifest
	if m.Digest != "" && m.Digest != digest {
		return nil, &DigestError{Model: o.ModelPath, Got: digest, Want: m.Digest}
	}
	m.Digest = digest
	b := &Backend{manifest: m, session: s, batch: tn.batch}
	known := sameUse(m, embed.SSCD())
	if !known {
		fixed, err := checkModel(o.ModelPath, m)
		if err != nil {
			return nil, fmt.Errorf("open model %s: %w", o.ModelPath, err)
		}
		if fixed {
			b.batch = 1
		}
	}
	b.slots = make(chan *slot, cmp.Or(tn.runs, threads(o)))
	for range cap(b.slots) {
		b.slots <- newSlot(m, b.batch)
	}
	if !known {
		if err := b.probe(); err != nil {
			return nil, fmt.Errorf("open model %s: %w", o.ModelPath, err)
		}
	}
	return b, nil
}

// probe runs one tile through a model that nobody tried before: what its shapes do not tell shows here, not in the
// middle of a scan. The tile is neither black nor flat, so that a healthy model has a direction for it.
func (b *Backend) probe() error {
	tile := make([]byte, b.manifest.TileSize*b.manifest.TileSize*3)
	for i := range tile {
		tile[i] = byte(i*7 + i/97)
	}
	s := <-b.slots
	defer func() { b.slots <- s }()
	if err := b.run(s, [][]byte{tile}, make([]embed.Vector, 1), 0); err != nil {
		return fmt.Errorf("try it on one tile: %w", err)
	}
	return nil
}

func threads(o Options) int {
	if o.Threads > 0 {
		return o.Threads
	}
	return runtime.GOMAXPROCS(0)
}

// Manifest implements embed.Backend.
func (b *Backend) Manifest() embed.Manifest { return b.manifest }

// Embed implements embed.Backend. The tiles are spread over the cores in runs of a few; when ctx ends, no further run starts.
func (b *Backend) Embed(ctx context.Context, tiles [][]byte) ([]embed.Vector, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return nil, errors.New("embed: the model is closed")
	}
	if err := b.manifest.CheckTiles(tiles); err != nil {
		return nil, fmt.Errorf("embed: %w", err)
	}
	out := make([]embed.Vector, len(tiles))
	g, ctx := errgroup.WithContext(ctx)
	for from, size := range split(len(tiles), b.batch, cap(b.slots)) {
		s, err := b.take(ctx)
		if err != nil {
			// A run that failed ended the group's context: then its error is the reason.
			return nil, fmt.Errorf("embed: %w", cmp.Or(g.Wait(), err))
		}
		g.Go(func() error {
			defer func() { b.slots <- s }()
			return b.run(s, tiles[from:from+size], out[from:from+size], from)
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("embed: %w", err)
	}
	return out, nil
}

// take waits for a free slot. A context that has ended wins over a slot that is free.
func (b *Backend) take(ctx context.Context) (*slot, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case s := <-b.slots:
		return s, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// run embeds a few tiles in a slot. first is the index of tiles[0] in the caller's batch.
func (b *Backend) run(s *slot, tiles [][]byte, out []embed.Vector, first int) error {
	dim := b.manifest.Dim
	s.fill(b.manifest, tiles)
	if err := b.session.run(s, len(tiles)); err != nil {
		return err
	}
	for i := range tiles {
		v := make([]float32, dim)
		copy(v, s.output[i*dim:])
		if !b.manifest.Normalised {
			if err := embed.Normalise(v); err != nil {
				return &embed.TileError{Index: first + i, Err: err}
			}
		}
		if err := embed.CheckVector(v, dim); err != nil {
			return &embed.TileError{Index: first + i, Err: err}
		}
		out[i] = v
	}
	return nil
}

// Close implements embed.Backend. It waits for the calls in flight. The library stays loaded.
func (b *Backend) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	if err := b.session.close(); err != nil {
		return fmt.Errorf("close model: %w", err)
	}
	return nil
}

// split cuts n tiles into runs of at most batch, as (first, size), so that each of the cores gets its share: few tiles
// are spread over all cores rather than given to one.
func split(n, batch, cores int) func(yield func(int, int) bool) {
	return func(yield func(int, int) bool) {
		runs := max((n+batch-1)/batch, min(n, cores))
		if r := runs % cores; r != 0 && runs > cores && n >= runs+cores-r {
			runs += cores - r // a last round with idle cores would take as long as a full one
		}
		for i := range runs {
			from, to := i*n/runs, (i+1)*n/runs
			if !yield(from, to-from) {
				return
			}
		}
	}
}
