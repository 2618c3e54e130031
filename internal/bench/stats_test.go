package bench

import (
	"testing"
	"time"
)

func milliseconds(ns ...int) []time.Duration {
	var out []time.Duration
	for _, n := range ns {
		out = append(out, time.Duration(n)*time.Millisecond)
	}
	return out
}

func TestSummarise(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i
	}
	twenty := hundred[80:]
	for name, c := range map[string]struct {
		ds   []time.Duration
		want Latency
	}{
		"none":    {nil, Latency{}},
		"one":     {milliseconds(7), Latency{1, 7, 7, 7, 7, 7}},
		"two":     {milliseconds(9, 1), Latency{2, 5, 1, 9, 9, 9}},
		"three":   {milliseconds(3, 1, 2), Latency{3, 2, 2, 3, 3, 3}},
		"twenty":  {milliseconds(twenty...), Latency{20, 10.5, 10, 19, 20, 20}},
		"hundred": {milliseconds(hundred...), Latency{100, 50.5, 50, 95, 99, 100}},
	} {
		if got := summarise(c.ds); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestAgree(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   bool
	}{
		{nil, false}, {[]float64{0, 0, 0}, false}, {[]float64{100, 100, 100}, true},
		{[]float64{98, 100, 102.5}, true}, {[]float64{97, 100, 103}, false}, {[]float64{100, 106, 100}, false},
	} {
		if got := agree(c.values); got != c.want {
			t.Errorf("agree(%v) = %v", c.values, got)
		}
	}
}

func TestSplit(t *testing.T) {
	// 10 requests of 4 photos, answered in 50 ms each by the client's clock, two of them in each run of the model.
	o := outcome{answered: 10, service: 500 * time.Millisecond}
	c := Counters{Requests: 10, Tiles: 40, Runs: 5, Total: 200 * time.Millisecond, Queue: 30 * time.Millisecond,
		Input: 10 * time.Millisecond, Infer: 100 * time.Millisecond, Output: 20 * time.Millisecond}
	want := Server{Requests: 10, Photos: 40, Runs: 5, MeanMS: 20, QueueMS: 3, ComputeMS: 13, NetworkMS: 30, PhotosPerSecond: 800}
	if got := o.split(c, 1, true); got == nil || *got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := o.split(c, 2, true); got.NetworkMS != 0 {
		t.Errorf("a call of two requests has a network time of %v ms", got.NetworkMS)
	}
	if got := o.split(Counters{}, 1, true); got != nil {
		t.Errorf("a server that counted nothing gives %+v", got)
	}
}

func TestCost(t *testing.T) {
	// 0.36 an hour is 0.0001 a second; at 2 photos/s 1,000 take 500 s.
	if got := cost1000(0.36, 2); got != 0.05 {
		t.Errorf("got %v, want 0.05", got)
	}
	if got := cost1000(0.36, 0); got != 0 {
		t.Errorf("got %v for no photos", got)
	}
}

func TestNumbers(t *testing.T) {
	for f, want := range map[float64]string{0: "", 0.9: "0.90", 9.996: "10.0", 47.49: "47.5", 99.96: "100", 1524.4: "1,524", 1234567: "1,234,567"} {
		if got := rate(f); got != want {
			t.Errorf("rate(%v) = %q, want %q", f, got, want)
		}
	}
}
