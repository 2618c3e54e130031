package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// closed keeps a number of calls in flight until the windows agree or the time is up.
func (l load) closed(ctx context.Context, f call) (outcome, error) {
	loopCtx, stop := context.WithCancel(ctx)
	defer stop()
	var over flag
	var next atomic.Int64
	samples := make(chan sample) // read until it is closed
	var workers sync.WaitGroup
	began := l.now()
	for range l.inFlight {
		workers.Go(func() {
			for !over.get() && loopCtx.Err() == nil {
				s := l.once(loopCtx, f, int(next.Add(1)-1), l.now())
				s.due = s.sent
				samples <- s
				if s.err != nil {
					pause(loopCtx, failurePause)
				}
			}
		})
	}
	go func() {
		workers.Wait()
		close(samples)
	}()

	c := newClosedWindows(l, began)
	for s := range samples {
		if over.get() {
			if !l.abandon {
				c.out.note(s)
			}
			continue
		}
		if c.add(s) {
			over.set()
			if l.abandon {
				stop()
			}
		}
	}
	return c.out, c.out.check(ctx)
}

// overtime is how many times as long as planned a loop may run until it has one whole window.
const overtime = 4

// closedWindows cuts what a closed loop does into windows. Each begins and ends with an answer: the calls in flight at
// its ends are then as far along on average, and no part of a call is counted twice or lost.
type closedWindows struct {
	load    load
	out     outcome
	began   time.Time // the loop
	start   time.Time // the first window; zero during the warm-up
	from    time.Time // the window under way
	current window
	bytes   traffic // by when it began
}

func newClosedWindows(l load, began time.Time) *closedWindows {
	c := &closedWindows{load: l, began: began}
	if l.warmup == 0 {
		c.begin(began, l.traffic())
	}
	return c
}

func (c *closedWindows) begin(at time.Time, bytes traffic) {
	if c.start.IsZero() {
		c.start = at
	}
	c.from, c.current, c.bytes = at, window{}, bytes
}

// add takes a sample and reports whether the measurement is over.
func (c *closedWindows) add(s sample) (over bool) {
	if !c.out.note(s) {
		return true
	}
	if c.load.tick != nil {
		c.load.tick(s.end.Sub(c.began))
	}
	if c.start.IsZero() {
		c.warm(s)
		// A server that answers nothing ends the measurement all the same.
		return c.out.answered == 0 && s.end.Sub(c.began) >= c.load.warmup+c.load.limit
	}
	spent := s.end.Sub(c.start)
	late := spent >= c.load.limit
	if s.err == nil {
		c.current.requests++
		c.current.latencies = append(c.current.latencies, s.end.Sub(s.due))
		if s.end.Sub(c.from) >= c.load.window && c.current.requests >= c.load.least {
			c.finish(s)
		}
	}
	if late && len(c.out.windows) == 0 {
		// Calls that share a slow link end together, and a part of them would tell a wrong rate: they are waited for, within
		// reason.
		if spent < overtime*c.load.limit || c.current.requests == 0 {
			return c.out.answered == 0
		}
		c.finish(s)
	}
	c.out.stable = c.agreed()
	return late || c.out.stable
}

func (c *closedWindows) warm(s sample) {
	if s.err != nil {
		return
	}
	w := &c.out.warm
	if w.requests++; w.requests == 1 {
		w.first = s.end.Sub(s.sent)
	}
	if w.took = s.end.Sub(c.began); w.took >= c.load.warmup {
		c.begin(s.end, s.bytes)
	}
}

func (c *closedWindows) finish(last sample) {
	w := c.current
	w.took = last.end.Sub(c.from)
	w.bytes = last.bytes.minus(c.bytes)
	w.service = w.latencies // nothing waits before it is sent
	c.out.windows = append(c.out.windows, w)
	c.begin(last.end, last.bytes)
}

func (c *closedWindows) agreed() bool {
	if len(c.out.windows) < agreeing {
		return false
	}
	var rates []float64
	for _, w := range c.out.windows[len(c.out.windows)-agreeing:] {
		rates = append(rates, perSecond(w.requests, w.took))
	}
	return agree(rates)
}
