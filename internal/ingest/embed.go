package ingest

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
)

// embedAll gathers tiles into batches and has them embedded, one batch at a
// time: the model uses all cores for each.
func (r *run) embedAll(ctx context.Context) error {
	batches := make(chan []tileOf, 1) // one ready while another is embedded
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { defer close(batches); return r.batch(ctx, batches) })
	g.Go(func() error {
		for b := range batches {
			if err := r.embedBatch(ctx, b); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// batch gathers full batches; what is left at the end goes as it is.
func (r *run) batch(ctx context.Context, out chan<- []tileOf) error {
	size := max(1, r.o.BatchTiles)
	var b []tileOf
	for t := range r.tiles {
		b = append(b, t)
		if len(b) < size {
			continue
		}
		if err := send(ctx, out, b); err != nil {
			return err
		}
		b = nil
	}
	if len(b) == 0 {
		return nil
	}
	return send(ctx, out, b)
}

func (r *run) embedBatch(ctx context.Context, b []tileOf) error {
	model, err := r.model.wait(ctx)
	if err != nil {
		return err
	}
	tiles := make([][]byte, len(b))
	for i, t := range b {
		tiles[i] = t.photo.Tile
	}
	vectors, err := model.Embed(ctx, tiles)
	if err != nil {
		return fmt.Errorf("embed %d photos: %w", len(b), err)
	}
	if len(vectors) != len(b) {
		return fmt.Errorf("embed %d photos: the model gave %d vectors", len(b), len(vectors))
	}
	for i, t := range b {
		t.photo.Tile = nil
		res := result{file: t.job.file, how: decoded, photo: t.photo, vector: vectors[i], sha: t.photo.SHA256}
		if err := r.settle(ctx, res); err != nil {
			return err
		}
	}
	return nil
}

// lazyModel loads the model once, beside the decoding of the first photo that
// needs it.
type lazyModel struct {
	open  func() (Embedder, error)
	once  sync.Once
	ready chan struct{} // closed when model and err are set
	begun chan struct{} // closed when loading has begun
	model Embedder
	err   error
}

func newLazyModel(open func() (Embedder, error)) *lazyModel {
	return &lazyModel{open: open, ready: make(chan struct{}), begun: make(chan struct{})}
}

// start begins to load the model, if nobody has yet.
func (m *lazyModel) start() {
	m.once.Do(func() {
		close(m.begun)
		go func() {
			defer close(m.ready)
			m.model, m.err = m.open()
		}()
	})
}

// wait gives the model once it is loaded. Whoever has a tile in hand has
// called start before.
func (m *lazyModel) wait(ctx context.Context) (Embedder, error) {
	select {
	case <-m.ready:
		return m.model, m.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// join waits for a loading that was begun, so that no goroutine is left.
func (m *lazyModel) join() {
	select {
	case <-m.begun:
		<-m.ready
	default:
	}
}
