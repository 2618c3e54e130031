package bench

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/embedtest"
)

// distant is a server that is 100 ms away and takes 5 ms + 0.5 ms a tile, one request at a time, on the clock of a bubble.
type distant struct {
	gpu      chan struct{}
	counters chan Counters // of one, like a lock
	sent     atomic.Int64
	most     int // files in a request
	broken   error
}

const (
	tripTime = 100 * time.Millisecond
	fileTime = 10 * time.Millisecond // on the wire
)

func newDistant() *distant {
	d := &distant{gpu: make(chan struct{}, 1), counters: make(chan Counters, 1), most: NaiveFiles}
	d.counters <- Counters{Requests: 7, Total: time.Hour} // from before
	return d
}

func modelTime(n int) time.Duration {
	return 5*time.Millisecond + time.Duration(n)*500*time.Microsecond
}

func (d *distant) Embed(_ context.Context, tiles [][]byte) ([]embed.Vector, error) {
	if d.broken != nil {
		return nil, d.broken
	}
	for _, t := range tiles {
		d.sent.Add(int64(len(t)))
	}
	if len(tiles) > 32 {
		return nil, errors.New("too many tiles")
	}
	time.Sleep(tripTime / 2)
	began := time.Now()
	d.gpu <- struct{}{}
	waited := time.Since(began)
	time.Sleep(modelTime(len(tiles)))
	<-d.gpu
	c := <-d.counters
	c.Requests, c.Tiles, c.Runs = c.Requests+1, c.Tiles+uint64(len(tiles)), c.Runs+1
	c.Queue, c.Infer, c.Total = c.Queue+waited, c.Infer+modelTime(len(tiles)), c.Total+time.Since(began)
	d.counters <- c
	time.Sleep(tripTime / 2)
	vectors := make([]embed.Vector, len(tiles))
	for i := range vectors {
		vectors[i] = embed.Vector{0.6, 0.8}
	}
	return vectors, nil
}

func (d *distant) Close() error { return nil }

func (d *distant) Counters(context.Context) (Counters, error) {
	c := <-d.counters
	d.counters <- c
	return c, nil
}

func (d *distant) Bytes() (sent, received int64) { return d.sent.Load(), 0 }

func (d *distant) Describe() Description {
	return Description{Manifest: embedtest.PixelsManifest(), Environment: map[string]string{"gpu": "none", "driver": "1"}, Wire: "raw"}
}

func (d *distant) SendFiles(_ context.Context, files [][]byte) error {
	if len(files) > d.most {
		return ErrTooLarge
	}
	time.Sleep(tripTime + time.Duration(len(files))*fileTime)
	return nil
}

func (d *distant) State() State {
	return State{InFlight: 3, Batch: 16, Wire: "raw", RequestP50: tripTime}
}

func distantTarget(d *distant) Target {
	open := func(context.Context) (Subject, error) {
		time.Sleep(300 * time.Millisecond)
		return d, nil
	}
	return Target{Name: "far", Place: "grpc://far:1", Open: open, OpenAdaptive: open, MaxTiles: 32}
}

func testOptions() Options {
	o := Defaults()
	o.Tiles = func(_ context.Context, size int) ([][]byte, error) { return embed.GoldenTiles(size)[:2], nil }
	o.TileSource, o.Version = "synthetic", "v1"
	o.Files, o.FileSource = make([][]byte, NaiveFiles), "synthetic payload"
	for i := range o.Files {
		o.Files[i] = make([]byte, 1000)
	}
	return o
}

