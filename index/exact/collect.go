package exact

import (
	"cmp"
	"context"
	"slices"

	"github.com/dupfind/dupfind/index"
)

// batchPairs is how many pairs yield gets at most at once.
const batchPairs = 1 << 16

// collector puts the pairs of all tasks in order: stripe after stripe, and in a
// stripe row after row.
type collector struct {
	*search
	results  <-chan result
	ahead    <-chan struct{}
	progress index.Progress
	yield    func([]index.Pair) error
	batch    []index.Pair
}

func (c *collector) run(ctx context.Context) error {
	var done int64
	total := c.comparisons()
	waiting := make(map[int][]result)
	c.progress(0, total)
	for stripe := 0; stripe < c.stripes; {
		want := c.spans(stripe)
		if len(waiting[stripe]) < want {
			select {
			case r := <-c.results:
				if ctx.Err() != nil { // the task may have ended early
					return context.Cause(ctx)
				}
				waiting[r.task.stripe] = append(waiting[r.task.stripe], r)
				done += r.task.comparisons()
				c.progress(done, total)
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			continue
		}
		if err := c.emit(ctx, waiting[stripe]); err != nil {
			return err
		}
		delete(waiting, stripe)
		for range want {
			<-c.ahead
		}
		stripe++
	}
	return c.flush()
}

// emit hands on the pairs of one stripe, from the results of its spans.
func (c *collector) emit(ctx context.Context, parts []result) error {
	slices.SortFunc(parts, func(x, y result) int { return cmp.Compare(x.task.c0, y.task.c0) })
	if !slices.ContainsFunc(parts, func(r result) bool { return r.dense || len(r.pairs) > 0 }) {
		return nil
	}
	for a := parts[0].task.a0; a < parts[0].task.a1; a++ {
		for i := range parts {
			p := &parts[i]
			if p.dense {
				if err := c.dense(ctx, a, p.task); err != nil {
					return err
				}
				continue
			}
			end := 0
			for end < len(p.pairs) && p.pairs[end].A == int32(a) {
				end++
			}
			for _, pair := range p.pairs[:end] {
				if err := c.put(pair); err != nil {
					return err
				}
			}
			p.pairs = p.pairs[end:]
		}
	}
	return nil
}

// dense compares one row with the columns of a task that has more pairs than
// can be kept until their turn comes. There the first pass spares little, so it
// is left out, and the pairs are handed on as they are found.
func (c *collector) dense(ctx context.Context, a int, k task) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	row := c.v.Row(a)
	for b := max(a+1, c.table.first+k.c0); b < c.table.first+k.c1; b++ {
		if x := Cosine(row, c.v.Row(b)); x >= c.t {
			if err := c.put(index.Pair{A: int32(a), B: int32(b), Cosine: x}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *collector) put(p index.Pair) error {
	if c.batch == nil {
		c.batch = make([]index.Pair, 0, 1024)
	}
	c.batch = append(c.batch, p)
	if len(c.batch) < batchPairs {
		return nil
	}
	return c.flush()
}

func (c *collector) flush() error {
	if len(c.batch) == 0 {
		return nil
	}
	err := c.yield(c.batch)
	c.batch = c.batch[:0]
	return err
}
