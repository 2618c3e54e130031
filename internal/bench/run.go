package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dupfind/dupfind/embed"
)

const (
	// coldRuns is how often a backend is opened for the cold start.
	coldRuns = 3
	// coldEstimate is what a start is taken to need, for the time to go.
	coldEstimate = time.Second
	// callTimeout is for calls that wait for one or two requests, patience for those that wait their turn in a client's queue
	// or carry megabytes over a slow link.
	callTimeout = time.Minute
	patience    = 15 * time.Minute
	// windowsPerDuration is how many windows a measurement may have: twice those that must agree.
	windowsPerDuration = 2 * agreeing
	// The adaptive client is fed by so many callers with so many tiles each: together more than 16 requests of 32, the most
	// that it has in flight. Few tiles a call make the windows' ends fine.
	feeders     = 192
	feederTiles = 4
	// adaptiveWarmup is the least that the adaptive client gets to find the link's rate.
	adaptiveWarmup = 3 * time.Second
)

// Run measures the targets one after the other. A target that cannot be measured has the reason in its record; the
// error is that of ctx, or of options that cannot be met.
func Run(ctx context.Context, targets []Target, o Options) ([]Record, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	machine := ThisMachine(ctx)
	var records []Record
	for i, t := range targets {
		r := runner{o: o, target: t, share: i, of: len(targets)}
		r.record = Record{
			Schema: Schema, Type: recordType, Name: t.Name, Place: t.Place, Started: o.Now().UTC().Truncate(time.Second),
			Dupfind: o.Version, Machine: machine, Link: t.Link, Plan: o.plan(), Environment: []Setting{}, Measurements: []Measurement{}, Notes: []string{},
		}
		began := o.Now()
		if err := r.run(ctx); err != nil {
			if ctx.Err() != nil {
				return records, context.Cause(ctx)
			}
			r.record.Error = err.Error()
		}
		r.record.Seconds = round(o.Now().Sub(began).Seconds())
		records = append(records, r.record)
	}
	return records, nil
}

func (o Options) plan() Plan {
	return Plan{
		Tests: o.Tests, DurationSeconds: round(o.Duration.Seconds()), WarmupSeconds: round(o.Warmup.Seconds()),
		Batches: o.Batches, InFlight: o.InFlight, RatePerSecond: o.RatePerSecond, PricePerHour: o.PricePerHour,
		TileSource: o.TileSource,
	}
}

// runner measures one target.
type runner struct {
	o         Options
	target    Target
	share, of int
	record    Record
	pool      [][]byte // tiles
	subject   Subject  // open for all tests but the cold start and the adaptive client
	planned   time.Duration
	done      time.Duration
}

// step is one test, and the time that it is given.
type step struct {
	what     string
	estimate time.Duration
	run      func(context.Context) error
}

func (r *runner) run(ctx context.Context) (err error) {
	steps := r.steps()
	for _, s := range steps {
		r.planned += s.estimate
	}
	defer func() {
		if r.subject != nil {
			err = errors.Join(err, r.subject.Close())
		}
	}()
	for _, s := range steps {
		r.tick(s.what)(0)
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
		r.done += s.estimate
	}
	return nil
}

// tick reports the progress within a step.
func (r *runner) tick(what string) func(time.Duration) {
	return func(elapsed time.Duration) {
		if r.o.Progress == nil {
			return
		}
		all := r.planned * time.Duration(r.of)
		r.o.Progress.Set(r.target.Name, what, min(r.planned*time.Duration(r.share)+r.done+elapsed, all), all)
	}
}

// open connects, unless that is done.
func (r *runner) open(ctx context.Context) error {
	if r.subject != nil {
		return nil
	}
	s, err := r.target.Open(ctx)
	if err != nil {
		return err
	}
	r.subject = s
	return r.describe(ctx, s)
}

// describe writes down what runs, and gets tiles for it, unless that is done.
func (r *runner) describe(ctx context.Context, s Subject) (err error) {
	if r.record.Model != "" {
		return nil
	}
	about := s.Describe()
	r.record.Model, r.record.Dim, r.record.TileSize = about.Manifest.Key(), about.Manifest.Dim, about.Manifest.TileSize
	r.record.Wire = about.Wire
	for _, k := range slices.Sorted(maps.Keys(about.Environment)) {
		r.record.Environment = append(r.record.Environment, Setting{k, about.Environment[k]})
	}
	if r.pool, err = r.o.Tiles(ctx, about.Manifest.TileSize); err != nil {
		return fmt.Errorf("make tiles of %d pixels: %w", about.Manifest.TileSize, err)
	}
	r.record.Tiles = len(r.pool)
	return nil
}

// cold opens the target a few times.
func (r *runner) cold(ctx context.Context) error {
	r.record.Cold = &Cold{Runs: []ColdRun{}}
	for range coldRuns {
		began := r.o.Now()
		s, err := r.target.Open(ctx)
		if err != nil {
			return err
		}
		opened := r.o.Now()
		err = r.describe(ctx, s)
		asked := r.o.Now()
		if err == nil {
			err = r.embed(ctx, s, r.pool[:1])
		}
		ended := r.o.Now()
		if err = errors.Join(err, s.Close()); err != nil {
			return err
		}
		r.record.Cold.Runs = append(r.record.Cold.Runs, ColdRun{
			OpenMS: round(ms(opened.Sub(began))), VectorMS: round(ms(ended.Sub(asked))),
			TotalMS: round(ms(opened.Sub(began) + ended.Sub(asked)))})
	}
	r.record.Cold.FirstMS = r.record.Cold.Runs[0].TotalMS
	return nil
}

// embed makes one call and checks that it gave what was asked for.
func (r *runner) embed(ctx context.Context, s Subject, tiles [][]byte) error {
	vs, err := s.Embed(ctx, tiles)
	if err != nil {
		return err
	}
	if len(vs) != len(tiles) {
		return fmt.Errorf("%d vectors for %d tiles", len(vs), len(tiles))
	}
	return embed.CheckVector(vs[0], len(vs[0]))
}
