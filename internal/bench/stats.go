package bench

import (
	"math"
	"slices"
	"time"
)

// Latency sums up durations. A percentile is the smallest value that at least that share of all values does not exceed:
// one that was measured, never one between two.
type Latency struct {
	Count  int     `json:"count"`
	MeanMS float64 `json:"mean_ms"`
	P50MS  float64 `json:"p50_ms"`
	P95MS  float64 `json:"p95_ms"`
	P99MS  float64 `json:"p99_ms"`
	MaxMS  float64 `json:"max_ms"`
}

// summarise sorts ds. All values are kept and sorted: the loads here are some ten thousand requests at most, and then
// the figures are exact.
func summarise(ds []time.Duration) Latency {
	if len(ds) == 0 {
		return Latency{}
	}
	slices.Sort(ds)
	var sum time.Duration
	for _, d := range ds {
		sum += d
	}
	return Latency{
		Count: len(ds), MeanMS: ms(sum) / float64(len(ds)),
		P50MS: ms(percentile(ds, 50)), P95MS: ms(percentile(ds, 95)), P99MS: ms(percentile(ds, 99)), MaxMS: ms(ds[len(ds)-1]),
	}.rounded()
}

// percentile is the nearest rank of sorted values.
func percentile(sorted []time.Duration, p int) time.Duration {
	rank := (len(sorted)*p + 99) / 100 // rounded up; integers, so that 95 % of 20 is 19
	return sorted[max(rank, 1)-1]
}

func (l Latency) rounded() Latency {
	for _, f := range []*float64{&l.MeanMS, &l.P50MS, &l.P95MS, &l.P99MS, &l.MaxMS} {
		*f = round(*f)
	}
	return l
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// round keeps three decimals: of milliseconds these are microseconds, and more would be noise.
func round(f float64) float64 { return math.Round(f*1000) / 1000 }

// perSecond is n in d, 0 when no time went by.
func perSecond(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// agree reports whether the values lie within 5 % of their mean, from the least to the largest.
func agree(values []float64) bool {
	if len(values) == 0 {
		return false
	}
	var sum float64
	for _, v := range values {
		sum += v
	}
	mean := sum / float64(len(values))
	return mean > 0 && slices.Max(values)-slices.Min(values) <= tolerance*mean
}

const (
	// tolerance and agreeing say when a measurement is steady: so many windows in a row within so much of their mean.
	tolerance = 0.05
	agreeing  = 3
)
