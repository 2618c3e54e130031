package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// load says how requests are made and how long.
type load struct {
	inFlight  int           // closed loop: so many calls at once, each followed by the next
	perSecond float64       // open loop: so many calls due a second
	warmup    time.Duration // before the first window
	limit     time.Duration // of all windows together; the request under way at its end is waited for
	window    time.Duration // the least length of one
	least     int           // calls in a window, at least
	timeout   time.Duration // of one call
	abandon   bool          // at the end calls are cancelled, not waited for
	photos    int           // a call

	now   func() time.Time
	bytes func() (sent, received int64) // nil: not counted
	tick  func(elapsed time.Duration)   // hears how far it is
}

// call makes the i-th request, or the requests that stand for one.
type call func(ctx context.Context, i int) error

// sample is one call that has ended.
type sample struct {
	index     int
	due       time.Time // when it should have begun; in a closed loop it did
	sent, end time.Time
	bytes     traffic // by then
	err       error
}

// traffic is what has crossed the network, both ways.
type traffic struct{ sent, received int64 }

func (t traffic) minus(e traffic) traffic { return traffic{t.sent - e.sent, t.received - e.received} }

// traffic reads the counters, of loads whose bytes are counted.
func (l load) traffic() traffic {
	if l.bytes == nil {
		return traffic{}
	}
	sent, received := l.bytes()
	return traffic{sent, received}
}

// window is one part of a measurement.
type window struct {
	requests  int
	took      time.Duration
	latencies []time.Duration // from when the calls were due
	service   []time.Duration // from when they were sent
	bytes     traffic
}

// outcome is what a load did.
type outcome struct {
	windows []window
	stable  bool // the last windows agree, and only they are used
	warm    warm

	// All calls that were answered, the warm-up's and those after the last window included: what a server's counters
	// count as well.
	answered int
	service  time.Duration
	failed   int
	firstErr error
}

// warm is the warm-up.
type warm struct {
	requests int
	first    time.Duration
	took     time.Duration
}

// used are the windows that the figures come from.
func (o outcome) used() []window {
	if o.stable {
		return o.windows[len(o.windows)-agreeing:]
	}
	return o.windows
}

const (
	// hopeless is after how many failures without an answer a load ends.
	hopeless = 20
	// failurePause keeps a server that refuses at once from being flooded.
	failurePause = 20 * time.Millisecond
)

// note counts a sample and reports whether there is any use in going on.
func (o *outcome) note(s sample) (goOn bool) {
	if s.err == nil {
		o.answered++
		o.service += s.end.Sub(s.sent)
		return true
	}
	o.failed++
	if o.firstErr == nil {
		o.firstErr = s.err
	}
	return o.answered > 0 || o.failed < hopeless && !errors.Is(s.err, ErrTooLarge)
}

// check is the error of a load that gave nothing to report.
func (o outcome) check(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(o.windows) == 0 {
		if o.firstErr == nil {
			return errors.New("no request was answered in time")
		}
		return fmt.Errorf("%d requests failed, none was answered: %w", o.failed, o.firstErr)
	}
	return nil
}

// once makes one call and times it.
func (l load) once(ctx context.Context, f call, i int, due time.Time) sample {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	s := sample{index: i, due: due, sent: l.now()}
	s.err = f(ctx, i)
	s.end, s.bytes = l.now(), l.traffic()
	return s
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// flag is set once.
type flag struct{ v atomic.Bool }

func (f *flag) set()      { f.v.Store(true) }
func (f *flag) get() bool { return f.v.Load() }
