package remote_test

import (
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/embedtest"
	"github.com/dupfind/dupfind/embed/local"
	"github.com/dupfind/dupfind/embed/remote"
)

// realServers are the servers that dupfind is made for, each with SSCD.
var realServers = []struct {
	name  string
	wires []remote.Wire
	start func(t testing.TB) *embedtest.Server
}{
	{"PyTorch server", []remote.Wire{remote.Raw, remote.WebP}, func(t testing.TB) *embedtest.Server {
		return embedtest.StartPyTorch(t, embedtest.PyTorchOptions{Engine: embedtest.EngineONNX})
	}},
	{"Triton", []remote.Wire{remote.Raw, remote.WebP}, func(t testing.TB) *embedtest.Server {
		return embedtest.StartTriton(t, embedtest.TritonOptions{Engine: embedtest.EngineONNX})
	}},
	{"KServe", []remote.Wire{remote.Raw}, func(t testing.TB) *embedtest.Server {
		return embedtest.StartKServe(t, embedtest.KServeOptions{Engine: embedtest.EngineONNX})
	}},
}

func grpcURL(s *embedtest.Server) string { return "grpc://" + s.Addr }

// TestInterop runs the suite of all backends, and compares every vector with what the model gives on this machine: the
// same runtime with the same options on the same chip must give the same bits.
func TestInterop(t *testing.T) {
	tiles := append(embedtest.Tiles(tileSize, 16, 21), embed.GoldenTiles(tileSize)...)
	want := localVectors(t, tiles)
	for _, server := range realServers {
		t.Run(server.name, func(t *testing.T) {
			s := server.start(t)
			for _, w := range server.wires {
				t.Run(string(w), func(t *testing.T) {
					o := remote.Options{Endpoints: []string{grpcURL(s)}, Wire: w}
					embedtest.Conformance(t, func(t *testing.T) embed.Backend {
						b, err := remote.Open(t.Context(), o)
						if err != nil {
							t.Fatal(err)
						}
						return b
					})
					b := open(t, o)
					if b.Manifest().Key() != embed.SSCD().Key() || b.Stats().Wire != w {
						t.Errorf("runs %s over %s", b.Manifest().Key(), b.Stats().Wire)
					}
					got, err := b.Embed(t.Context(), tiles)
					if err != nil {
						t.Fatal(err)
					}
					for i := range got {
						if !slices.Equal(got[i], want[i]) {
							t.Fatalf("tile %d: the server's vector is not the local one bit for bit; they differ by %g",
								i, embed.MaxDrift(got[i:i+1], want[i:i+1]))
						}
					}
				})
			}
		})
	}
}

