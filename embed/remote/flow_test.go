package remote

import (
	"container/heap"
	"testing"
	"time"

	"github.com/dupfind/dupfind/embed"
)

// way is a simulated way to a server: a link with one round trip and one rate, then a model that runs one batch at a time.
type way struct {
	trip      time.Duration
	bytesPerS float64 // 0: no limit
	fixed     time.Duration
	perTile   time.Duration

	linkFree, modelFree time.Time
}

// answerAt is when the answer to a request that leaves now is here.
func (w *way) answerAt(now time.Time, n, size int) time.Time {
	sent := now
	if w.bytesPerS > 0 {
		sent = later(w.linkFree, now).Add(time.Duration(float64(size) / w.bytesPerS * 1e9))
		w.linkFree = sent
	}
	arrived := sent.Add(w.trip / 2)
	done := later(w.modelFree, arrived).Add(w.fixed + time.Duration(n)*w.perTile)
	w.modelFree = done
	return done.Add(w.trip / 2)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

type arrival struct {
	at time.Time
	fl flight
}

type arrivals []arrival

func (a arrivals) Len() int           { return len(a) }
func (a arrivals) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a arrivals) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(x any)        { *a = append(*a, x.(arrival)) }
func (a *arrivals) Pop() any {
	old := *a
	x := old[len(old)-1]
	*a = old[:len(old)-1]
	return x
}

// simulate sends tiles without end for a while and gives the rate and the longest request of the second half.
func simulate(f *flow, w *way, tileBytes int, span time.Duration) (rate float64, longest time.Duration) {
	begin := time.Unix(0, 0)
	now, end, half := begin, begin.Add(span), begin.Add(span/2)
	var under arrivals
	tiles := 0
	for now.Before(end) {
		for f.mayStart(now) {
			n := f.batch(now)
			fl := f.start(now, n, n*tileBytes)
			heap.Push(&under, arrival{w.answerAt(now, n, n*tileBytes), fl})
		}
		a := heap.Pop(&under).(arrival)
		now = a.at
		f.end(now, a.fl, true)
		if now.After(half) {
			tiles += a.fl.n
			longest = max(longest, now.Sub(a.fl.at))
		}
	}
	return float64(tiles) / (span / 2).Seconds(), longest
}

func TestFlowFindsTheLink(t *testing.T) {
	const gpuRate = 32 / 0.021 // 5 ms + 32 x 0.5 ms
	for _, c := range []struct {
		name      string
		way       way
		tileBytes int
		atLeast   float64       // tiles a second
		atMost    time.Duration // of a request
	}{
		// A request's wire time is 0.25 s there: four times that and the round trip is the bar.
		{"180 ms, 20 Mbit/s, WebP", way{trip: 180 * time.Millisecond, bytesPerS: 2.5e6}, 77_000, 0.97 * 2.5e6 / 77_000, 1720 * time.Millisecond},
		{"180 ms, 20 Mbit/s, raw", way{trip: 180 * time.Millisecond, bytesPerS: 2.5e6}, 150_528, 0.97 * 2.5e6 / 150_528, 1720 * time.Millisecond},
		{"180 ms, 1 Gbit/s, raw", way{trip: 180 * time.Millisecond, bytesPerS: 125e6}, 150_528, 0.9 * 125e6 / 150_528, time.Second},
		{"180 ms, no limit", way{trip: 180 * time.Millisecond}, 77_000, 0.85 * gpuRate, time.Second},
		{"no delay", way{trip: 200 * time.Microsecond}, 150_528, 0.97 * gpuRate, 100 * time.Millisecond},
		{"2 s, 1 Mbit/s", way{trip: 2 * time.Second, bytesPerS: 125e3}, 77_000, 0.97 * 125e3 / 77_000, 20 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.way.fixed, c.way.perTile = 5*time.Millisecond, 500*time.Microsecond
			f := newFlow(Options{}, embed.SSCD())
			rate, longest := simulate(f, &c.way, c.tileBytes, 10*time.Minute)
			t.Logf("%.1f tiles/s, longest request %s, %d in flight of %d tiles", rate, longest.Round(time.Millisecond), f.inFlight, f.batch(time.Unix(600, 0)))
			if rate < c.atLeast {
				t.Errorf("got %.1f tiles/s, want at least %.1f", rate, c.atLeast)
			}
			if longest > c.atMost {
				t.Errorf("a request took %s, want at most %s", longest, c.atMost)
			}
			if f.inFlightBytes > maxInFlightBytes {
				t.Errorf("%d bytes under way, want at most %d", f.inFlightBytes, maxInFlightBytes)
			}
		})
	}
}

// A link that loses most of its rate must not keep the line that was right before.
func TestFlowFollowsASlowerLink(t *testing.T) {
	w := &way{trip: 100 * time.Millisecond, bytesPerS: 50e6}
	f := newFlow(Options{}, embed.SSCD())
	fast, _ := simulate(f, w, 77_000, time.Minute)
	f.rates, f.inFlight, f.inFlightBytes = nil, 0, 0 // the simulation's clock begins anew
	w.bytesPerS, w.linkFree, w.modelFree = 1e6, time.Time{}, time.Time{}
	slow, longest := simulate(f, w, 77_000, time.Minute)
	if fast < 550 || slow < 12 || longest > 3*time.Second {
		t.Errorf("got %.0f tiles/s, then %.1f with requests of up to %s", fast, slow, longest)
	}
}

func TestFullServerHalvesTheFlow(t *testing.T) {
	f := newFlow(Options{}, embed.SSCD())
	w := &way{trip: 180 * time.Millisecond}
	simulate(f, w, 77_000, time.Minute)
	now := time.Unix(61, 0)
	before := f.limit(now)
	f.full()
	if got := f.limit(now); got > before/2+1 || got < 1 {
		t.Errorf("limit is %d after a full server, was %d", got, before)
	}
	for range 10 {
		f.full()
	}
	if f.limit(now) != 1 {
		t.Errorf("limit is %d after many, want 1", f.limit(now))
	}
	for range 200 {
		f.end(now, f.start(now, 1, 77_000), true)
	}
	if f.ceiling < maxInFlight {
		t.Errorf("ceiling is %.1f after 200 good answers, want %d", f.ceiling, maxInFlight)
	}
}

func TestFixedFlow(t *testing.T) {
	f := newFlow(Options{InFlight: 3, BatchTiles: 8}, embed.SSCD())
	now := time.Unix(0, 0)
	for range 3 {
		if !f.mayStart(now) {
			t.Fatal("fewer than the fixed number may start")
		}
		f.start(now, 8, 8)
	}
	if f.mayStart(now) || f.batch(now) != 8 {
		t.Errorf("a fourth may start, or the batch is %d", f.batch(now))
	}
}

func TestLargeTilesMakeSmallRequests(t *testing.T) {
	m := embed.SSCD()
	m.TileSize = 1024
	if got := newFlow(Options{}, m).maxBatch; got != 5 {
		t.Errorf("a request holds up to %d tiles of 3 MiB, want 5", got)
	}
}
