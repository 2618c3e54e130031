package exact

import (
	"sync"
	"time"
)

const (
	estimateFor = 4 * time.Millisecond // the kernel runs for that long, on all workers
	// perNumber is what preparation takes for each number of a row, generously.
	perNumber = time.Nanosecond
)

// Estimate says about how long a search of n rows of dim numbers takes on this
// machine, of which the first firstNew have been searched before. It runs the
// kernel for some milliseconds on all workers at once, since cores that share
// units or heat are slower together. Pairs in great number, and other work on the
// machine, come on top.
func (e *Engine) Estimate(n, firstNew, dim int) (time.Duration, error) {
	k, err := pick(e.Kernel, dim)
	if err != nil {
		return 0, err
	}
	firstNew = min(max(firstNew, 0), n)
	old, fresh := float64(firstNew), float64(n-firstNew)
	tiles := fresh * (old + fresh/2) / float64(k.rows*k.cols)
	speed := k.speed(k.rowWords(dim), e.workers())
	prepare := float64(n) * float64(dim) * perNumber.Seconds() / float64(e.workers())
	return time.Duration((tiles/speed + prepare) * float64(time.Second)), nil
}

// speed measures how many tiles a second the workers do together, in stripes
// against a panel as a search has them.
func (k *kernel) speed(words, workers int) float64 {
	var wg sync.WaitGroup
	var lock sync.Mutex
	var sum float64
	for range workers {
		wg.Go(func() {
			tiles, seconds := k.run(words)
			lock.Lock()
			sum += tiles / seconds
			lock.Unlock()
		})
	}
	wg.Wait()
	return sum
}

func (k *kernel) run(words int) (tiles, seconds float64) {
	const never = 1<<31 - 1 // as an integer no sum of zeros reaches it, as a float32 it is none
	panels := k.stripe(words) / k.rows
	a, b := aligned(panels*k.rows*words), aligned(k.cols*words)
	start := make([]int32, k.cols)
	var hits [mostRows]uint32
	began := time.Now()
	for seconds < estimateFor.Seconds() {
		for p := range panels {
			k.tile(a[p*k.rows*words:][:k.rows*words], b, start, &hits, words, never)
		}
		tiles += float64(panels)
		seconds = time.Since(began).Seconds()
	}
	return tiles, seconds
}
