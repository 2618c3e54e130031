package remote

import (
	"math"
	"time"

	"github.com/dupfind/dupfind/embed"
)

// The limits of a flow. A second request is always allowed, so that one is on its way while another is computed.
const (
	minInFlight      = 2
	maxInFlight      = 16
	maxInFlightBytes = 32 << 20
	maxRequestBytes  = 16 << 20
	// requestWire is how long a request may occupy the link. Longer ones would wait for one another, shorter ones
	// would give the server less to compute at once.
	requestWire = 250 * time.Millisecond
	// firstBatch is the size of requests while nothing is known of the link.
	firstBatch = 8
	// minBatch is the least that a slow link makes of a request's size.
	minBatch = 4
	// headroom is by how much more than the product of rate and round trip is allowed: the rate is measured with what
	// was allowed before, so that without it nothing would ever grow; and times fluctuate.
	headroom = 2
	// rateSpan is how long a measured rate counts.
	rateSpan = 10 * time.Second
	// leastSpan is how long the least round trip counts. After that one request is sent alone to measure it again, for
	// among others it would measure the queue as well.
	leastSpan = 5 * time.Minute
)

// flow decides how many requests one server may have under way, and how large they are. By Little's law the tiles
// under way are rate x time: with the highest rate seen and the least time that a request took, that is what fills the
// way and the server, and more only waits in line. The idea, a maximum filter on one and a minimum filter on the other,
// is that of BBR (Cardwell et al., ACM Queue 14(5), 2016), with requests for packets. It takes the time as an argument
// and is not safe for concurrent use.
type flow struct {
	fixed    int // requests; 0: follow the link
	maxBatch int

	inFlight      int
	inFlightBytes int

	tiles, bytes int64 // delivered since the start
	rates        []rateSample
	least        time.Duration // of a request; 0: none yet
	leastAt      time.Time
	leastTiles   int     // in that request
	alone        bool    // a request is under way to measure least again
	tileBytes    float64 // mean of late
	ceiling      float64 // lowered by a full server, and slowly raised again
}

type rateSample struct {
	at           time.Time
	tiles, bytes float64 // per second
}

// flight is a request under way.
type flight struct {
	at           time.Time
	n, size      int
	tiles, bytes int64 // delivered when it left
	alone        bool
}

func newFlow(o Options, m embed.Manifest) *flow {
	f := &flow{fixed: o.InFlight, maxBatch: o.BatchTiles, ceiling: maxInFlight}
	if f.maxBatch <= 0 {
		f.maxBatch = defaultBatch
	}
	// However a tile is sent, it is hardly larger than its pixels.
	f.maxBatch = min(f.maxBatch, max(1, maxRequestBytes/(3*m.TileSize*m.TileSize)))
	return f
}

// limit is how many requests may be under way.
func (f *flow) limit(now time.Time) int {
	if f.fixed > 0 {
		return f.fixed
	}
	if f.alone || f.measureAgain(now) {
		return 1
	}
	n := minInFlight
	if tiles, _ := f.rate(now); f.least > 0 && tiles > 0 {
		n = int(math.Ceil(headroom * tiles * f.least.Seconds() / float64(f.batch(now))))
	}
	n = min(max(n, minInFlight), maxInFlight, max(1, int(f.ceiling)))
	if f.tileBytes > 0 {
		n = min(n, max(1, int(maxInFlightBytes/(f.tileBytes*float64(f.batch(now))))))
	}
	return n
}

// mayStart tells whether one more request may leave.
func (f *flow) mayStart(now time.Time) bool { return f.inFlight < f.limit(now) }

// measureAgain tells whether the least round trip is too old, or was that of much larger requests than are sent now.
func (f *flow) measureAgain(now time.Time) bool {
	return f.least > 0 && (now.Sub(f.leastAt) > leastSpan || 3*f.batch(now) < 2*f.leastTiles)
}

// batch is how many tiles a request should hold at most.
func (f *flow) batch(now time.Time) int {
	_, bytes := f.rate(now)
	switch {
	case f.fixed > 0:
		return f.maxBatch
	case bytes <= 0:
		return min(firstBatch, f.maxBatch)
	}
	n := int(bytes * requestWire.Seconds() / f.tileBytes)
	return min(max(n, minBatch), f.maxBatch)
}

// start notes that a request of n tiles and size bytes leaves.
func (f *flow) start(now time.Time, n, size int) flight {
	fl := flight{at: now, n: n, size: size, tiles: f.tiles, bytes: f.bytes}
	if f.fixed == 0 && f.inFlight == 0 && f.measureAgain(now) {
		fl.alone, f.alone = true, true
	}
	f.inFlight++
	f.inFlightBytes += size
	return fl
}

// end notes that a request is over; answered tells whether it brought vectors.
func (f *flow) end(now time.Time, fl flight, answered bool) {
	f.inFlight--
	f.inFlightBytes -= fl.size
	if fl.alone {
		f.alone = false
	}
	if !answered {
		return
	}
	took := max(now.Sub(fl.at), time.Microsecond)
	f.tiles += int64(fl.n)
	f.bytes += int64(fl.size)
	// What was delivered while this one was under way, as BBR measures it.
	f.saw(rateSample{now, float64(f.tiles-fl.tiles) / took.Seconds(), float64(f.bytes-fl.bytes) / took.Seconds()})
	if f.least == 0 || took < f.least || fl.alone {
		f.least, f.leastAt, f.leastTiles = took, now, fl.n
	}
	each := float64(fl.size) / float64(fl.n)
	if f.tileBytes == 0 {
		f.tileBytes = each
	}
	f.tileBytes += 0.1 * (each - f.tileBytes)
	f.ceiling = min(f.ceiling+1/f.ceiling, maxInFlight)
}

// saw keeps a measured rate; those of a moment are kept as one.
func (f *flow) saw(s rateSample) {
	if k := len(f.rates) - 1; k >= 0 && s.at.Sub(f.rates[k].at) < rateSpan/40 {
		f.rates[k].tiles, f.rates[k].bytes = max(f.rates[k].tiles, s.tiles), max(f.rates[k].bytes, s.bytes)
		return
	}
	f.rates = append(f.rates, s)
}

// full notes that the server had no room: half as many at once, from now on, and slowly more again.
func (f *flow) full() { f.ceiling = max(1, min(f.ceiling, float64(f.inFlight+1))/2) }

// rate is the highest of late, in tiles and bytes a second.
func (f *flow) rate(now time.Time) (tiles, bytes float64) {
	keep := f.rates[:0]
	for i, s := range f.rates {
		// The last one counts however old it is: a pause tells nothing of the link.
		if now.Sub(s.at) <= rateSpan || i == len(f.rates)-1 {
			keep = append(keep, s)
			tiles, bytes = max(tiles, s.tiles), max(bytes, s.bytes)
		}
	}
	f.rates = keep
	return tiles, bytes
}
