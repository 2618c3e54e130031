package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// steps lists what is to be done, in order.
func (r *runner) steps() []step {
	var out []step
	each := r.o.Warmup + r.o.Duration
	if r.o.has(ColdStart) {
		out = append(out, step{"cold start", coldRuns * coldEstimate, r.cold})
	}
	if r.o.has(Single) {
		out = append(out, r.closedStep(Single, 1, 1))
	}
	if r.o.has(Batch) {
		for _, b := range r.o.Batches {
			if b != 1 || !r.o.has(Single) { // which measures just that
				out = append(out, r.closedStep(Batch, b, 1))
			}
		}
	}
	if r.o.has(Closed) {
		for _, b := range r.closedBatches() {
			for _, n := range r.o.InFlight {
				out = append(out, r.closedStep(Closed, b, n))
			}
		}
	}
	if r.o.has(Open) {
		out = append(out, step{"open loop", each, r.openLoop})
	}
	if r.o.has(Adapt) && r.target.OpenAdaptive != nil {
		out = append(out, step{"adaptive client", max(r.o.Warmup, adaptiveWarmup) + r.o.Duration, r.adaptive})
	}
	if r.o.has(NaiveTest) {
		out = append(out, step{"naive client", each, r.naive})
	}
	return out
}

// closedMost is the largest batch of the closed loop where a request may hold any number: what the client sends at most.
const closedMost = 32

// closedBatches are the least batch and the largest that is one request.
func (r *runner) closedBatches() []int {
	most := closedMost
	if r.target.MaxTiles > 0 {
		most = r.target.MaxTiles
	}
	fit := slices.DeleteFunc(slices.Clone(r.o.Batches), func(b int) bool { return b > most })
	if len(fit) == 0 {
		return []int{most}
	}
	return slices.Compact([]int{slices.Min(fit), slices.Max(fit)})
}

// load is a load of the plan's length.
func (r *runner) load(s Subject, photos int) load {
	l := load{
		warmup: r.o.Warmup, limit: r.o.Duration, window: r.o.Duration / windowsPerDuration, timeout: callTimeout,
		now: r.o.Now, photos: photos,
	}
	if b, ok := s.(ByteCounter); ok {
		l.bytes = b.Bytes
	}
	return l
}

func (r *runner) closedStep(t Test, photos, inFlight int) step {
	what := Measurement{Test: t, Photos: photos, InFlight: inFlight}.Title()
	return step{what, r.o.Warmup + r.o.Duration, func(ctx context.Context) error {
		if err := r.open(ctx); err != nil {
			return err
		}
		l := r.load(r.subject, photos)
		l.inFlight, l.least, l.tick = inFlight, max(2, inFlight), r.tick(what)
		return r.measure(ctx, t, r.subject, l, l.closed)
	}}
}

// leastDue is how many calls a window of the open loop has at least: with fewer their median jumps.
const leastDue = 5

func (r *runner) openLoop(ctx context.Context) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	l := r.load(r.subject, 1)
	l.perSecond, l.least, l.tick = r.o.RatePerSecond, leastDue, r.tick("open loop")
	if l.perSecond == 0 {
		for _, m := range r.record.Measurements {
			if m.Photos == 1 {
				l.perSecond = max(l.perSecond, round(m.PhotosPerSecond/2))
			}
		}
	}
	if l.perSecond == 0 {
		return errors.New("no single photo was embedded that a rate could be chosen by")
	}
	return r.measure(ctx, Open, r.subject, l, l.open)
}

// adaptiveLeast is how many calls a window of the adaptive client has at least: some ten requests.
const adaptiveLeast = 40

func (r *runner) adaptive(ctx context.Context) (err error) {
	if err := r.open(ctx); err != nil { // for the server's counters
		return err
	}
	s, err := r.target.OpenAdaptive(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	l := r.load(s, feederTiles)
	l.inFlight, l.least, l.abandon, l.tick = feeders, adaptiveLeast, true, r.tick("adaptive client")
	l.warmup, l.timeout = max(l.warmup, adaptiveWarmup), patience
	return r.measure(ctx, Adapt, s, l, l.closed)
}

// measure runs a load and adds what it gave to the record. A load that gives nothing is recorded with its error: the
// tests after it may fare better.
func (r *runner) measure(ctx context.Context, t Test, s Subject, l load, loop func(context.Context, call) (outcome, error)) error {
	before, counted, err := counters(ctx, r.subject)
	if err != nil {
		return err
	}
	requests := 1
	if r.target.MaxTiles > 0 && t != Adapt {
		requests = (l.photos + r.target.MaxTiles - 1) / r.target.MaxTiles
	}
	out, err := loop(ctx, func(ctx context.Context, i int) error {
		return r.embedAll(ctx, s, r.tiles(i, l.photos), requests)
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m := out.measurement(t, l)
	m.RequestsPerCall = requests
	if requests > 1 {
		m.Notes = append(m.Notes, fmt.Sprintf("a request holds at most %d photos: each call is %d requests at once", r.target.MaxTiles, requests))
	}
	if err != nil {
		m.Error = err.Error()
	}
	if counted && err == nil {
		after, _, err := counters(ctx, r.subject)
		if err != nil {
			return err
		}
		m.Server = out.split(after.minus(before), requests, t != Adapt)
	}
	r.finish(m, s)
	return nil
}

// finish adds a measurement to the record.
func (r *runner) finish(m Measurement, s Subject) {
	if a, ok := s.(Adapting); ok && m.Test == Adapt {
		st := a.State()
		m.Adaptive = &Adaptive{InFlight: st.InFlight, Batch: st.Batch, Wire: st.Wire, Retries: st.Retries,
			RequestP50MS: round(ms(st.RequestP50)), RequestMaxMS: round(ms(st.RequestMax))}
	}
	if m.Test == Adapt {
		// Calls wait in the client's queue, which is kept full: their time says how long that is, and nothing else.
		m.Latency, m.InFlight, m.Photos, m.CallsPerSecond = nil, 0, 0, 0
		for i := range m.Windows {
			m.Windows[i].P50MS, m.Windows[i].MaxMS = 0, 0
		}
	}
	if r.o.PricePerHour > 0 {
		m.CostPer1000 = cost1000(r.o.PricePerHour, m.PhotosPerSecond)
	}
	r.record.Measurements = append(r.record.Measurements, m)
	if r.o.Progress != nil {
		r.o.Progress.Measured(r.target.Name, m)
	}
}

func counters(ctx context.Context, s Subject) (c Counters, ok bool, err error) {
	counter, ok := s.(Counter)
	if !ok {
		return Counters{}, false, nil
	}
	c, err = counter.Counters(ctx)
	if errors.Is(err, ErrNoCounters) {
		return Counters{}, false, nil
	}
	return c, err == nil, err
}

// tiles are those of the i-th call.
func (r *runner) tiles(i, n int) [][]byte {
	out := make([][]byte, n)
	for k := range out {
		out[k] = r.pool[(i*n+k)%len(r.pool)]
	}
	return out
}

// embedAll embeds tiles by a number of requests at once.
func (r *runner) embedAll(ctx context.Context, s Subject, tiles [][]byte, requests int) error {
	if requests == 1 {
		return r.embed(ctx, s, tiles)
	}
	g, ctx := errgroup.WithContext(ctx)
	for part := range slices.Chunk(tiles, r.target.MaxTiles) {
		g.Go(func() error { return r.embed(ctx, s, part) })
	}
	return g.Wait()
}
