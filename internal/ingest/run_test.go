package ingest_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/embedtest"
	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/internal/decode/worker"
	"github.com/dupfind/dupfind/internal/ingest"
	"github.com/dupfind/dupfind/store"
)

// The test binary is its own decode worker.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "decode-worker" {
		if err := worker.Main(os.Stdin, os.Stdout, os.Args[2:]); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"))
}

// library is a real store, real decoders and a folder of photos.
type library struct {
	t      *testing.T
	dir    string
	db     *store.DB
	model  int64
	calls  atomic.Int64 // files opened by the decoder
	onCall func(n int64)
	pool   *decode.Pool
}

func newLibrary(t *testing.T) *library {
	t.Helper()
	l := &library{t: t, dir: filepath.Join(t.TempDir(), "photos")}
	if err := os.CopyFS(l.dir, os.DirFS("../../testdata/photos")); err != nil {
		t.Fatal(err)
	}
	var err error
	if l.db, err = store.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), store.Options{}); err != nil {
		t.Fatal(err)
	}
	m := embedtest.PixelsManifest()
	if l.model, err = l.db.EnsureModel(t.Context(), store.Model{Name: m.Name, Digest: m.Digest, Dim: m.Dim, ManifestJSON: "{}"}); err != nil {
		t.Fatal(err)
	}
	l.pool = decode.NewPool(decode.PoolOptions{Workers: 2})
	t.Cleanup(func() {
		if err := errors.Join(l.pool.Close(), l.db.Close()); err != nil {
			t.Error(err)
		}
	})
	return l
}

// Decode counts what is opened.
func (l *library) Decode(ctx context.Context, r decode.Request, wanted func([32]byte) bool) (decode.Photo, error) {
	if n := l.calls.Add(1); l.onCall != nil {
		l.onCall(n)
	}
	return l.pool.Decode(ctx, r, wanted)
}

// silent is a Progress that nobody watches.
type silent struct{}

func (silent) Total(int, int64, bool) {}
func (silent) Start(string)           {}
func (silent) Skip(string, string)    {}
func (silent) Add(string, int64)      {}

type settings struct {
	backend embed.Backend
	verify  bool
	batch   int
	calls   int
}

func (l *library) run(ctx context.Context, s settings) (ingest.Summary, error) {
	l.t.Helper()
	targets, away, err := ingest.Targets(l.t.Context(), l.db, []string{l.dir}, ingest.Write)
	if err != nil || len(away) > 0 {
		l.t.Fatalf("targets: %v, not here: %v", err, away)
	}
	if s.backend == nil {
		s.backend = &embedtest.Pixels{}
	}
	l.calls.Store(0)
	return ingest.Run(ctx, l.db, ingest.Options{
		Targets: targets, Verify: s.verify, ModelID: l.model, TileSize: decode.TileSize, Dim: embedtest.PixelsManifest().Dim,
		Decoder: l, Workers: 2, BatchTiles: max(1, s.batch), EmbedCalls: s.calls, Progress: silent{}, Now: time.Now,
		OpenEmbedder: func(context.Context) (ingest.Embedder, error) { return s.backend, nil },
	})
}

func (l *library) mustRun(s settings) ingest.Summary {
	l.t.Helper()
	sum, err := l.run(l.t.Context(), s)
	if err != nil {
		l.t.Fatal(err)
	}
	if sum.Seen != sum.Compared+sum.Skipped {
		l.t.Errorf("seen %d is not compared %d + skipped %d", sum.Seen, sum.Compared, sum.Skipped)
	}
	if !sum.LeftOut.Reconciles() {
		l.t.Errorf("the walk's counts do not reconcile: %+v", sum.LeftOut)
	}
	return sum
}

func (l *library) vectors() int {
	l.t.Helper()
	n, err := l.db.CountVectors(l.t.Context(), l.model)
	if err != nil {
		l.t.Fatal(err)
	}
	return n
}

func TestFirstAndSecondRun(t *testing.T) {
	l := newLibrary(t)
	first := l.mustRun(settings{batch: 8})
	if first.Seen != 42 || first.Skipped != 3 || first.Embedded != 33 || first.Copies != 3 || first.LowDetail != 3 {
		t.Errorf("first run: %+v", first)
	}
	if got := l.vectors(); got != first.Embedded {
		t.Errorf("got %d vectors, want %d", got, first.Embedded)
	}
	second := l.mustRun(settings{})
	if n := l.calls.Load(); n != 0 {
		t.Errorf("the second run opened %d files, want none", n)
	}
	if second.Unchanged != 42 || second.Remembered != 3 || second.Embedded != 0 {
		t.Errorf("second run: %+v", second)
	}
	third := l.mustRun(settings{verify: true})
	if n := l.calls.Load(); n != 42 || third.Embedded != 0 || third.Skipped != 3 {
		t.Errorf("verifying opened %d files, %+v", n, third)
	}
}