// localVectors embeds on this machine.
func localVectors(t *testing.T, tiles [][]byte) []embed.Vector {
	t.Helper()
	found, err := local.Locate(local.LocateOptions{})
	if _, ok := errors.AsType[*local.MissingError](err); ok && os.Getenv("CI") != "true" {
		t.Skipf("needs the real model (make setup): %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := local.Open(t.Context(), found.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	vectors, err := b.Embed(t.Context(), tiles)
	if err != nil {
		t.Fatal(err)
	}
	return vectors
}

// simServers are both shipped servers with the engine that pretends to be a graphics card.
var simServers = []struct {
	name  string
	start func(t testing.TB, token string, cert embedtest.Certificate) *embedtest.Server
}{
	{"PyTorch server", func(t testing.TB, token string, cert embedtest.Certificate) *embedtest.Server {
		return embedtest.StartPyTorch(t, embedtest.PyTorchOptions{Token: token, TLS: cert})
	}},
	{"Triton", func(t testing.TB, token string, cert embedtest.Certificate) *embedtest.Server {
		return embedtest.StartTriton(t, embedtest.TritonOptions{Token: token, TLS: cert})
	}},
}

// reference asks a server for the vectors of tiles one by one, over a connection without any of the client's cleverness.
func reference(t *testing.T, s *embedtest.Server, tiles [][]byte) []embed.Vector {
	t.Helper()
	c, err := remote.Dial(t.Context(), grpcURL(s), remote.Options{Wire: remote.Raw})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var out []embed.Vector
	for _, tile := range tiles {
		v, err := c.Infer(t.Context(), [][]byte{tile})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v...)
	}
	return out
}

// embedLike embeds tiles by many calls at once and compares with the reference.
func embedLike(t *testing.T, b embed.Backend, tiles [][]byte, want []embed.Vector) {
	t.Helper()
	var wg sync.WaitGroup
	for part := range slices.Chunk(indices(len(tiles)), 4) {
		wg.Go(func() {
			got, err := b.Embed(t.Context(), tiles[part[0]:part[len(part)-1]+1])
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

// A real server that is killed in the middle of the work and started again costs nothing but time.
func TestRealServerIsKilled(t *testing.T) {
	tiles := embedtest.Tiles(tileSize, 96, 31)
	for _, server := range simServers {
		t.Run(server.name, func(t *testing.T) {
			s := server.start(t, "", embedtest.Certificate{})
			want := reference(t, s, tiles)
			var n notices
			b := open(t, remote.Options{Endpoints: []string{grpcURL(s)}, Patience: 2 * time.Minute, Notice: n.add, InFlight: 2, BatchTiles: 4})
			var killed sync.WaitGroup
			killed.Go(func() {
				for b.Stats().Photos < 20 {
					time.Sleep(time.Millisecond)
				}
				s.Kill()
			})
			var work sync.WaitGroup
			work.Go(func() { embedLike(t, b, tiles, want) })
			killed.Wait()
			s.Restart()
			work.Wait()
			if n.count("does not answer") != 1 || n.count("is back") != 1 {
				t.Errorf("notices are %q, want one of each kind", n.lines)
			}
		})
	}
}

func TestRealServersWithTokenAndTLS(t *testing.T) {
	cert, strange := embedtest.Cert(t), embedtest.Cert(t)
	tiles := embedtest.Tiles(tileSize, 8, 41)
	for _, server := range simServers {
		t.Run(server.name, func(t *testing.T) {
			s := server.start(t, "secret", cert)
			url := "grpcs://" + s.Addr
			for _, c := range []struct {
				name string
				o    remote.Options
				want remote.Kind
			}{
				{"no token", remote.Options{Endpoints: []string{url}, CAFile: cert.CA}, remote.Denied},
				{"wrong token", remote.Options{Endpoints: []string{url}, CAFile: cert.CA, Token: "secre"}, remote.Denied},
				{"other authority", remote.Options{Endpoints: []string{url}, CAFile: strange.CA, Token: "secret"}, remote.Certificate},
				{"in the clear", remote.Options{Endpoints: []string{grpcURL(s)}, Token: "secret"}, remote.NeedsTLS},
			} {
				t.Run(c.name, func(t *testing.T) {
					began := time.Now()
					b, err := remote.Open(t.Context(), c.o)
					if err == nil {
						_ = b.Close()
						t.Fatal("it can be used")
					}
					if e := kindOf(err); e == nil || e.Kind != c.want {
						t.Errorf("got %v, want %s", err, c.want)
					}
					if took := time.Since(began); took > 20*time.Second {
						t.Errorf("it took %s to say so", took)
					}
				})
			}
			b := open(t, remote.Options{Endpoints: []string{url}, CAFile: cert.CA, Token: "secret"})
			if _, err := b.Embed(t.Context(), tiles); err != nil {
				t.Error(err)
			}
		})
	}
}

// A server whose queue is full slows the client down, and loses nothing.
func TestRealServerIsFull(t *testing.T) {
	tiles := embedtest.Tiles(tileSize, 160, 51)
	s := embedtest.StartPyTorch(t, embedtest.PyTorchOptions{QueueTiles: 8, ExtraArgs: []string{"--max-batch", "8"}})
	want := reference(t, s, tiles)
	b := open(t, remote.Options{Endpoints: []string{grpcURL(s)}, InFlight: 8, BatchTiles: 8})
	embedLike(t, b, tiles, want)
	if b.Stats().Retries == 0 {
		t.Error("the queue was never full")
	}
}

func TestStatisticsOfRealServers(t *testing.T) {
	tiles := embedtest.Tiles(tileSize, 8, 61)
	for _, server := range simServers {
		for _, w := range []remote.Wire{remote.Raw, remote.WebP} {
			t.Run(server.name+" "+string(w), func(t *testing.T) {
				s := server.start(t, "", embedtest.Certificate{})
				c, err := remote.Dial(t.Context(), grpcURL(s), remote.Options{Wire: w})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				before, err := c.Statistics(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for range 3 {
					if _, err := c.Infer(t.Context(), tiles); err != nil {
						t.Fatal(err)
					}
				}
				d := statisticsOf(t, c, before, 3)
				if d.Requests != 3 || d.Tiles != 24 || d.Infer < 3*9*time.Millisecond || d.Total < d.Infer {
					t.Errorf("got %+v, want 3 requests of 24 tiles, at least 27 ms of them in the model", d)
				}
				if c.Environment()["engine"] != "sim" || c.Environment()["server"] == "" {
					t.Errorf("environment is %v", c.Environment())
				}
			})
		}
	}
}

// statisticsOf waits until the server has counted some requests: Triton counts after it has answered.
func statisticsOf(t *testing.T, c *remote.Conn, before remote.ServerTimes, requests uint64) remote.ServerTimes {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		now, err := c.Statistics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := now.Sub(before); d.Requests >= requests || time.Now().After(deadline) {
			return d
		}
	}
}
