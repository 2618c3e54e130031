package remote

import (
	"slices"
	"time"

	"github.com/dupfind/dupfind/embed"
)

// call is one call of Embed that waits for its tiles.
type call struct {
	out     []embed.Vector
	left    int // tiles not settled
	err     error
	over    bool          // nobody waits any more, or err is set
	reading int           // of its tiles, those that a request under construction reads
	done    chan struct{} // closed when left is 0 or err is set
	idle    chan struct{} // closed when over and reading is 0
}

// item is one tile on its way.
type item struct {
	call    *call
	index   int    // in the call
	element []byte // as it crosses the network
	tries   int    // requests that brought nothing, by no fault of the tile as far as is known
	faults  int    // requests of this tile alone that the server refused
	parted  bool   // was in a request that was sent again in halves
}

// A request costs a server some milliseconds whatever is in it, and the client as many. Where tiles come one by one, as
// from the decoding of large photos, the first waits a moment for others: this long at most, or until there are so many.
const (
	linger  = 50 * time.Millisecond
	company = minBatch
)

// queue holds the tiles of all calls until a server takes them. Its user holds the lock.
type queue struct {
	loose   []*item
	since   time.Time // when the oldest of the loose came; zero: they were on their way before
	parcels [][]*item // to be sent as they are: parts of a request that failed
}

func (q *queue) push(now time.Time, items ...*item) {
	if len(q.loose) == 0 {
		q.since = now
	}
	q.loose = append(q.loose, items...)
}

// pushFront gives tiles back that were on their way, before those that never were.
func (q *queue) pushFront(items []*item) {
	q.loose, q.since = append(slices.Clone(items), q.loose...), time.Time{}
}

// halve gives a request back in two, so that a tile at fault is found in few steps.
func (q *queue) halve(items []*item) {
	for _, it := range items {
		it.parted = true
	}
	m := len(items) / 2
	q.parcels = append(q.parcels, items[:m:m], items[m:])
}

func (q *queue) alone(it *item) { q.parcels = append(q.parcels, []*item{it}) }

// ready tells whether there is something to send now.
func (q *queue) ready(now time.Time) bool {
	return len(q.parcels) > 0 || len(q.loose) >= company || len(q.loose) > 0 && now.Sub(q.since) >= linger
}

// take gives the next request's tiles: a parcel, or as many loose ones as there are, up to most. Tiles of calls that are
// over are dropped; the answer may then be empty.
func (q *queue) take(most int) []*item {
	if n := len(q.parcels); n > 0 {
		p := q.parcels[n-1]
		q.parcels = q.parcels[:n-1]
		return slices.DeleteFunc(p, func(it *item) bool { return it.call.over })
	}
	var out []*item
	i := 0
	for ; i < len(q.loose) && len(out) < most; i++ {
		if it := q.loose[i]; !it.call.over {
			out = append(out, it)
		}
		q.loose[i] = nil
	}
	if q.loose = q.loose[i:]; len(q.loose) == 0 {
		q.loose = nil // let the array go
	}
	return out
}

// settle gives an item its vector.
func (it *item) settle(v embed.Vector) {
	c := it.call
	if c.over {
		return
	}
	c.out[it.index] = v
	if c.left--; c.left == 0 {
		c.finish(nil)
	}
}

// finish ends a call once.
func (c *call) finish(err error) {
	if c.over {
		return
	}
	c.over, c.err = true, err
	close(c.done)
	c.release(0)
}

// release says that n tiles of the call are not read any more.
func (c *call) release(n int) {
	if c.reading -= n; c.over && c.reading == 0 {
		close(c.idle)
	}
}