func TestMovesAndCopiesCostAHash(t *testing.T) {
	l := newLibrary(t)
	before := l.mustRun(settings{})
	must(t, os.Rename(filepath.Join(l.dir, "2019"), filepath.Join(l.dir, "nineteen")))
	data, err := os.ReadFile(filepath.Join(l.dir, "2020", "rocket.jpg"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(l.dir, "again.jpg"), data, 0o644))
	after := l.mustRun(settings{})
	if after.Embedded != 0 || after.Copies != 4 || after.Gone != 3 {
		t.Errorf("got %+v, want 4 copies, 3 gone and nothing embedded", after)
	}
	if l.vectors() != before.Embedded {
		t.Errorf("vectors went from %d to %d", before.Embedded, l.vectors())
	}
}

func TestHardLinksCountOnce(t *testing.T) {
	l := newLibrary(t)
	for _, name := range []string{"link1.jpg", "link2.jpg"} {
		must(t, os.Link(filepath.Join(l.dir, "2019", "coffee.jpg"), filepath.Join(l.dir, name)))
		must(t, os.Link(filepath.Join(l.dir, "broken", "truncated.jpg"), filepath.Join(l.dir, "broken", name)))
	}
	sum := l.mustRun(settings{})
	if sum.Seen != 42 || sum.HardLinks != 4 || sum.Skipped != 3 {
		t.Errorf("first run: %+v", sum)
	}
	if n := l.calls.Load(); n != 42 {
		t.Errorf("opened %d files, want each inode once: 42", n)
	}
	must(t, os.Link(filepath.Join(l.dir, "2019", "coffee.jpg"), filepath.Join(l.dir, "a-new-link.jpg")))
	sum = l.mustRun(settings{})
	if sum.Seen != 42 || sum.HardLinks != 5 || sum.Skipped != 3 {
		t.Errorf("with one more link: %+v", sum)
	}
}

// An interruption saves what is in flight and loses nothing that was decoded.
func TestInterruptAndGoOn(t *testing.T) {
	l := newLibrary(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l.onCall = func(n int64) {
		if n == 20 {
			cancel()
		}
	}
	first, err := l.run(ctx, settings{batch: 2})
	l.onCall = nil
	if err != nil || !first.Interrupted {
		t.Fatalf("got %+v, %v, want an interrupted run without error", first, err)
	}
	if got := l.vectors(); got != first.Embedded || got >= 33 {
		t.Errorf("saved %d vectors of %d embedded, want all of these and fewer than 33", got, first.Embedded)
	}
	if first.Gone != 0 {
		t.Errorf("an interrupted walk marked %d files as gone", first.Gone)
	}
	second := l.mustRun(settings{})
	if first.Embedded+second.Embedded != 33 {
		t.Errorf("embedded %d + %d, want 33: each photo once", first.Embedded, second.Embedded)
	}
}

func TestFailuresOfTheModelStopTheRun(t *testing.T) {
	for _, fault := range []embedtest.Fault{embedtest.Fail, embedtest.Missing} {
		t.Run(string(fault), func(t *testing.T) {
			l := newLibrary(t)
			sum, err := l.run(t.Context(), settings{batch: 4, backend: &embedtest.Faulty{Backend: &embedtest.Pixels{}, Fault: fault, At: 3}})
			if err == nil {
				t.Fatal("no error")
			}
			if got := l.vectors(); got > 8 || sum.Gone != 0 {
				t.Errorf("%d vectors saved by two good batches of 4, %d gone", got, sum.Gone)
			}
			l.mustRun(settings{})
			if l.vectors() != 33 {
				t.Errorf("got %d vectors after the next run, want 33", l.vectors())
			}
		})
	}
}

func TestModelThatDoesNotOpen(t *testing.T) {
	l := newLibrary(t)
	targets, _, err := ingest.Targets(t.Context(), l.db, []string{l.dir}, ingest.Write)
	must(t, err)
	want := errors.New("no such model")
	_, err = ingest.Run(t.Context(), l.db, ingest.Options{
		Targets: targets, ModelID: l.model, TileSize: decode.TileSize, Dim: embedtest.PixelsManifest().Dim, Decoder: l, Workers: 2, BatchTiles: 4,
		Progress: silent{}, Now: time.Now,
		OpenEmbedder: func(context.Context) (ingest.Embedder, error) { return nil, want },
	})
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// A photo that changes is looked at anew, and a damaged one that is mended is compared.
func TestChangesAreNoticed(t *testing.T) {
	l := newLibrary(t)
	l.mustRun(settings{})
	good, err := os.ReadFile(filepath.Join(l.dir, "2019", "chelsea.jpg"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(l.dir, "broken", "truncated.jpg"), append(good, 0), 0o644))
	sum := l.mustRun(settings{})
	if n := l.calls.Load(); n != 1 || sum.Skipped != 2 || sum.Embedded != 1 {
		t.Errorf("opened %d files, %+v", n, sum)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
