package remote_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/embedtest"
	"github.com/dupfind/dupfind/embed/remote"
	"github.com/dupfind/dupfind/embed/remote/inference"
)

func TestMain(m *testing.M) {
	// toxiproxy leaves the goroutines of a connection that was cut waiting for ever; ours are all checked.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"))
}

const tileSize = 224

// notices collects what a person would read.
type notices struct {
	mu    sync.Mutex
	lines []string
}

func (n *notices) add(s string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, s)
}

func (n *notices) count(part string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	k := 0
	for _, l := range n.lines {
		if strings.Contains(l, part) {
			k++
		}
	}
	return k
}

// open makes a backend that is closed with the test.
func open(t *testing.T, o remote.Options, servers ...*faulty) *remote.Backend {
	t.Helper()
	for _, s := range servers {
		o.Endpoints = append(o.Endpoints, s.endpoint())
	}
	b, err := remote.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// embedAll embeds tiles by several calls at once, as a scan does, and compares every vector with the right one.
func embedAll(t *testing.T, b embed.Backend, tiles [][]byte) {
	t.Helper()
	want, err := new(embedtest.Pixels).Embed(t.Context(), tiles)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for part := range slices.Chunk(indices(len(tiles)), 8) {
		wg.Go(func() {
			var batch [][]byte
			for _, i := range part {
				batch = append(batch, tiles[i])
			}
			got, err := b.Embed(t.Context(), batch)
			if err != nil {
				t.Errorf("embed: %v", err)
				return
			}
			for k, i := range part {
				if !slices.Equal(got[k], want[i]) {
					t.Errorf("tile %d has a wrong vector", i)
				}
			}
		})
	}
	wg.Wait()
}

func indices(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestConformance(t *testing.T) {
	f := start(t, &faulty{})
	embedtest.Conformance(t, func(t *testing.T) embed.Backend {
		b, err := remote.Open(t.Context(), remote.Options{Endpoints: []string{f.endpoint()}, Wire: remote.WebP})
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
}

// Whatever a server does for a while, all tiles come through, each with its own vector.
func TestFaultsThatPass(t *testing.T) {
	unavailable := func(_ context.Context, n int, _ [][]byte) error {
		if n%3 == 1 && n < 12 {
			return status.Error(codes.Unavailable, "restarting")
		}
		return nil
	}
	for _, c := range []struct {
		name   string
		before func(ctx context.Context, n int, tiles [][]byte) error
		after  func(n int, tiles [][]byte, resp *inference.ModelInferResponse)
	}{
		{"unavailable", unavailable, nil},
		{"full queue", func(ctx context.Context, n int, _ [][]byte) error {
			if n > 6 {
				return nil
			}
			_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", "20"))
			return status.Error(codes.ResourceExhausted, "the queue is full")
		}, nil},
		{"internal error", func(_ context.Context, n int, _ [][]byte) error {
			if n == 2 || n == 3 {
				return status.Error(codes.Internal, "out of memory")
			}
			return nil
		}, nil},
		{"no answer", func(ctx context.Context, n int, _ [][]byte) error {
			if n == 2 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}, nil},
		{"truncated answer", nil, func(n int, _ [][]byte, r *inference.ModelInferResponse) {
			if n == 2 {
				r.RawOutputContents[0] = r.RawOutputContents[0][:len(r.RawOutputContents[0])-4]
			}
		}},
		{"one vector too few", nil, func(n int, _ [][]byte, r *inference.ModelInferResponse) {
			if n == 2 {
				r.Outputs[0].Shape[0]--
				r.RawOutputContents[0] = r.RawOutputContents[0][:len(r.RawOutputContents[0])-4*512]
			}
		}},
		{"answers swapped", nil, func(n int, _ [][]byte, r *inference.ModelInferResponse) {
			if n == 2 {
				r.Id = "another"
			}
		}},
		{"no output", nil, func(n int, _ [][]byte, r *inference.ModelInferResponse) {
			if n == 2 {
				r.Outputs, r.RawOutputContents = nil, nil
			}
		}},
		{"other type", nil, func(n int, _ [][]byte, r *inference.ModelInferResponse) {
			if n == 2 {
				r.Outputs[0].Datatype = "FP64"
			}
		}},
		{"NaN once", nil, func(n int, _ [][]byte, r *inference.ModelInferResponse) {
			if n == 2 {
				putNaN(r, 0)
			}
		}},
		{"zero vectors", nil, func(n int, _ [][]byte, r *inference.ModelInferResponse) {
			if n == 2 {
				clear(r.RawOutputContents[0])
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := start(t, &faulty{})
			b := open(t, remote.Options{Patience: 4 * time.Second}, f)
			f.set(c.before, c.after)
			embedAll(t, b, embedtest.Tiles(tileSize, 64, 1))
			if b.Stats().Retries == 0 {
				t.Error("nothing went wrong")
			}
			if got := b.Stats().Photos; got != 64 {
				t.Errorf("%d photos counted, want 64", got)
			}
		})
	}
}

func putNaN(r *inference.ModelInferResponse, tile int) {
	copy(r.RawOutputContents[0][tile*4*512:], []byte{0, 0, 0xc0, 0x7f})
}

// One tile that nobody can embed costs its own call, and no other tile.
func TestPoisonTileIsFound(t *testing.T) {
	tiles := embedtest.Tiles(tileSize, 64, 2)
	poison := tiles[37]
	holds := func(tiles [][]byte) int {
		return slices.IndexFunc(tiles, func(x []byte) bool { return bytes.Equal(x, poison) })
	}
	for _, c := range []struct {
		name   string
		before func(ctx context.Context, n int, tiles [][]byte) error
		after  func(n int, tiles [][]byte, resp *inference.ModelInferResponse)
	}{
		{"refused", func(_ context.Context, _ int, tiles [][]byte) error {
			if holds(tiles) >= 0 {
				return status.Error(codes.InvalidArgument, "bad tile")
			}
			return nil
		}, nil},
		{"NaN", nil, func(_ int, tiles [][]byte, r *inference.ModelInferResponse) {
			if i := holds(tiles); i >= 0 {
				putNaN(r, i)
			}
		}},
		{"kills the server", func(_ context.Context, _ int, tiles [][]byte) error {
			if holds(tiles) >= 0 {
				return status.Error(codes.Unavailable, "connection reset")
			}
			return nil
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := start(t, &faulty{})
			b := open(t, remote.Options{Patience: time.Minute}, f)
			f.set(c.before, c.after)
			var wg sync.WaitGroup
			wg.Go(func() { embedAll(t, b, tiles[:32]) })
			wg.Go(func() { embedAll(t, b, tiles[40:]) })
			_, err := b.Embed(t.Context(), tiles[32:40])
			if e, ok := errors.AsType[*embed.TileError](err); !ok || e.Index != 5 {
				t.Errorf("got %v, want a TileError for tile 5", err)
			}
			wg.Wait()
			embedAll(t, b, tiles[38:40])
		})
	}
}

func TestRequestsOverTheServersLimitAreHalved(t *testing.T) {
	f := start(t, &faulty{limit: 5})
	b := open(t, remote.Options{}, f)
	embedAll(t, b, embedtest.Tiles(tileSize, 400, 3))
	if got := f.refused.Load(); got == 0 || got > 60 {
		t.Errorf("%d of %d requests were too large: want that the client learns", got, f.requests.Load())
	}
}

func TestServerThatRefusesEverythingEndsTheRun(t *testing.T) {
	f := start(t, &faulty{})
	b := open(t, remote.Options{}, f)
	f.set(func(context.Context, int, [][]byte) error { return status.Error(codes.Internal, "CUDA error") }, nil)
	var err error
	for range 20 { // one call ends with each tile that is given up
		if _, err = b.Embed(t.Context(), embedtest.Tiles(tileSize, 4, 4)); errors.As(err, new(*remote.Error)) {
			break
		}
	}
	e, ok := errors.AsType[*remote.Error](err)
	if !ok || e.Kind != remote.Refuses || !strings.Contains(e.Error(), "CUDA error") {
		t.Errorf("got %v, want one that says what the server says", err)
	}
}

func TestServerIsGoneForGood(t *testing.T) {
	f := start(t, &faulty{})
	var n notices
	b := open(t, remote.Options{Patience: 2 * time.Second, Notice: n.add}, f)
	f.grpc.Stop()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := b.Embed(t.Context(), embedtest.Tiles(tileSize, 4, uint64(i)))
			if e, ok := errors.AsType[*remote.Error](err); !ok || e.Kind != remote.Gone {
				t.Errorf("got %v, want Gone", err)
			}
		})
	}
	wg.Wait()
	if n.count("does not answer") != 1 {
		t.Errorf("notices: %q, want one", n.lines)
	}
}

func TestServerComesBack(t *testing.T) {
	f := start(t, &faulty{})
	var n notices
	b := open(t, remote.Options{Patience: time.Minute, Notice: n.add}, f)
	stop := make(chan struct{})
	f.set(func(_ context.Context, k int, _ [][]byte) error {
		if k == 5 {
			close(stop)
		}
		return nil
	}, nil)
	go func() {
		<-stop
		f.grpc.Stop()
		f.serve(t, f.addr)
	}()
	embedAll(t, b, embedtest.Tiles(tileSize, 400, 5))
	if n.count("is back") != 1 || f.met.Load() != 2 {
		t.Errorf("notices %q, golden tiles embedded %d times; want it back once, and checked again", n.lines, f.met.Load())
	}
	if got := f.embedded.Load(); got < 400 || got > 400+16*32 {
		t.Errorf("the server embedded %d tiles, want 400 and those lost with it", got)
	}
}

func TestServerComesBackWithAnotherModel(t *testing.T) {
	f := start(t, &faulty{})
	b := open(t, remote.Options{Patience: time.Minute}, f)
	f.grpc.Stop()
	f.manifest.Digest = "sha256:" + strings.Repeat("ab", 32)
	f.serve(t, f.addr)
	_, err := b.Embed(t.Context(), embedtest.Tiles(tileSize, 1, 6))
	if e := kindOf(err); e == nil || e.Kind != remote.WrongModel {
		t.Errorf("got %v, want WrongModel", err)
	}
}

func TestTheOtherServerGoesOn(t *testing.T) {
	one, two := start(t, &faulty{}), start(t, &faulty{})
	b := open(t, remote.Options{Patience: time.Minute}, one, two)
	one.set(func(_ context.Context, n int, _ [][]byte) error {
		if n >= 3 {
			go one.grpc.Stop()
		}
		return nil
	}, nil)
	embedAll(t, b, embedtest.Tiles(tileSize, 300, 7))
	if two.embedded.Load() == 0 || b.Stats().Servers != 1 {
		t.Errorf("the second server embedded %d tiles, %d servers answer", two.embedded.Load(), b.Stats().Servers)
	}
}

func TestServersThatDisagreeAreRefused(t *testing.T) {
	one, two := start(t, &faulty{}), &faulty{manifest: embedtest.PixelsManifest()}
	two.manifest.Digest = "sha256:" + strings.Repeat("cd", 32)
	start(t, two)
	_, err := remote.Open(t.Context(), remote.Options{Endpoints: []string{one.endpoint(), two.endpoint()}})
	if e, ok := errors.AsType[*remote.Error](err); !ok || e.Kind != remote.WrongModel {
		t.Errorf("got %v, want WrongModel", err)
	}
}

// A server that takes requests and answers none holds what the callers hold, and lets go when they give up.
func TestStalledServer(t *testing.T) {
	f := start(t, &faulty{})
	b := open(t, remote.Options{}, f)
	f.set(func(ctx context.Context, _ int, _ [][]byte) error { <-ctx.Done(); return ctx.Err() }, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if _, err := b.Embed(ctx, embedtest.Tiles(tileSize, 8, 8)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the deadline", err)
			}
		})
	}
	wg.Wait()
	if s := b.Stats(); s.InFlight > 2 || s.SentBytes > 2*32*3*tileSize*tileSize {
		t.Errorf("%d requests allowed, %d bytes sent, to a server that never answered", s.InFlight, s.SentBytes)
	}
	f.set(nil, nil)
}

