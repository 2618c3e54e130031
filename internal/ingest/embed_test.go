package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/embedtest"
	"github.com/dupfind/dupfind/internal/ingest"
	"github.com/dupfind/dupfind/store"
)

// photosEmbedded is how many photos of testdata get a vector.
const photosEmbedded = 33

// storedVectors gives all vectors by the hash of their content.
func (l *library) storedVectors() map[[32]byte][]float32 {
	l.t.Helper()
	ids := map[int64][32]byte{}
	for c, err := range l.db.HashState(l.t.Context(), l.model) {
		must(l.t, err)
		ids[c.ContentID] = c.SHA256
	}
	out := map[[32]byte][]float32{}
	for v, err := range l.db.Vectors(l.t.Context(), l.model, "") {
		must(l.t, err)
		out[ids[v.ContentID]] = v.V
	}
	return out
}

func TestConcurrentCallsStoreTheSame(t *testing.T) {
	one, many := newLibrary(t), newLibrary(t)
	one.mustRun(settings{batch: 8})
	first := many.mustRun(settings{batch: 4, calls: 16})
	if first.Seen != 42 || first.Skipped != 3 || first.Embedded != photosEmbedded || first.Copies != 3 || first.LowDetail != 3 || first.Waiting != 0 {
		t.Errorf("got %+v", first)
	}
	a, b := one.storedVectors(), many.storedVectors()
	if len(a) != photosEmbedded || len(b) != photosEmbedded {
		t.Fatalf("got %d and %d vectors, want %d", len(a), len(b), photosEmbedded)
	}
	for sha, v := range a {
		if !bytes.Equal(store.EncodeVector(v), store.EncodeVector(b[sha])) {
			t.Errorf("content %x has another vector when calls overlap", sha[:4])
		}
	}
}

// picky refuses some tiles for good, as a server refuses a tile that its model cannot take.
type picky struct {
	embedtest.Pixels
	refuse func(tile []byte) bool
	calls  atomic.Int64
}

func (p *picky) Embed(ctx context.Context, tiles [][]byte) ([]embed.Vector, error) {
	p.calls.Add(1)
	for i := len(tiles) - 1; i >= 0; i-- { // not the first, so that the index matters
		if p.refuse(tiles[i]) {
			return nil, fmt.Errorf("server: %w", &embed.TileError{Index: i, Err: errors.New("cannot take this tile")})
		}
	}
	return p.Pixels.Embed(ctx, tiles)
}

func TestPhotosThatTheModelRefuses(t *testing.T) {
	for _, s := range []settings{{batch: 16}, {batch: 8, calls: 4}} {
		t.Run(fmt.Sprintf("%d calls", max(1, s.calls)), func(t *testing.T) {
			l := newLibrary(t)
			p := &picky{refuse: func(tile []byte) bool { return (int(tile[0])+int(tile[300]))%3 == 0 }}
			s.backend = p
			sum := l.mustRun(s)
			refused := photosEmbedded - sum.Embedded
			if refused < 2 || refused > 30 {
				t.Fatalf("%d of %d photos refused: the test needs some of each", refused, photosEmbedded)
			}
			if sum.Skipped < 3+refused || l.vectors() != sum.Embedded {
				t.Errorf("%d refused: got %+v and %d vectors", refused, sum, l.vectors())
			}
			if n := p.calls.Load(); n > photosEmbedded+int64(refused) {
				t.Errorf("%d calls for %d photos, of which %d were refused", n, photosEmbedded, refused)
			}
			detail := ""
			for f, err := range l.db.Skipped(t.Context(), 0) {
				must(t, err)
				if f.Reason == ingest.NotEmbedded {
					detail = f.Detail
				}
			}
			if detail != "cannot take this tile" {
				t.Errorf("the reason kept is %q", detail)
			}
			again := l.mustRun(settings{})
			if again.Embedded != refused || again.Skipped != 3 || l.vectors() != photosEmbedded {
				t.Errorf("the next scan did not try them again: %+v", again)
			}
		})
	}
}

