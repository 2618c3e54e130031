package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dupfind/dupfind/embed"
)

// defaultBatch is the most tiles in a request: what a graphics card needs to be busy, and what a lost request costs.
const defaultBatch = 32

// Backend embeds by servers. It is made for many calls at once: the more tiles its callers hold out, the fuller are
// the requests.
type Backend struct {
	options  Options
	manifest embed.Manifest
	wire     Wire
	trip     time.Duration // least empty call, at the nearest server
	encoders chan struct{} // bounds how many tiles are encoded at once

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu      sync.Mutex
	wake    *sync.Cond // something changed that a server may wait for
	servers []*server
	queue   queue
	calls   map[*call]bool
	closed  bool
	err     error // why all calls fail, once set
	lost    int   // servers left out for good
	refused int   // tiles given up since the last answer
	since   time.Time
	stats   Stats
	times   []time.Duration // of the last answered requests, a ring
	underW  int             // requests under way
	busyAt  time.Time

	running sync.WaitGroup // goroutines
	inUse   sync.RWMutex   // held for reading by each Embed, for writing by Close
}

var _ embed.Backend = (*Backend)(nil)

// Open meets all servers, which must run the same model, and embeds the golden tiles at each.
func Open(ctx context.Context, o Options) (*Backend, error) {
	if len(o.Endpoints) == 0 {
		return nil, errors.New("open remote backend: no server is named")
	}
	b := &Backend{options: o, calls: map[*call]bool{}, encoders: make(chan struct{}, runtime.GOMAXPROCS(0))}
	b.wake = sync.NewCond(&b.mu)
	b.ctx, b.cancel = context.WithCancel(context.Background())
	// Nothing at the start may take longer than a person would wait for an answer later.
	meeting, cancel := context.WithTimeoutCause(ctx, 2*patienceOf(o), errorf(Unreachable, "", "no answer to the first questions for %s", 2*patienceOf(o)))
	defer cancel()
	conns, err := meetAll(meeting, o)
	if err == nil {
		err = b.takeIn(meeting, conns)
	}
	if err != nil {
		if meeting.Err() != nil {
			err = context.Cause(meeting)
		}
		b.cancel()
		for _, c := range conns {
			err = errors.Join(err, c.Close())
		}
		return nil, err
	}
	for _, s := range b.servers {
		b.running.Go(s.work)
	}
	return b, nil
}

// meetAll connects to every endpoint at once. One that fails fails all: at the start a person is there to read it.
func meetAll(ctx context.Context, o Options) ([]*Conn, error) {
	conns := make([]*Conn, len(o.Endpoints))
	g, gctx := errgroup.WithContext(ctx)
	for i, endpoint := range o.Endpoints {
		g.Go(func() (err error) {
			conns[i], err = Dial(gctx, endpoint, o)
			return err
		})
	}
	err := g.Wait()
	return slices.DeleteFunc(conns, func(c *Conn) bool { return c == nil }), err
}