func TestRun(t *testing.T) {
	o := testOptions()
	o.PricePerHour = 0.36
	progress := &heard{}
	o.Progress = progress
	var records []Record
	var took time.Duration
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var err error
		if records, err = Run(t.Context(), []Target{distantTarget(newDistant())}, o); err != nil {
			t.Fatal(err)
		}
		took = time.Since(began)
	})
	r := records[0]
	if r.Error != "" || r.Model != embedtest.PixelsManifest().Key() || r.Wire != "raw" || len(r.Environment) != 2 || r.Environment[0].Name != "driver" {
		t.Errorf("error %q, model %q, wire %q, environment %v", r.Error, r.Model, r.Wire, r.Environment)
	}
	if len(r.Cold.Runs) != coldRuns || math.Abs(r.Cold.FirstMS-405.5) > 0.1 || r.Cold.Runs[0].OpenMS != 300 {
		t.Errorf("cold start %+v; want 300 ms to open, 105.5 ms for a vector", *r.Cold)
	}
	for _, want := range []struct {
		test             Test
		photos, inFlight int
		perSecond, p50   float64
		requests         int
	}{
		{Single, 1, 1, 1 / 0.1055, 105.5, 1},
		{Batch, 8, 1, 8 / 0.109, 109, 1},
		{Batch, 32, 1, 32 / 0.121, 121, 1},
		{Batch, 64, 1, 64 / 0.142, 142, 2}, // the second waits for the first
		{Closed, 1, 8, 8 / 0.1055, 105.5, 1},
		{Closed, 32, 8, 32 / 0.021, 168, 1},
		{NaiveTest, 32, 1, 32 / 0.441, 441, 1}, // 100 ms, 32 files, 21 ms
	} {
		m, ok := r.find(want.test, want.photos, want.inFlight)
		if !ok {
			t.Errorf("%v of %d, %d in flight is missing", want.test, want.photos, want.inFlight)
			continue
		}
		if math.Abs(m.PhotosPerSecond/want.perSecond-1) > 0.08 || math.Abs(m.Latency.P50MS/want.p50-1) > 0.08 || m.RequestsPerCall != want.requests {
			t.Errorf("%s: %v photos/s, p50 %v ms, %d requests; want %.1f, %v, %d", m.Title(), m.PhotosPerSecond, m.Latency.P50MS, m.RequestsPerCall,
				want.perSecond, want.p50, want.requests)
		}
	}
	checkSplit(t, r)
	if a, ok := r.find(Adapt, 0, 0); !ok || a.Adaptive == nil || a.Adaptive.InFlight != 3 || a.Latency != nil || a.Windows[0].P50MS != 0 || a.Server == nil || math.Abs(a.PhotosPerSecond/(4/0.007)-1) > 0.08 {
		t.Errorf("adaptive client: %+v", a)
	}
	if m, _ := r.find(Open, 0, 0); math.Abs(m.RatePerSecond-8/0.1055/2) > 2 || math.Abs(m.PhotosPerSecond/m.RatePerSecond-1) > 0.05 {
		t.Errorf("open loop: %v a second due, %v done", m.RatePerSecond, m.PhotosPerSecond)
	}
	if took > 75*time.Second {
		t.Errorf("it took %v, want about a minute", took)
	}
	if !slices.IsSorted(progress.done) || len(progress.measured) != len(r.Measurements) || progress.beyond {
		t.Errorf("progress went backwards or beyond its total; %d of %d measurements heard", len(progress.measured), len(r.Measurements))
	}
}

func checkSplit(t *testing.T, r Record) {
	t.Helper()
	m, _ := r.find(Batch, 32, 1)
	if s := m.Server; s == nil || math.Abs(s.MeanMS-21) > 0.01 || math.Abs(s.NetworkMS-100) > 0.5 || math.Abs(s.PhotosPerSecond-32/0.021) > 1 {
		t.Errorf("batch of 32 in the server: %+v; want 21 ms, 100 ms of network, 1,524 photos/s", s)
	}
	if m.SentBytesPerPhoto != 224*224*3 || math.Abs(m.CostPer1000-0.36/3600/m.PhotosPerSecond*1000) > 1e-6 {
		t.Errorf("%d bytes a photo, 1,000 photos cost %v", m.SentBytesPerPhoto, m.CostPer1000)
	}
	if n, _ := r.find(NaiveTest, 0, 0); n.Naive == nil || n.Naive.AddedServerMS != 21 || n.Naive.SendMS != 420 || n.Naive.MeanFileBytes != 1000 {
		t.Errorf("naive client: %+v; want 420 ms to send and 21 ms added", n.Naive)
	}
}

