package bench

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// maxWaiting is how many calls of an open loop may be under way. Calls that are due beyond it are sent later, and their
// time counts from when they were due all the same.
const maxWaiting = 1024

// open makes calls at a fixed rate until the windows agree or the time is up. What a call's time counts from is the
// schedule, so a client or server that falls behind does not hide it.
func (l load) open(ctx context.Context, f call) (outcome, error) {
	w := newOpenWindows(l)
	var over flag
	samples := make(chan sample) // read until it is closed
	began := l.now()
	go func() {
		defer close(samples)
		var calls sync.WaitGroup
		defer calls.Wait()
		slots := make(chan struct{}, maxWaiting)
		for i := 0; i < w.last && !over.get() && ctx.Err() == nil; i++ {
			due := began.Add(time.Duration(float64(i) / l.perSecond * float64(time.Second)))
			pause(ctx, due.Sub(l.now()))
			slots <- struct{}{} // a call frees one at its timeout at the latest
			calls.Go(func() {
				defer func() { <-slots }()
				samples <- l.once(ctx, f, i, due)
			})
		}
	}()
	for s := range samples {
		if l.tick != nil {
			l.tick(s.end.Sub(began))
		}
		if w.add(s) {
			over.set()
		}
	}
	w.finish()
	return w.out, w.out.check(ctx)
}

// openWindows are windows of the schedule: each is so many calls that were due one after the other, and is done when all
// of them are, however long that takes.
type openWindows struct {
	load  load
	out   outcome
	skip  int // calls of the warm-up
	calls int // in a window
	last  int // calls in all, at most
	part  []openPart
	first time.Time // the warm-up's first call
}

// openPart is a window that may not be done yet.
type openPart struct {
	ended int // answered or failed
	window
	ends []time.Time
}

func newOpenWindows(l load) *openWindows {
	w := &openWindows{load: l, skip: int(math.Ceil(l.perSecond * l.warmup.Seconds()))}
	w.calls = max(l.least, int(math.Round(l.perSecond*l.window.Seconds())))
	length := float64(w.calls) / l.perSecond
	w.part = make([]openPart, max(1, int(l.limit.Seconds()/length+1e-9)))
	w.last = w.skip + len(w.part)*w.calls
	return w
}

func (w *openWindows) add(s sample) (over bool) {
	if !w.out.note(s) {
		return true
	}
	if s.index < w.skip {
		w.warm(s)
		return false
	}
	p := &w.part[(s.index-w.skip)/w.calls]
	p.ended++
	if s.err == nil {
		p.requests++
		p.latencies = append(p.latencies, s.end.Sub(s.due))
		p.service = append(p.service, s.end.Sub(s.sent))
		p.ends = append(p.ends, s.end)
	}
	done := w.done()
	return len(done) >= agreeing && agree(medians(done[len(done)-agreeing:]))
}

func (w *openWindows) warm(s sample) {
	if w.first.IsZero() || s.due.Before(w.first) {
		w.first = s.due
	}
	if s.err == nil {
		if w.out.warm.requests++; w.out.warm.requests == 1 {
			w.out.warm.first = s.end.Sub(s.sent)
		}
	}
	w.out.warm.took = max(w.out.warm.took, s.end.Sub(w.first))
}

// done are the windows up to the first that is not done.
func (w *openWindows) done() []openPart {
	n := slices.IndexFunc(w.part, func(p openPart) bool { return p.ended < w.calls })
	if n < 0 {
		n = len(w.part)
	}
	return w.part[:n]
}

func (w *openWindows) finish() {
	done := w.done()
	// Windows that came to be done while the last calls were waited for count only if they agree as well.
	for n := agreeing; n <= len(done) && !w.out.stable; n++ {
		if agree(medians(done[n-agreeing : n])) {
			done, w.out.stable = done[:n], true
		}
	}
	for _, p := range done {
		if p.requests == 0 {
			continue
		}
		// Between the first and the last answer lie all but one of them.
		p.took = slices.MaxFunc(p.ends, time.Time.Compare).Sub(slices.MinFunc(p.ends, time.Time.Compare))
		if p.requests > 1 {
			p.took = time.Duration(float64(p.took) * float64(p.requests) / float64(p.requests-1))
		}
		w.out.windows = append(w.out.windows, p.window)
	}
	w.out.stable = w.out.stable && len(w.out.windows) >= agreeing
}

func medians(parts []openPart) []float64 {
	var out []float64
	for _, p := range parts {
		if len(p.latencies) == 0 {
			return []float64{0}
		}
		ds := slices.Clone(p.latencies)
		slices.Sort(ds)
		out = append(out, float64(percentile(ds, 50)))
	}
	return out
}
