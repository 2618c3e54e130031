package link

import (
	"io"
	"math"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers each connection: it reads want bytes, then sends one byte, over and over.
func server(t *testing.T, want int64) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var g sync.WaitGroup
	g.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			g.Go(func() {
				defer c.Close()
				for {
					if _, err := io.CopyN(io.Discard, c, want); err != nil {
						return
					}
					if _, err := c.Write([]byte{1}); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); g.Wait() })
	return l.Addr().String()
}

// exchange sends n bytes and waits for the answer.
func exchange(t *testing.T, c net.Conn, n int) time.Duration {
	t.Helper()
	began := time.Now()
	if _, err := c.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

func connect(t *testing.T, d *Dialer, address string) net.Conn {
	t.Helper()
	c, err := d.DialContext(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestRoundTrip(t *testing.T) {
	address := server(t, 1)
	d := &Dialer{Options: Options{RTT: 180 * time.Millisecond}}
	t.Cleanup(d.Close)
	var c net.Conn
	least := time.Hour
	for range 3 {
		began := time.Now()
		c = connect(t, d, address)
		least = min(least, time.Since(began))
	}
	if !near(least, 180*time.Millisecond, 0.10) {
		t.Errorf("connecting took %v, want a round trip of 180 ms", least)
	}
	least = time.Hour
	for range 5 {
		least = min(least, exchange(t, c, 1))
	}
	if !near(least, 180*time.Millisecond, 0.10) {
		t.Errorf("the round trip takes %v, want 180 ms within 10 %%", least)
	}
}

func TestRate(t *testing.T) {
	for _, bits := range []int64{4_000_000, 20_000_000, 60_000_000} {
		const seconds = 1.5
		n := int(float64(bits) / 8 * seconds)
		d := &Dialer{Options: Options{UpBitsPerSecond: bits}}
		t.Cleanup(d.Close)
		c := connect(t, d, server(t, int64(n)))
		took := exchange(t, c, n)
		for tries := 1; tries < 5 && !near(took, seconds*float64Second, 0.05); tries++ {
			took = min(took, exchange(t, c, n)) // other work makes it slower, nothing makes it faster
		}
		if !near(took, seconds*float64Second, 0.05) {
			t.Errorf("%s: %d bytes took %v, want %v s within 5 %%", FormatRate(bits), n, took, seconds)
		}
	}
}

// The delay and the transfer add up: neither hides in the other.
func TestRateWithDelay(t *testing.T) {
	const n = 500_000 // 0.2 s at 20 Mbit/s
	d := &Dialer{Options: Options{RTT: 180 * time.Millisecond, UpBitsPerSecond: 20_000_000}}
	t.Cleanup(d.Close)
	c := connect(t, d, server(t, n))
	least := time.Hour
	for range 3 {
		least = min(least, exchange(t, c, n))
	}
	if !near(least, 380*time.Millisecond, 0.10) {
		t.Errorf("took %v, want 380 ms", least)
	}
}

const float64Second = float64(time.Second)

func near[T ~int64, U ~int64 | ~float64](got T, want U, tolerance float64) bool {
	return math.Abs(float64(got)-float64(want)) <= tolerance*float64(want)
}

func TestNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	d := &Dialer{Options: Options{RTT: time.Millisecond}}
	defer d.Close()
	if _, err := d.DialContext(t.Context(), address); err == nil {
		t.Error("connected to a server that is not there")
	}
}

func TestParseRate(t *testing.T) {
	for s, want := range map[string]int64{
		"": 0, "20mbit": 20_000_000, "20Mbit/s": 20_000_000, "1.5gbit": 1_500_000_000, "500 kbit": 500_000, "64000bit": 64_000, "0mbit": 0,
	} {
		if got, err := ParseRate(s); err != nil || got != want {
			t.Errorf("ParseRate(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"20", "mbit", "-1mbit", "NaNmbit", "20mb", "1e30gbit", "20 mbit extra"} {
		if got, err := ParseRate(s); err == nil {
			t.Errorf("ParseRate(%q) = %d, want an error", s, got)
		}
	}
	for bits, want := range map[int64]string{20_000_000: "20 Mbit/s", 1_500_000_000: "1.5 Gbit/s", 64_000: "64 kbit/s"} {
		if got := FormatRate(bits); got != want {
			t.Errorf("FormatRate(%d) = %q, want %q", bits, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, o := range []Options{{RTT: -1}, {RTT: time.Hour}, {UpBitsPerSecond: 100}, {UpBitsPerSecond: -1}} {
		if err := o.Check(); err == nil {
			t.Errorf("%+v passes", o)
		}
		if _, err := New("127.0.0.1:1", o); err == nil {
			t.Errorf("New(%+v) makes a link", o)
		}
	}
}
