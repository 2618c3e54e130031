package ingest

import (
	"context"
	"sync"
)

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
