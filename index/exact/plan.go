package exact

import (
	"cmp"
	"slices"
	"sort"

	"github.com/dupfind/dupfind/index"
)

// plan cuts the pairs (a, b) with a < b and b >= firstNew into tasks: stripe
// after stripe of rows a, and within a stripe span after span of rows b.
type plan struct {
	n, firstNew int
	stripes     int
	before      []int64 // tasks in the stripes before; the last entry is all
	tasks       int64
}

// task is the rows a0 <= a < a1 against b0 <= b < b1, but pairs with b > a only.
type task struct {
	stripe         int
	a0, a1, b0, b1 int
}

func newPlan(n, firstNew int) plan {
	p := plan{n: n, firstNew: firstNew, stripes: (n + stripeRows - 1) / stripeRows}
	p.before = make([]int64, p.stripes+1)
	for s := range p.stripes {
		p.before[s+1] = p.before[s] + int64(p.spans(s))
	}
	p.tasks = p.before[p.stripes]
	return p
}

// firstB is the first row that rows of the stripe are compared with.
func (p plan) firstB(stripe int) int { return max(stripe*stripeRows+1, p.firstNew) }

func (p plan) spans(stripe int) int {
	return (max(p.n-p.firstB(stripe), 0) + spanRows - 1) / spanRows
}

func (p plan) mostSpans() int { // the first stripe has the most rows to meet
	if p.stripes == 0 {
		return 0
	}
	return p.spans(0)
}

func (p plan) task(number int64) task {
	s := sort.Search(p.stripes, func(s int) bool { return p.before[s+1] > number })
	b0 := p.firstB(s) + int(number-p.before[s])*spanRows
	return task{
		stripe: s,
		a0:     s * stripeRows, a1: min((s+1)*stripeRows, p.n),
		b0: b0, b1: min(b0+spanRows, p.n),
	}
}

// comparisons counts what the task computes, pairs that it throws away too.
func (k task) comparisons() int64 { return int64(k.a1-k.a0) * int64(k.b1-k.b0) }

func (p plan) comparisons() int64 {
	var sum int64
	for s := range p.stripes {
		rows := min((s+1)*stripeRows, p.n) - s*stripeRows
		sum += int64(rows) * int64(max(p.n-p.firstB(s), 0))
	}
	return sum
}

type worker struct {
	*search
	dots []float32
}

// do compares a stripe with a span.
func (w *worker) do(k task) []index.Pair {
	var pairs []index.Pair
	dim := w.v.Dim
	stripe := w.v.Data[k.a0*dim : k.a1*dim]
	for b := k.b0; b < k.b1; b += stripRows {
		nb := min(stripRows, k.b1-b)
		dots := w.dots[:(k.a1-k.a0)*nb]
		tile(dots, stripe, w.v.Data[b*dim:(b+nb)*dim], dim)
		for i, x := range dots {
			if x >= w.cut {
				pairs = w.score(pairs, k.a0+i/nb, b+i%nb)
			}
		}
	}
	slices.SortFunc(pairs, func(x, y index.Pair) int {
		return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	return pairs
}

func (w *worker) score(pairs []index.Pair, a, b int) []index.Pair {
	if b <= a {
		return pairs
	}
	if c := Cosine(w.v.Row(a), w.v.Row(b)); c >= w.t {
		pairs = append(pairs, index.Pair{A: int32(a), B: int32(b), Cosine: c})
	}
	return pairs
}

// emit joins the sorted results of one stripe, whose spans follow each other,
// into one ascending list and hands it on in batches.
func emit(parts []result, yield func([]index.Pair) error) error {
	slices.SortFunc(parts, func(x, y result) int { return cmp.Compare(x.task.b0, y.task.b0) })
	var batch []index.Pair
	for {
		a := int32(-1) // the lowest row that has pairs left
		for _, p := range parts {
			if len(p.pairs) > 0 && (a < 0 || p.pairs[0].A < a) {
				a = p.pairs[0].A
			}
		}
		if a < 0 {
			break
		}
		for i := range parts {
			end := 0
			for end < len(parts[i].pairs) && parts[i].pairs[end].A == a {
				end++
			}
			batch = append(batch, parts[i].pairs[:end]...)
			parts[i].pairs = parts[i].pairs[end:]
		}
		for len(batch) >= batchPairs {
			if err := yield(batch[:batchPairs]); err != nil {
				return err
			}
			batch = batch[:copy(batch, batch[batchPairs:])]
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return yield(batch)
}
