package ingest

import "github.com/dupfind/dupfind/store"

// tally counts what the writer settles; only the writer's goroutine uses it.
type tally struct {
	sum     Summary
	reasons map[string]int
	opened  int // files of the queue that are settled
}

func newTally() *tally { return &tally{reasons: map[string]int{}} }

func (t *tally) seen(f store.File) {
	t.sum.Seen++
	t.sum.SizeBytes += f.SizeBytes
}

func (t *tally) unchanged(f store.File) {
	switch f.State {
	case store.StateOther:
		t.sum.Others++
		return
	case store.StateSkipped:
		t.skip(f)
		t.sum.Remembered++
		t.sum.Unchanged++
		return
	}
	t.seen(f)
	t.sum.Compared++
	t.sum.Unchanged++
}

func (t *tally) skip(f store.File) {
	t.seen(f)
	t.sum.Skipped++
	t.reasons[f.Reason]++
}

func (t *tally) decoded(res result) {
	t.seen(res.file)
	t.sum.Compared++
	if res.vector != nil {
		t.sum.Embedded++
	} else {
		t.sum.LowDetail++
	}
}

func (t *tally) copied(res result) {
	t.seen(res.file)
	t.sum.Compared++
	t.sum.Copies++
}

func (t *tally) linked()  { t.sum.HardLinks++ }
func (t *tally) others()  { t.sum.Others++ }
func (t *tally) problem() { t.sum.Problems++ }

// summary is called once every stage has ended.
func (t *tally) summary(r *run, interrupted, finished bool) Summary {
	s := t.sum
	s.Reasons = reasonCounts(t.reasons)
	s.LeftOut = r.walked
	s.Interrupted = interrupted
	s.Waiting, s.MoreMayWait = r.queue.pushed()-t.opened, !r.walkedAll
	if finished {
		s.Gone, s.NowLeftOut = r.lost, r.leftOut
	}
	return s
}
