package bench

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// testLoad is a load of 12 s in windows of 1 s, after 2 s of warm-up; the tests run it in a bubble, on its clock.
func testLoad() load {
	return load{
		inFlight: 1, warmup: 2 * time.Second, limit: 12 * time.Second, window: time.Second, least: 1, timeout: time.Minute,
		photos: 1, now: time.Now,
	}
}

func TestClosedLoopEndsWhenWindowsAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		// 100 calls a second, but only 50 in the first two windows.
		out, err := testLoad().closed(t.Context(), func(context.Context, int) error {
			if since := time.Since(began); since >= 2*time.Second && since < 4*time.Second {
				time.Sleep(20 * time.Millisecond)
			} else {
				time.Sleep(10 * time.Millisecond)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !out.stable || len(out.windows) != 5 || len(out.used()) != agreeing {
			t.Errorf("stable %v after %d windows, %d used; want true, 5, 3", out.stable, len(out.windows), len(out.used()))
		}
		m := out.measurement(Single, testLoad())
		if math.Abs(m.PhotosPerSecond-100) > 0.5 || m.Latency.P50MS != 10 || m.Latency.MaxMS != 10 {
			t.Errorf("%v photos/s, p50 %v ms, max %v ms; want 100, 10, 10", m.PhotosPerSecond, m.Latency.P50MS, m.Latency.MaxMS)
		}
		if m.Windows[0].PhotosPerSecond != 50 || m.Windows[0].P50MS != 20 {
			t.Errorf("the first window is recorded as %+v; want 50 photos/s at 20 ms", m.Windows[0])
		}
		if m.Warmup.Calls != 200 || m.Warmup.FirstMS != 10 {
			t.Errorf("warm-up %+v; want 200 calls of 10 ms", m.Warmup)
		}
	})
}

func TestClosedLoopThatNeverSettlesSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		out, err := testLoad().closed(t.Context(), func(context.Context, int) error {
			// Every other second is half as fast.
			time.Sleep(time.Duration(10+10*(int(time.Since(began).Seconds())%2)) * time.Millisecond)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		m := out.measurement(Single, testLoad())
		if m.Stable || len(out.used()) != len(out.windows) {
			t.Errorf("stable %v, %d of %d windows used", m.Stable, len(out.used()), len(out.windows))
		}
		if took := time.Since(began); took < 14*time.Second || took > 15*time.Second {
			t.Errorf("it took %v, want 14 s", took)
		}
	})
}

func TestClosedLoopKeepsSoManyInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		l := testLoad()
		l.inFlight = 8
		out, err := l.closed(t.Context(), func(context.Context, int) error {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(100 * time.Millisecond)
			now.Add(-1)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if m := out.measurement(Closed, l); most.Load() != 8 || math.Abs(m.PhotosPerSecond-80) > 1 {
			t.Errorf("%d in flight, %v photos/s; want 8, 80", most.Load(), m.PhotosPerSecond)
		}
	})
}

// A call that is longer than the whole time is measured all the same.
func TestClosedLoopOfOneLongCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := testLoad()
		l.warmup = 0
		out, err := l.closed(t.Context(), func(context.Context, int) error {
			time.Sleep(20 * time.Second)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if m := out.measurement(NaiveTest, l); len(m.Windows) != 1 || m.CallsPerSecond != 0.05 || m.Latency.Count != 1 {
			t.Errorf("%+v", m)
		}
	})
}

func TestClosedLoopWithFailures(t *testing.T) {
	boom := errors.New("boom")
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := testLoad().closed(t.Context(), func(context.Context, int) error { return boom })
		if !errors.Is(err, boom) || time.Since(began) > time.Second {
			t.Errorf("%v after %v; want boom, soon", err, time.Since(began))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		out, err := testLoad().closed(t.Context(), func(_ context.Context, i int) error {
			time.Sleep(10 * time.Millisecond)
			if i%10 == 9 {
				return boom
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if m := out.measurement(Single, testLoad()); m.Failed == 0 || m.Error != "boom" || m.Latency.MaxMS != 10 {
			t.Errorf("failed %d, error %q, max %v", m.Failed, m.Error, m.Latency.MaxMS)
		}
	})
}

func TestLoopsEndWithTheContext(t *testing.T) {
	for name, loop := range map[string]func(load, context.Context, call) (outcome, error){"closed": load.closed, "open": load.open} {
		synctest.Test(t, func(t *testing.T) {
			why := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(3*time.Second, func() { cancel(why) })
			began := time.Now()
			l := testLoad()
			if name == "open" {
				l.perSecond = 10
			}
			_, err := loop(l, ctx, func(ctx context.Context, _ int) error {
				select {
				case <-time.After(time.Hour):
				case <-ctx.Done():
				}
				return ctx.Err()
			})
			if !errors.Is(err, why) || time.Since(began) > 4*time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(began))
			}
		})
	}
}

