package remote

import (
	"slices"
	"time"
)

// keptTimes is how many requests' times the median is taken of.
const keptTimes = 4096

// started notes a request that leaves. Like ended, it is called with the lock held.
func (b *Backend) started(now time.Time, tiles, bytes int) {
	if b.underW == 0 {
		b.busyAt = now
	}
	b.underW++
	b.stats.SentBytes += int64(bytes)
	b.stats.Batch = tiles
}

// ended notes a request that is over.
func (b *Backend) ended(now time.Time, fl flight, answered bool) {
	if b.underW--; b.underW == 0 {
		b.stats.Busy += now.Sub(b.busyAt)
	}
	if !answered {
		return
	}
	b.since, b.refused = now, 0
	took := now.Sub(fl.at)
	b.stats.RequestMax = max(b.stats.RequestMax, took)
	if len(b.times) < keptTimes {
		b.times = append(b.times, took)
	} else {
		b.times[b.stats.Requests%keptTimes] = took
	}
	b.stats.Photos += int64(fl.n)
	b.stats.Requests++
}

// Stats tells what was done since Open; the golden tiles are not counted.
func (b *Backend) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	now := time.Now()
	if b.underW > 0 {
		s.Busy += now.Sub(b.busyAt)
	}
	for _, srv := range b.servers {
		if !srv.down {
			s.InFlight += srv.flow.limit(now)
			s.Servers++
		}
	}
	if len(b.times) > 0 {
		t := slices.Sorted(slices.Values(b.times))
		s.RequestP50 = t[len(t)/2]
	}
	s.Wire, s.RoundTrip = b.wire, b.trip
	return s
}
