package exact

import "sort"

// plan cuts the pairs (a, b) with a < b and b >= first into tasks: stripe after
// stripe of rows a, and within a stripe span after span of columns. Column c is
// row first+c; a span begins where a panel does.
type plan struct {
	n, first int
	cols     int // of a tile
	stripe   int // rows of a stripe, a multiple of a tile's
	span     int // columns of a span, a multiple of a tile's
	stripes  int
	before   []int64 // tasks in the stripes before; the last entry is all
	tasks    int64
}

// task is the rows a0 <= a < a1 against the columns c0 <= c < c1, but pairs with
// b > a only.
type task struct {
	stripe         int
	a0, a1, c0, c1 int
}

// The sizes of tasks. A stripe stays in a core's second-level cache, and shall
// not take more than half of it, while the columns of a span pass by; a panel of
// columns stays in the first-level cache while the stripe passes by. Cores
// without 512 KiB of second-level cache have a third level right behind it.
const (
	stripeBytes = 384 << 10
	mostStripe  = 1536
	leastSpan   = 2048
	mostSpan    = 32768
	// tasksPerWorker keeps the last tasks, when some workers have none left, short.
	tasksPerWorker = 16
)

// stripe is how many rows of so many words a stripe has.
func (k *kernel) stripe(words int) int {
	return max(min(stripeBytes/(4*words), mostStripe)/k.rows, 1) * k.rows
}

func newPlan(tb *table, workers int) plan {
	p := plan{n: tb.v.N(), first: tb.first, cols: tb.cols}
	p.stripe = tb.kernel.stripe(tb.words)
	p.stripes = (p.n + p.stripe - 1) / p.stripe
	columns := p.n - p.first
	spans := max(tasksPerWorker*workers*2/max(p.stripes, 1), (columns+mostSpan-1)/mostSpan, 1)
	p.span = max((columns+spans-1)/spans, leastSpan)
	p.span = (p.span + p.cols - 1) / p.cols * p.cols
	p.before = make([]int64, p.stripes+1)
	for s := range p.stripes {
		p.before[s+1] = p.before[s] + int64(p.spans(s))
	}
	p.tasks = p.before[p.stripes]
	return p
}

// firstColumn is where the first panel begins that has a column for a row of the stripe.
func (p *plan) firstColumn(stripe int) int {
	return max(stripe*p.stripe+1-p.first, 0) / p.cols * p.cols
}

func (p *plan) columns(stripe int) int { return max(p.n-p.first-p.firstColumn(stripe), 0) }

func (p *plan) spans(stripe int) int {
	if stripe*p.stripe+1 >= p.n { // its only row has nobody behind it
		return 0
	}
	return (p.columns(stripe) + p.span - 1) / p.span
}

func (p *plan) mostSpans() int { // the first stripe has the most rows to meet
	if p.stripes == 0 {
		return 0
	}
	return p.spans(0)
}

func (p *plan) task(number int64) task {
	s := sort.Search(p.stripes, func(s int) bool { return p.before[s+1] > number })
	c0 := p.firstColumn(s) + int(number-p.before[s])*p.span
	return task{
		stripe: s,
		a0:     s * p.stripe, a1: min((s+1)*p.stripe, p.n),
		c0: c0, c1: min(c0+p.span, p.n-p.first),
	}
}

// comparisons counts what the task computes, pairs that it throws away too.
func (k task) comparisons() int64 { return int64(k.a1-k.a0) * int64(k.c1-k.c0) }

func (p *plan) comparisons() int64 {
	var sum int64
	for s := range p.stripes {
		if p.spans(s) > 0 {
			sum += int64(min((s+1)*p.stripe, p.n)-s*p.stripe) * int64(p.columns(s))
		}
	}
	return sum
}