// A call that never returns ends at its timeout, and the loop with it.
func TestLoopsEndWhenTheBackendHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := testLoad().closed(t.Context(), func(ctx context.Context, _ int) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// stalling takes 1 ms a call, one at a time, and once, from 5 s on, 2 s: what a server does that collects its garbage.
type stalling struct {
	one     chan struct{} // a mutex that a bubble knows to be waiting
	began   time.Time
	stalled bool
}

func (s *stalling) call(context.Context, int) error {
	s.one <- struct{}{}
	defer func() { <-s.one }()
	if !s.stalled && time.Since(s.began) >= 5*time.Second {
		s.stalled = true
		time.Sleep(2 * time.Second)
	}
	time.Sleep(time.Millisecond)
	return nil
}

// The same stall, seen by both loops: to the closed loop it is one slow call of some thousands; the open loop counts
// each call that was due meanwhile.
func TestOpenLoopFeelsAStall(t *testing.T) {
	l := testLoad()
	l.window, l.warmup = l.limit, 0 // one window, so that the whole time counts
	var closed, open Measurement
	synctest.Test(t, func(t *testing.T) {
		s := &stalling{one: make(chan struct{}, 1), began: time.Now()}
		out, err := l.closed(t.Context(), s.call)
		if err != nil {
			t.Fatal(err)
		}
		closed = out.measurement(Single, l)
	})
	synctest.Test(t, func(t *testing.T) {
		s := &stalling{one: make(chan struct{}, 1), began: time.Now()}
		o := l
		o.perSecond, o.inFlight = 100, 0
		out, err := o.open(t.Context(), s.call)
		if err != nil {
			t.Fatal(err)
		}
		open = out.measurement(Open, o)
	})
	if closed.Latency.P99MS != 1 || closed.Latency.MaxMS < 2000 {
		t.Errorf("closed loop: p99 %v ms, max %v ms; the stall should be its maximum only", closed.Latency.P99MS, closed.Latency.MaxMS)
	}
	// 100 calls a second for 12 s; those due in the 2 s of the stall wait for its end, 1 s on average.
	if n := open.Latency.Count; n != 1200 {
		t.Errorf("open loop: %d calls, want all 1200 that were due", n)
	}
	if p := open.Latency.P99MS; p < 1800 {
		t.Errorf("open loop: p99 %v ms, want almost the length of the stall", p)
	}
	if p := open.Latency.P95MS; p < 1300 || p > 1700 {
		t.Errorf("open loop: p95 %v ms, want some 1.5 s", p)
	}
	if p := open.Latency.P50MS; p != 1 {
		t.Errorf("open loop: p50 %v ms, want 1", p)
	}
}

// Where more calls are due than may wait, those that cannot be sent yet count from when they were due.
func TestOpenLoopCountsWhatItCouldNotSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := testLoad()
		l.perSecond, l.inFlight, l.warmup, l.limit, l.window = 2000, 0, 0, 2*time.Second, 2*time.Second
		began := time.Now()
		out, err := l.open(t.Context(), func(context.Context, int) error {
			// Nothing is answered for 10 s.
			time.Sleep(10*time.Second - min(time.Since(began), 10*time.Second))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		m := out.measurement(Open, l)
		if m.Latency.Count != 4000 || m.Latency.P50MS < 8900 || m.Latency.P50MS > 9100 {
			t.Errorf("%d calls, p50 %v ms; want 4000, 9 s", m.Latency.Count, m.Latency.P50MS)
		}
		if m.SentLatency.P50MS > 1 {
			t.Errorf("from when they were sent: p50 %v ms; most were sent at the end", m.SentLatency.P50MS)
		}
	})
}

func TestOpenLoopKeepsItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := testLoad()
		l.perSecond, l.inFlight = 50, 0
		began := time.Now()
		out, err := l.open(t.Context(), func(context.Context, int) error {
			time.Sleep(200 * time.Millisecond)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		m := out.measurement(Open, l)
		if !m.Stable || math.Abs(m.PhotosPerSecond-50) > 0.5 || m.Latency.P50MS != 200 || m.Latency.Count != 150 {
			t.Errorf("stable %v, %v photos/s, %+v; want 50, 150 calls of 200 ms", m.Stable, m.PhotosPerSecond, *m.Latency)
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("it took %v, want to end soon after three windows", took)
		}
		if len(m.Notes) > 0 {
			t.Errorf("notes %q", m.Notes)
		}
	})
}

func TestOpenLoopBeyondTheBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := make(chan struct{}, 1)
		l := testLoad()
		l.perSecond, l.inFlight = 20, 0
		out, err := l.open(t.Context(), func(context.Context, int) error {
			one <- struct{}{}
			defer func() { <-one }()
			time.Sleep(100 * time.Millisecond) // 10 a second
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		m := out.measurement(Open, l)
		if m.Stable || math.Abs(m.PhotosPerSecond-10) > 0.5 || len(m.Notes) != 1 {
			t.Errorf("stable %v, %v photos/s, notes %q", m.Stable, m.PhotosPerSecond, m.Notes)
		}
	})
}
