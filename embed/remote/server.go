package remote

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/remote/inference"
)

const (
	// maxTries is how many requests with a tile may get lost before the tile is suspected of it.
	maxTries = 3
	// maxFaults is how often a tile is refused alone before it is given up.
	maxFaults = 2
	// maxRefused is how many tiles in a row may be given up before the server is.
	maxRefused = 8
	// maxParted is how many requests in a row may be refused whole, though every tile in them passes, before requests
	// get smaller.
	maxParted = 3
	// busyPause is the longest wait for a full server that names no time.
	busyPause = time.Second
)

// errNewLine says that an answer may have come over another connection than the one over which the model was checked.
var errNewLine = errors.New("the connection was made anew")

// server is one endpoint and what is known of it. The fields below conn are under the backend's lock.
type server struct {
	b    *Backend
	conn *Conn

	golden []embed.Vector
	flow   *flow
	line   int64 // the network connection over which the model was checked, by number
	down   bool
	quiet  bool      // down, and nobody was told
	until  time.Time // a full server is left alone so long
	full   int       // times in a row that it was full
	parted int       // whole requests that it refused since a tile was last found at fault
}

// work sends what waits to this server, whenever it may have one more request, until the backend is closed.
func (s *server) work() {
	b := s.b
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for !b.closed && !s.mayTake() {
			b.wake.Wait()
		}
		if b.closed {
			return
		}
		now := time.Now()
		items := b.queue.take(s.flow.batch(now))
		if len(items) == 0 {
			continue
		}
		size := 0
		for _, it := range items {
			size += len(it.element)
			it.call.reading++
		}
		f := s.flow // the server may have another one when the answer comes
		fl := f.start(now, len(items), size)
		b.started(now, len(items), size)
		b.running.Go(func() { s.send(items, f, fl) })
	}
}

func (s *server) mayTake() bool {
	now := time.Now()
	return !s.down && s.b.queue.ready(now) && !now.Before(s.until) && s.flow.mayStart(now)
}

// send runs one request and settles its tiles.
func (s *server) send(items []*item, f *flow, fl flight) {
	b := s.b
	ctx, cancel := context.WithTimeout(b.ctx, patienceOf(b.options)/2)
	defer cancel()
	req := s.request(items)
	vectors, pushback, err := s.conn.infer(ctx, req)
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.wake.Broadcast()
	if err == nil && s.conn.lines.made.Load() != s.line {
		err = errNewLine
	}
	f.end(now, fl, err == nil)
	b.ended(now, fl, err == nil)
	switch {
	case err == nil:
		s.full = 0
		for i, it := range items {
			it.settle(vectors[i])
		}
	case b.ctx.Err() == nil:
		s.failed(items, err, pushback)
	}
}

// request makes a request of tiles; they are not read after it returns.
func (s *server) request(items []*item) *inference.ModelInferRequest {
	elements := make([][]byte, len(items))
	for i, it := range items {
		elements[i] = it.element
	}
	req := s.conn.request(elements)
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	for _, it := range items {
		it.call.release(1)
	}
	return req
}

// failed decides what becomes of the tiles of a request that brought nothing.
func (s *server) failed(items []*item, err error, pushback time.Duration) {
	b := s.b
	b.options.log().Debug("request failed", "server", s.conn.target.endpoint, "tiles", len(items), "error", said(err))
	b.stats.Retries++
	f := fateOf(err, pushback >= 0)
	if f == suspect && len(items) == 1 && status.Code(err) == codes.ResourceExhausted {
		f = busy // one tile is never too much
	}
	switch f {
	case fatal:
		// The look at the server that follows tells what is wrong, and whether another one can go on.
		s.eject(err)
		b.queue.pushFront(items)
	case busy:
		s.pause(max(pushback, 0), err)
		b.queue.pushFront(items)
	case again:
		s.eject(err)
		s.lost(items, err)
	case suspect:
		s.suspect(items, err)
	}
}

// pause leaves a full server alone for a while. One that is full for too long is as good as gone.
func (s *server) pause(pushback time.Duration, err error) {
	if s.b.tooLong(s, err) {
		return
	}
	s.flow.full()
	s.full++
	wait := pushback + jitter(s.full, busyPause)
	s.until = time.Now().Add(wait)
	s.b.wakeAfter(wait)
}

// lost gives back the tiles of a request that got lost. Those that got lost again and again, while others arrived, may
// be what the server dies of: they are sent in halves.
func (s *server) lost(items []*item, err error) {
	tries := 0
	for _, it := range items {
		if !errors.Is(err, errNewLine) {
			it.tries++
		}
		tries = max(tries, it.tries)
	}
	switch {
	case tries < maxTries:
		s.b.queue.pushFront(items)
	case len(items) > 1:
		s.b.queue.halve(items)
	case tries < 2*maxTries:
		s.b.queue.alone(items[0])
	default:
		s.b.giveUp(s, items[0], err)
	}
}

// suspect looks for the tile at fault.
func (s *server) suspect(items []*item, err error) {
	var bad *badVector
	if errors.As(err, &bad) && len(items) > 1 && bad.index < len(items) {
		// The answer says which one; the others go once more without it.
		s.b.queue.alone(items[bad.index])
		s.b.queue.parcels = append(s.b.queue.parcels, append(items[:bad.index:bad.index], items[bad.index+1:]...))
		return
	}
	if len(items) > 1 {
		if !items[0].parted {
			s.refusedWhole(len(items))
		}
		s.b.queue.halve(items)
		return
	}
	s.parted = 0
	if items[0].faults++; items[0].faults < maxFaults {
		s.b.queue.alone(items[0])
		return
	}
	s.b.giveUp(s, items[0], err)
}

// refusedWhole notes a request of n tiles that was refused. If that goes on and no tile is at fault, n is.
func (s *server) refusedWhole(n int) {
	if s.parted++; s.parted < maxParted {
		return
	}
	s.parted = 0
	s.flow.maxBatch = max(1, min(s.flow.maxBatch, n/2))
	s.b.options.log().Debug("smaller requests from now on", "server", s.conn.target.endpoint, "tiles", s.flow.maxBatch)
}