func TestGoldenVectorsAreInOrder(t *testing.T) {
	f := start(t, &faulty{})
	b := open(t, remote.Options{}, f)
	want, err := new(embedtest.Pixels).Embed(t.Context(), embed.GoldenTiles(tileSize))
	if err != nil {
		t.Fatal(err)
	}
	if d := embed.MaxDrift(want, b.Golden()); d > 1e-12 || math.IsNaN(d) {
		t.Errorf("golden vectors differ by %g", d)
	}
	if b.Environment()["server"] != "faulty" {
		t.Errorf("environment is %v", b.Environment())
	}
}

func TestServerIsFullForGood(t *testing.T) {
	f := start(t, &faulty{})
	b := open(t, remote.Options{Patience: 2 * time.Second}, f)
	f.set(func(context.Context, int, [][]byte) error { return status.Error(codes.ResourceExhausted, "try later") }, nil)
	_, err := b.Embed(t.Context(), embedtest.Tiles(tileSize, 4, 9))
	if e := kindOf(err); e == nil || e.Kind != remote.Gone || !strings.Contains(e.Error(), "try later") {
		t.Errorf("got %v, want Gone and what the server says", err)
	}
}

// A server that lost its model is waited for, and the other one does its work.
func TestServerLosesItsModel(t *testing.T) {
	one, two := start(t, &faulty{}), start(t, &faulty{})
	var n notices
	b := open(t, remote.Options{Notice: n.add}, one, two)
	one.grpc.Stop()
	one.manifest.Name = "another"
	one.serve(t, one.addr)
	embedAll(t, b, embedtest.Tiles(tileSize, 200, 10))
	if n.count("does not answer") != 1 || b.Stats().Servers != 1 {
		t.Errorf("notices %q, %d servers answer; want one that went", n.lines, b.Stats().Servers)
	}
}

func TestServerThatIsStartingIsWaitedFor(t *testing.T) {
	f := start(t, &faulty{})
	f.starting.Store(12) // about 5 s, by the pauses between
	var n notices
	open(t, remote.Options{Notice: n.add}, f)
	if f.starting.Load() > 0 || n.count("waiting for") != 1 {
		t.Errorf("asked too seldom, or notices %q", n.lines)
	}
}

func TestServerThatStallsAtTheStart(t *testing.T) {
	f := start(t, &faulty{})
	f.stalled.Store(true)
	b, err := remote.Open(t.Context(), remote.Options{Endpoints: []string{f.endpoint()}, Patience: time.Second})
	if err == nil {
		_ = b.Close()
	}
	if e := kindOf(err); e == nil || e.Kind != remote.Unreachable {
		t.Errorf("got %v, want Unreachable", err)
	}
}