// heard keeps what a Progress hears.
type heard struct {
	done     []time.Duration
	beyond   bool
	measured []Measurement
}

func (h *heard) Set(_, _ string, done, total time.Duration) {
	h.done = append(h.done, done)
	h.beyond = h.beyond || done > total
}

func (h *heard) Measured(_ string, m Measurement) { h.measured = append(h.measured, m) }

// A server that takes no request of the naive client's size gets it in parts, and the record says so.
func TestNaiveInParts(t *testing.T) {
	o := testOptions()
	o.Tests = []Test{NaiveTest}
	synctest.Test(t, func(t *testing.T) {
		d := newDistant()
		d.most = 10
		records, err := Run(t.Context(), []Target{distantTarget(d)}, o)
		if err != nil {
			t.Fatal(err)
		}
		m := records[0].Measurements[0]
		// 4 parts: 4 round trips, 32 files, and the model's 21 ms.
		if m.RequestsPerCall != 4 || math.Abs(m.PhotosPerSecond-32/0.741) > 0.1 || m.Failed != 0 || m.Naive.AddedServerMS != 21 {
			t.Errorf("%+v", m)
		}
	})
}

// A backend that fails has the reason in its record, and the next one is measured all the same.
func TestRunGoesOnAfterABackendThatFails(t *testing.T) {
	o := testOptions()
	o.Tests = []Test{ColdStart, Single}
	synctest.Test(t, func(t *testing.T) {
		away := Target{Name: "away", Open: func(context.Context) (Subject, error) { return nil, errors.New("nobody answers") }}
		records, err := Run(t.Context(), []Target{away, distantTarget(newDistant())}, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) != 2 || records[0].Error != "cold start: nobody answers" || records[1].Error != "" || len(records[1].Measurements) != 1 {
			t.Errorf("%+v", records)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		d := newDistant()
		d.broken = errors.New("out of memory")
		o.Tests = []Test{Single, Batch}
		records, err := Run(t.Context(), []Target{distantTarget(d)}, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range records[0].Measurements {
			if !strings.Contains(m.Error, "out of memory") || m.PhotosPerSecond != 0 {
				t.Errorf("%+v", m)
			}
		}
		if _, err := Chart(records); err != nil {
			t.Error(err)
		}
		if page := Markdown(records); !strings.Contains(page, "failed") || !strings.Contains(page, "out of memory") {
			t.Error(page)
		}
	})
}

func TestOptionsCheck(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no tests":          func(o *Options) { o.Tests = nil },
		"unknown test":      func(o *Options) { o.Tests = []Test{"speed"} },
		"no batch":          func(o *Options) { o.Batches = nil },
		"batch 0":           func(o *Options) { o.Batches = []int{0} },
		"batch too large":   func(o *Options) { o.Batches = []int{5000} },
		"batch twice":       func(o *Options) { o.Batches = []int{8, 8} },
		"in flight 0":       func(o *Options) { o.InFlight = []int{0} },
		"no time":           func(o *Options) { o.Duration = 0 },
		"negative warm-up":  func(o *Options) { o.Warmup = -1 },
		"negative rate":     func(o *Options) { o.RatePerSecond = -1 },
		"not a rate":        func(o *Options) { o.RatePerSecond = math.NaN() },
		"negative price":    func(o *Options) { o.PricePerHour = -1 },
		"open without rate": func(o *Options) { o.Tests = []Test{Open} },
	} {
		o := testOptions()
		change(&o)
		if err := o.Check(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := testOptions().Check(); err != nil {
		t.Error(err)
	}
}
