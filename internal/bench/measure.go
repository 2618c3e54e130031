package bench

import (
	"slices"
	"time"
)

// measurement turns what a load did into figures.
func (o outcome) measurement(t Test, l load) Measurement {
	m := Measurement{
		Test: t, Photos: l.photos, RequestsPerCall: 1, InFlight: l.inFlight, RatePerSecond: round(l.perSecond),
		Stable: o.stable, Failed: o.failed, Notes: []string{}, Windows: []Window{},
		Warmup: Warmup{Calls: o.warm.requests, FirstMS: round(ms(o.warm.first)), Seconds: round(o.warm.took.Seconds())},
	}
	if o.firstErr != nil {
		m.Error = o.firstErr.Error()
	}
	for _, w := range o.windows {
		m.Windows = append(m.Windows, w.record(l.photos))
	}
	var calls int
	var took time.Duration
	var bytes traffic
	var latencies, service []time.Duration
	for _, w := range o.used() {
		calls, took = calls+w.requests, took+w.took
		bytes.sent, bytes.received = bytes.sent+w.bytes.sent, bytes.received+w.bytes.received
		latencies, service = append(latencies, w.latencies...), append(service, w.service...)
	}
	m.CallsPerSecond = round(perSecond(calls, took))
	m.PhotosPerSecond = round(perSecond(calls*l.photos, took))
	latency := summarise(latencies)
	m.Latency = &latency
	if l.perSecond > 0 {
		s := summarise(service)
		m.SentLatency = &s
		if m.CallsPerSecond < 0.95*l.perSecond {
			m.Notes = append(m.Notes, "the backend does not keep up with this rate: the times grow for as long as it is measured")
		}
	}
	if photos := int64(calls * l.photos); photos > 0 && l.bytes != nil {
		m.SentBytesPerPhoto, m.ReceivedBytesPerPhoto = bytes.sent/photos, bytes.received/photos
		if took > 0 {
			m.SentMbitPerSecond = round(float64(bytes.sent) * 8 / 1e6 / took.Seconds())
		}
	}
	return m
}

func (w window) record(photos int) Window {
	ds := slices.Clone(w.latencies)
	slices.Sort(ds)
	return Window{
		Seconds: round(w.took.Seconds()), Calls: w.requests, PhotosPerSecond: round(perSecond(w.requests*photos, w.took)),
		P50MS: round(ms(percentile(ds, 50))), MaxMS: round(ms(ds[len(ds)-1])),
	}
}

// split tells the server's time from the rest.
func (o outcome) split(c Counters, requestsPerCall int, waits bool) *Server {
	if c.Requests == 0 || c.Runs == 0 {
		return nil
	}
	mean := func(d time.Duration) float64 { return ms(d) / float64(c.Requests) }
	s := &Server{
		Requests: c.Requests, Photos: c.Tiles, Runs: c.Runs,
		MeanMS: round(mean(c.Total)), QueueMS: round(mean(c.Queue)), ComputeMS: round(mean(c.Input + c.Infer + c.Output)),
	}
	// Where a call is several requests, or waits in the client for its turn, its time is not a request's.
	if o.answered > 0 && requestsPerCall == 1 && waits {
		s.NetworkMS = round(ms(o.service)/float64(o.answered) - mean(c.Total))
	}
	if model := c.Infer.Seconds() / float64(c.Requests) * float64(c.Runs); model > 0 {
		s.PhotosPerSecond = round(float64(c.Tiles) / model)
	}
	return s
}

// cost1000 is the cost of 1,000 photos at a rate.
func cost1000(pricePerHour, photosPerSecond float64) float64 {
	if photosPerSecond <= 0 {
		return 0
	}
	return float64(int64(pricePerHour/3600/photosPerSecond*1000*1e6+0.5)) / 1e6
}
