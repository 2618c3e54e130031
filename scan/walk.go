package scan

import (
	"context"
	"fmt"
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	// readers read folders ahead of the one being visited. A few hide the
	// round trips of a network drive; many would only make a hard disk seek.
	readers = 4
	// maxAhead bounds the entries read and not yet visited (about 100 bytes
	// each), so that a slow visitor does not pile up a whole library here.
	maxAhead = 64 << 10
)

// Walk visits the files below root, or only those below the folder sub of
// it, bytewise sorted by relative path. Relative paths, and exclude patterns,
// are relative to root in both cases. The root should come from [ResolveRoot].
//
// An unreadable folder or file is a [Problem] and the walk goes on; an error
// means that the root could not be opened, that the visitor stopped, or that
// ctx ended. The counts cover what was visited until then.
func Walk(ctx context.Context, root, sub string, o Options, v Visitor) (Counts, error) {
	rules, err := newRules(o)
	if err != nil {
		return Counts{}, err
	}
	if sub != "" {
		if sub = path.Clean(sub); path.IsAbs(sub) || sub == ".." || strings.HasPrefix(sub, "../") {
			return Counts{}, fmt.Errorf("folder %q is not below %q", sub, root)
		}
		if sub == "." {
			sub = ""
		}
	}
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Counts{}, fmt.Errorf("open folder %q: %w", root, err)
	}
	defer func() { _ = unix.Close(fd) }() // only read from
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return Counts{}, fmt.Errorf("stat folder %q: %w", root, err)
	}

	w := &walker{
		ctx: ctx, root: root, rootFD: fd, device: uint64(st.Dev),
		rules: rules, known: o.Known, oneFileSystem: o.OneFileSystem, visitor: v,
	}
	w.cond = sync.NewCond(&w.mu)
	first := &node{rel: sub, first: true, done: make(chan struct{})}
	first.leftOut, first.library = rules.start(root, sub)

	var wg sync.WaitGroup
	for range readers {
		wg.Go(w.readAhead)
	}
	err = w.visit(first)
	w.stop()
	wg.Wait()
	return w.counts, err
}

// walker is one walk: nodes are read by whoever comes first, the goroutine
// that visits or one that reads ahead, and visited in order by the former.
type walker struct {
	ctx           context.Context // lives as long as Walk, whose argument it is
	root          string
	rootFD        int
	device        uint64
	rules         *rules
	known         func(File) bool
	oneFileSystem bool
	visitor       Visitor
	counts        Counts // the visiting goroutine's

	mu      sync.Mutex
	cond    *sync.Cond
	pending []*node // stack: the top is wanted next
	ahead   int     // entries read and not yet visited
	stopped bool
}

// node is a folder, on its way from seen to read to visited.
type node struct {
	rel     string
	first   bool    // the walk began here: its failure is the walk's
	library library // what kind of managed library it is in, if any
	claimed atomic.Bool
	done    chan struct{}

	// What reading it gave; valid after done is closed.
	leftOut  Rule
	problem  *Problem
	vanished bool
	items    []item
	counts   Counts
}

// item is one entry that is not left out: a file, a folder or a problem.
type item struct {
	file    File
	child   *node
	problem *Problem
}

func (w *walker) readAhead() {
	for {
		w.mu.Lock()
		for !w.stopped && (len(w.pending) == 0 || w.ahead > maxAhead) {
			w.cond.Wait()
		}
		if w.stopped {
			w.mu.Unlock()
			return
		}
		n := w.pending[len(w.pending)-1]
		w.pending = w.pending[:len(w.pending)-1]
		w.mu.Unlock()
		w.read(n)
	}
}

func (w *walker) stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.cond.Broadcast()
}

// read reads a folder unless another goroutine has begun to.
func (w *walker) read(n *node) {
	if !n.claimed.CompareAndSwap(false, true) {
		return
	}
	defer close(n.done)
	if n.leftOut == "" {
		w.list(n)
	}
	w.mu.Lock()
	w.ahead += len(n.items)
	for i := len(n.items) - 1; i >= 0; i-- {
		if c := n.items[i].child; c != nil {
			w.pending = append(w.pending, c)
		}
	}
	w.mu.Unlock()
	w.cond.Broadcast()
}

func (w *walker) visit(n *node) error {
	if err := context.Cause(w.ctx); err != nil {
		return err
	}
	w.read(n)
	<-n.done
	w.tally(n)
	if n.problem != nil {
		if n.first && len(n.items) == 0 {
			return fmt.Errorf("read folder %q: %w", path.Join(w.root, n.rel), n.problem.Err)
		}
		if err := w.tell(*n.problem); err != nil {
			return err
		}
	}
	items := n.items
	n.items = nil // a visited folder's files are free to go while its siblings are read
	for i := range items {
		if i&1023 == 1023 {
			if err := context.Cause(w.ctx); err != nil {
				return err
			}
		}
		if err := w.visitItem(&items[i]); err != nil {
			return err
		}
	}
	w.mu.Lock()
	w.ahead -= len(items)
	w.mu.Unlock()
	w.cond.Broadcast()
	return nil
}

func (w *walker) visitItem(it *item) error {
	switch {
	case it.child != nil:
		c := it.child
		it.child = nil
		return w.visit(c)
	case it.problem != nil:
		w.counts.Problems.add(it.problem.Dir)
		return w.tell(*it.problem)
	}
	w.counts.Visited.Files++
	if w.visitor.File == nil {
		return nil
	}
	return w.visitor.File(it.file)
}

func (w *walker) tell(p Problem) error {
	if w.visitor.Problem == nil {
		return nil
	}
	return w.visitor.Problem(p)
}

// tally counts the folder itself and what was left out inside it.
func (w *walker) tally(n *node) {
	w.counts.Add(n.counts)
	self := Tally{Folders: 1}
	switch {
	case n.leftOut != "":
		w.counts.rule(n.leftOut).sum(self)
	case n.problem != nil:
		w.counts.Problems.sum(self)
	case n.vanished:
		w.counts.Vanished.sum(self)
	case n.first:
		return
	default:
		w.counts.Visited.sum(self)
	}
	if n.first {
		w.counts.Seen.sum(self)
	}
}