// takeIn settles one wire for all and holds the servers' models against each other.
func (b *Backend) takeIn(ctx context.Context, conns []*Conn) error {
	b.wire = commonWire(conns)
	g, gctx := errgroup.WithContext(ctx)
	b.servers = make([]*server, len(conns))
	trips := make([]time.Duration, len(conns))
	for i, c := range conns {
		c.wire = b.wire
		b.servers[i] = &server{b: b, conn: c, flow: newFlow(b.options, c.about.manifest)}
		if !c.target.tls && !c.target.local() {
			b.options.notice("%s is not encrypted: whoever sits on the way can see the small pictures", c.target.endpoint)
		}
		g.Go(func() (err error) {
			b.servers[i].line = c.lines.made.Load()
			if b.servers[i].golden, err = c.golden(gctx); err != nil {
				return err
			}
			if trips[i], err = c.Ping(gctx); err != nil {
				return c.explain(gctx, b.options, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	first := b.servers[0]
	for _, s := range b.servers[1:] {
		if s.conn.about.manifest.Key() != first.conn.about.manifest.Key() {
			return errorf(WrongModel, s.conn.target.endpoint, "it runs %s, and %s runs %s", s.conn.about.manifest.Key(), first.conn.target.endpoint, first.conn.about.manifest.Key())
		}
		if d := embed.MaxDrift(first.golden, s.golden); !(d <= embed.GoldenTolerance) {
			return errorf(WrongModel, s.conn.target.endpoint, "it gives other vectors than %s for the same model (1 - cosine %.2g)", first.conn.target.endpoint, d)
		}
	}
	b.manifest = first.conn.Manifest()
	b.trip = slices.Min(trips)
	return nil
}

// commonWire is raw if every server is near or one takes nothing else.
func commonWire(conns []*Conn) Wire {
	w := Raw
	for _, c := range conns {
		if !c.about.encoded {
			return Raw
		}
		if c.wire != Raw {
			w = c.wire
		}
	}
	return w
}

// Manifest implements embed.Backend. Over a lossy wire the name says so.
func (b *Backend) Manifest() embed.Manifest { return b.manifest }

// Golden gives the vectors of embed.GoldenTiles, as they came over this backend's wire.
func (b *Backend) Golden() []embed.Vector { return b.servers[0].golden }

// Environment is what the first server tells of itself.
func (b *Backend) Environment() map[string]string { return b.servers[0].conn.Environment() }

// Embed implements embed.Backend. It returns when all its tiles are embedded, when one of them cannot be (a
// *embed.TileError), when no server is left (an *Error), or when ctx ends.
func (b *Backend) Embed(ctx context.Context, tiles [][]byte) ([]embed.Vector, error) {
	b.inUse.RLock()
	defer b.inUse.RUnlock()
	if err := b.manifest.CheckTiles(tiles); err != nil {
		return nil, fmt.Errorf("embed: %w", err)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("embed: %w", context.Cause(ctx))
	}
	c := &call{out: make([]embed.Vector, len(tiles)), left: len(tiles), done: make(chan struct{}), idle: make(chan struct{})}
	items, err := b.encodeAll(ctx, c, tiles)
	if err != nil {
		return nil, fmt.Errorf("embed: %w", err)
	}
	if err := b.enqueue(c, items); err != nil {
		return nil, fmt.Errorf("embed: %w", err)
	}
	if len(tiles) == 0 {
		return c.out, nil
	}
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	b.mu.Lock()
	c.finish(context.Cause(ctx)) // if nothing else has
	delete(b.calls, c)
	b.mu.Unlock()
	<-c.idle // the caller gets its tiles back
	if c.err != nil {
		return nil, fmt.Errorf("embed: %w", c.err)
	}
	return c.out, nil
}

func (b *Backend) encodeAll(ctx context.Context, c *call, tiles [][]byte) ([]*item, error) {
	items := make([]*item, len(tiles))
	for i, t := range tiles {
		if b.wire == Raw {
			items[i] = &item{call: c, index: i, element: t}
			continue
		}
		select {
		case b.encoders <- struct{}{}:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		e, err := encode(b.wire, t, b.manifest.TileSize)
		<-b.encoders
		if err != nil {
			return nil, &embed.TileError{Index: i, Err: err}
		}
		items[i] = &item{call: c, index: i, element: e}
	}
	return items, nil
}

func (b *Backend) enqueue(c *call, items []*item) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return errors.New("the backend is closed")
	case b.err != nil:
		return b.err
	case len(items) == 0:
		return nil
	}
	now := time.Now()
	if !b.waiting() {
		b.since = now
	}
	b.calls[c] = true
	b.queue.push(now, items...)
	if b.queue.ready(now) {
		b.wake.Broadcast()
	} else {
		b.wakeAfter(linger)
	}
	return nil
}

// wakeAfter lets the servers look again after a while.
func (b *Backend) wakeAfter(d time.Duration) {
	time.AfterFunc(d, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.wake.Broadcast()
	})
}

// waiting tells whether anybody waits for a vector. Like what follows, it is called with the lock held.
func (b *Backend) waiting() bool { return len(b.calls) > 0 }

// tooLong ends the work if nothing came back from any server for longer than the patience, though somebody waits.
func (b *Backend) tooLong(s *server, err error) bool {
	waited := time.Since(b.since)
	if !b.waiting() || waited <= patienceOf(b.options) {
		return false
	}
	b.fail(errorf(Gone, s.conn.target.endpoint, "nothing came back for %s: %s", waited.Round(time.Second), said(err)))
	return true
}

// fail ends all calls, now and later.
func (b *Backend) fail(err error) {
	if b.err != nil {
		return
	}
	b.err = err
	for c := range b.calls {
		c.finish(err)
	}
	clear(b.calls)
}

// giveUp ends the call of a tile that cannot be embedded. When the last tiles all could not, it is not the tiles.
func (b *Backend) giveUp(s *server, it *item, err error) {
	if b.refused++; b.refused >= maxRefused {
		b.fail(errorf(Refuses, s.conn.target.endpoint, "it refuses every tile: %s", said(err)))
		return
	}
	it.call.finish(&embed.TileError{Index: it.index, Err: errors.New(said(err))})
	delete(b.calls, it.call)
}

// Close implements embed.Backend. It waits for the calls in flight.
func (b *Backend) Close() error {
	b.inUse.Lock()
	defer b.inUse.Unlock()
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	b.wake.Broadcast()
	b.mu.Unlock()
	b.cancel()
	b.running.Wait()
	var err error
	for _, s := range b.servers {
		err = errors.Join(err, s.conn.Close())
	}
	return err
}

func (o Options) log() *slog.Logger {
	if o.Log != nil {
		return o.Log
	}
	return slog.New(slog.DiscardHandler)
}