// A model that can embed nothing is no reason to list a whole library as skipped.
func TestModelThatRefusesEverything(t *testing.T) {
	l := newLibrary(t)
	sum, err := l.run(t.Context(), settings{batch: 8, calls: 3, backend: &picky{refuse: func([]byte) bool { return true }}})
	if err == nil || sum.Embedded != 0 {
		t.Fatalf("got %+v, %v, want an error", sum, err)
	}
	l.mustRun(settings{})
	if l.vectors() != photosEmbedded {
		t.Errorf("got %d vectors after the next run, want %d", l.vectors(), photosEmbedded)
	}
}

// Whatever goes wrong, and while other calls are under way: what was embedded is saved, nothing wrong is, the
// summary tells how much is left, and the next run embeds exactly that.
func TestFailureWhileCallsOverlap(t *testing.T) {
	for _, fault := range []embedtest.Fault{embedtest.Fail, embedtest.Missing, embedtest.TooShort, embedtest.NaN, embedtest.NotUnit} {
		for _, at := range []int64{1, 4} {
			t.Run(fmt.Sprintf("%s at %d", fault, at), func(t *testing.T) {
				l := newLibrary(t)
				sum, err := l.run(t.Context(), settings{batch: 2, calls: 4,
					backend: &embedtest.Faulty{Backend: &embedtest.Pixels{}, Fault: fault, At: at}})
				if err == nil {
					t.Fatal("no error")
				}
				stored := l.storedVectors() // reading checks each
				if len(stored) != sum.Embedded || sum.Embedded >= photosEmbedded {
					t.Errorf("%d vectors stored, the summary says %d", len(stored), sum.Embedded)
				}
				if sum.Seen != sum.Compared+sum.Skipped || sum.Waiting == 0 || sum.Gone != 0 {
					t.Errorf("got %+v", sum)
				}
				if !sum.MoreMayWait && sum.Seen+sum.Waiting != 42 {
					t.Errorf("%d seen and %d waiting do not make up 42", sum.Seen, sum.Waiting)
				}
				next := l.mustRun(settings{calls: 4})
				if sum.Embedded+next.Embedded != photosEmbedded || l.vectors() != photosEmbedded || next.Waiting != 0 {
					t.Errorf("embedded %d, then %d; %d vectors, want each of %d once", sum.Embedded, next.Embedded, l.vectors(), photosEmbedded)
				}
			})
		}
	}
}

// A call that succeeds after another has failed is saved, too: it was paid for.
func TestVectorsThatComeAfterAFailureAreSaved(t *testing.T) {
	l := newLibrary(t)
	b := &lateSuccess{failed: make(chan struct{})}
	sum, err := l.run(t.Context(), settings{batch: 1, calls: 2, backend: b})
	if !errors.Is(err, embedtest.ErrFault) {
		t.Fatalf("got %v", err)
	}
	if sum.Embedded != 1 || l.vectors() != 1 {
		t.Errorf("embedded %d and saved %d, want the one that came late", sum.Embedded, l.vectors())
	}
}

// lateSuccess fails its second call, and answers the first only then.
type lateSuccess struct {
	embedtest.Pixels
	calls  atomic.Int64
	failed chan struct{}
}

func (b *lateSuccess) Embed(ctx context.Context, tiles [][]byte) ([]embed.Vector, error) {
	if b.calls.Add(1) > 1 {
		close(b.failed)
		return nil, embedtest.ErrFault
	}
	<-b.failed
	<-ctx.Done() // the failure has been noticed
	return b.Pixels.Embed(context.WithoutCancel(ctx), tiles)
}

func TestInterruptWhileCallsOverlap(t *testing.T) {
	l := newLibrary(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l.onCall = func(n int64) {
		if n == 20 {
			cancel()
		}
	}
	first, err := l.run(ctx, settings{batch: 2, calls: 8})
	l.onCall = nil
	if err != nil || !first.Interrupted || first.Waiting == 0 || first.Gone != 0 {
		t.Fatalf("got %+v, %v, want an interrupted run without error", first, err)
	}
	if got := l.vectors(); got != first.Embedded || got >= photosEmbedded {
		t.Errorf("saved %d vectors of %d embedded", got, first.Embedded)
	}
	second := l.mustRun(settings{calls: 8})
	if first.Embedded+second.Embedded != photosEmbedded {
		t.Errorf("embedded %d + %d, want %d: each photo once", first.Embedded, second.Embedded, photosEmbedded)
	}
}
