package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/embedtest"
	"github.com/dupfind/dupfind/embed/remote"
)

// The environment of scripts that talk to a server which is none: what a person reads is tested with it, real servers
// elsewhere.
const (
	// envTestServer describes it in words: name=, digest=, drift=, error=KIND at the start, fail=N (the N-th call and
	// all later ones), refuse=N (of tiles, the N-th given).
	envTestServer = "DUPFIND_TEST_SERVER"
	// envTestServerLog is a file that gets a line for each connection.
	envTestServerLog = "DUPFIND_TEST_SERVER_LOG"
)

// fakeServer embeds by pixels and says that it took 10 ms and some bytes a tile.
type fakeServer struct {
	embedtest.Pixels
	manifest embed.Manifest
	golden   []embed.Vector
	wire     remote.Wire
	fail     int
	refuse   int

	mu     sync.Mutex
	calls  int
	tiles  int
	photos int64
}

var errFake = errors.New("as the script wants it")

func openFakeServer(ctx context.Context, o remote.Options) (remoteBackend, error) {
	if err := logConnection(o); err != nil {
		return nil, err
	}
	s := &fakeServer{manifest: embedtest.PixelsManifest(), wire: o.Wire}
	if s.wire == "" || s.wire == remote.Auto {
		s.wire = remote.WebP
	}
	drift := 0.0
	for w := range strings.FieldsSeq(os.Getenv(envTestServer)) {
		key, value, _ := strings.Cut(w, "=")
		n, _ := strconv.ParseFloat(value, 64) // 0 for what is no number
		switch key {
		case "name":
			s.manifest.Name = value
			if value == embed.SSCD().Name {
				s.manifest = embed.SSCD()
			}
		case "digest":
			s.manifest.Digest = "sha256:" + strings.Repeat(value, 64)
		case "drift":
			drift = n
		case "fail":
			s.fail = int(n)
		case "refuse":
			s.refuse = int(n)
		case "error":
			return nil, &remote.Error{Kind: remote.Kind(value), Endpoint: o.Endpoints[0], Models: []string{"clip", "sscd"}, Err: errFake}
		default:
			return nil, fmt.Errorf("%s: unknown word %q", envTestServer, w)
		}
	}
	if s.golden = s.manifest.KnownGolden(); s.golden == nil {
		var err error
		if s.golden, err = s.Pixels.Embed(ctx, embed.GoldenTiles(s.manifest.TileSize)); err != nil {
			return nil, err
		}
	}
	for _, v := range s.golden {
		turn(v, drift)
	}
	if s.wire == remote.JPEG95 {
		s.manifest.Name += "+jpeg95"
	}
	return s, nil
}

func logConnection(o remote.Options) error {
	path := os.Getenv(envTestServerLog)
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s model=%q wire=%q token=%q random=%v described=%v\n", strings.Join(o.Endpoints, " "), o.Model, o.Wire, o.Token, o.AllowRandom, o.Manifest != nil)
	return errors.Join(err, f.Close())
}

// turn turns a unit vector until 1 - cosine is d.
func turn(v embed.Vector, d float64) {
	cos := 1 - d
	u := make([]float64, len(v)) // the first axis less its part along v
	var sum float64
	for i := range u {
		u[i] = -float64(v[0]) * float64(v[i])
		if i == 0 {
			u[i]++
		}
		sum += u[i] * u[i]
	}
	for i := range v {
		v[i] = float32(cos*float64(v[i]) + math.Sqrt(1-cos*cos)*u[i]/math.Sqrt(sum))
	}
}

func (s *fakeServer) Manifest() embed.Manifest { return s.manifest }
func (s *fakeServer) Golden() []embed.Vector   { return s.golden }

func (s *fakeServer) Embed(ctx context.Context, tiles [][]byte) ([]embed.Vector, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls++; s.fail > 0 && s.calls >= s.fail {
		return nil, fmt.Errorf("embed: %w", &remote.Error{Kind: remote.Gone, Endpoint: "grpc://127.0.0.1:1", Err: errFake})
	}
	first := s.tiles
	s.tiles += len(tiles)
	if s.refuse > first && s.refuse <= s.tiles {
		i := s.refuse - first - 1
		s.refuse = 0
		return nil, &embed.TileError{Index: i, Err: errFake}
	}
	s.photos += int64(len(tiles))
	return s.Pixels.Embed(ctx, tiles)
}

func (s *fakeServer) Stats() remote.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	each := map[remote.Wire]int64{remote.Raw: 150_528, remote.WebP: 77_000, remote.JPEG95: 32_000}[s.wire]
	return remote.Stats{
		Photos: s.photos, Requests: int64(s.calls), SentBytes: each * s.photos, Busy: time.Duration(s.photos) * 10 * time.Millisecond,
		RoundTrip: 180 * time.Millisecond, Wire: s.wire, Servers: 1,
	}
}
