package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Test is a kind of measurement.
type Test string

// The tests, in the order that they run in.
const (
	ColdStart Test = "cold"     // from nothing to the first vector
	Single    Test = "latency"  // one photo a request, one in flight
	Batch     Test = "batch"    // each of the batches, one in flight
	Closed    Test = "closed"   // the least and the largest batch, several in flight
	Open      Test = "open"     // one photo a request, at a fixed rate
	Adapt     Test = "adaptive" // the client that scans use
	NaiveTest Test = "naive"    // the pattern of the first benchmark: original files, one batch at a time
)

// Tests lists all of them.
func Tests() []Test { return []Test{ColdStart, Single, Batch, Closed, Open, Adapt, NaiveTest} }

// Valid reports whether t is one of the tests.
func (t Test) Valid() bool { return slices.Contains(Tests(), t) }

// Options say what to measure. All fields but those that say so must be set; Defaults sets most of them.
type Options struct {
	Tests    []Test
	Batches  []int // photos a call
	InFlight []int
	// RatePerSecond of the open loop; 0: half of the best rate of single photos that was measured before.
	RatePerSecond float64
	Duration      time.Duration // of one measurement, at most
	Warmup        time.Duration // before each
	PricePerHour  float64       // 0: no costs

	// Tiles gives different tiles of a model's size, which are sent in turn.
	Tiles      func(ctx context.Context, size int) ([][]byte, error)
	TileSource string
	Files      [][]byte // a batch of the naive client
	FileSource string

	Version  string           // of dupfind
	Progress Progress         // may be nil
	Now      func() time.Time // nil: time.Now
}

// Progress hears how far the measuring is. Its methods are called from one goroutine.
type Progress interface {
	// Set says what is being done, of which target, and how much of the planned time has gone by.
	Set(target, what string, done, total time.Duration)
	// Measured gets each measurement as it is done.
	Measured(target string, m Measurement)
}

// Defaults are a minute's worth of measuring for each backend.
func Defaults() Options {
	return Options{
		Tests: Tests(), Batches: []int{1, 8, 32, 64}, InFlight: []int{8},
		Duration: 6 * time.Second, Warmup: time.Second,
	}
}

// The limits of what is asked for.
const (
	MaxBatch    = 1024
	MaxInFlight = 256
	MaxRate     = 100_000
	maxDuration = time.Hour
)

// Check reports the first fault of what is asked for.
func (o Options) Check() error {
	for _, t := range o.Tests {
		if !t.Valid() {
			return fmt.Errorf("no test %q: the tests are %s", t, list(Tests()))
		}
	}
	switch {
	case len(o.Tests) == 0:
		return errors.New("no test to run")
	case o.Duration <= 0 || o.Duration > maxDuration:
		return fmt.Errorf("a duration of %v: want more than 0, at most %v", o.Duration, maxDuration)
	case o.Warmup < 0 || o.Warmup > maxDuration:
		return fmt.Errorf("a warm-up of %v: want 0 to %v", o.Warmup, maxDuration)
	case !(o.RatePerSecond >= 0 && o.RatePerSecond <= MaxRate):
		return fmt.Errorf("a rate of %v a second: want more than 0, at most %d", o.RatePerSecond, MaxRate)
	case !(o.PricePerHour >= 0 && o.PricePerHour < 1e6):
		return fmt.Errorf("a price of %v an hour: want 0 or more", o.PricePerHour)
	case o.has(Open) && o.RatePerSecond == 0 && !o.has(Single) && !(o.has(Closed) && slices.Contains(o.Batches, 1)):
		return errors.New("the open loop needs a rate, or the test latency beside it to choose one")
	}
	return errors.Join(checkCounts("batch", o.Batches, MaxBatch), checkCounts("in flight", o.InFlight, MaxInFlight))
}

func checkCounts(what string, ns []int, most int) error {
	if len(ns) == 0 {
		return fmt.Errorf("%s: no number", what)
	}
	for i, n := range ns {
		if n < 1 || n > most {
			return fmt.Errorf("%s %d: want 1 to %d", what, n, most)
		}
		if slices.Contains(ns[:i], n) {
			return fmt.Errorf("%s %d: given twice", what, n)
		}
	}
	return nil
}

func (o Options) has(t Test) bool { return slices.Contains(o.Tests, t) }

func list(ts []Test) string {
	s := ""
	for i, t := range ts {
		switch {
		case i > 0 && i == len(ts)-1:
			s += " and "
		case i > 0:
			s += ", "
		}
		s += string(t)
	}
	return s
}
