package ingest

import (
	"context"
	"sync"
)

// queue holds the jobs that the walk found. It is the one place in the
// pipeline without a bound: the walk is far faster than decoding, and only a
// finished walk gives an honest ETA. A waiting job is about 300 bytes.
type queue struct {
	mu     sync.Mutex
	jobs   []job
	next   int
	closed bool
	wake   chan struct{} // capacity 1: "look again"
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

func (q *queue) push(j job) {
	q.mu.Lock()
	q.jobs = append(q.jobs, j)
	q.mu.Unlock()
	q.nudge()
}

// pushed is how many jobs there have been.
func (q *queue) pushed() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.jobs)
}

// close says that no job follows.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.nudge()
}

func (q *queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pop gives the next job and its number; false when there is none left or ctx
// has ended.
func (q *queue) pop(ctx context.Context) (job, int, bool) {
	for {
		if ctx.Err() != nil {
			return job{}, 0, false
		}
		q.mu.Lock()
		if q.next < len(q.jobs) {
			j, n := q.jobs[q.next], q.next
			q.jobs[q.next] = job{} // let the strings go
			q.next++
			more := q.next < len(q.jobs) || q.closed
			q.mu.Unlock()
			if more {
				q.nudge() // pass the baton: one token wakes one waiter
			}
			return j, n, true
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			q.nudge()
			return job{}, 0, false
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
		}
	}
}
