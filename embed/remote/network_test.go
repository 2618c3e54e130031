package remote_test

import (
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/collectors"
	_ "github.com/Shopify/toxiproxy/v2/toxics" // registers them
	"github.com/rs/zerolog"

	"github.com/dupfind/dupfind/embed/embedtest"
	"github.com/dupfind/dupfind/embed/remote"
)

// badNetwork is a proxy between client and server that can be made to fail.
type badNetwork struct {
	t *testing.T
	p *toxiproxy.Proxy
}

func newBadNetwork(t *testing.T, upstream string) *badNetwork {
	t.Helper()
	metrics := toxiproxy.NewMetricsContainer(nil)
	metrics.ProxyMetrics = collectors.NewProxyMetricCollectors()
	p := toxiproxy.NewProxy(toxiproxy.NewServer(metrics, zerolog.Nop()), "bad", "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return &badNetwork{t, p}
}

func (n *badNetwork) endpoint() string { return "grpc://" + n.p.Listen }

func (n *badNetwork) add(toxic string) {
	n.t.Helper()
	if _, err := n.p.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		n.t.Fatal(err)
	}
}

func (n *badNetwork) heal() { n.p.Toxics.ResetToxics(n.t.Context()) }

// Whatever the network does to a connection, every tile gets its own vector.
func TestBadNetwork(t *testing.T) {
	for _, c := range []struct{ name, toxic string }{
		{"reset in the middle of a request", `{"name":"x","type":"reset_peer","stream":"upstream","attributes":{"timeout":20}}`},
		{"reset in the middle of an answer", `{"name":"x","type":"reset_peer","stream":"downstream","attributes":{"timeout":20}}`},
		{"ends after some bytes of a request", `{"name":"x","type":"limit_data","stream":"upstream","attributes":{"bytes":3000000}}`},
		{"ends after some bytes of an answer", `{"name":"x","type":"limit_data","stream":"downstream","attributes":{"bytes":50000}}`},
		{"stalls, then closes", `{"name":"x","type":"timeout","stream":"upstream","attributes":{"timeout":500}}`},
		{"answers stall, then it closes", `{"name":"x","type":"timeout","stream":"downstream","attributes":{"timeout":500}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := start(t, &faulty{})
			n := newBadNetwork(t, f.addr)
			b := open(t, remote.Options{Endpoints: []string{n.endpoint()}, Patience: time.Minute, Wire: remote.Raw})
			tiles := embedtest.Tiles(tileSize, 200, 71)
			n.add(c.toxic)
			healed := make(chan struct{})
			go func() {
				defer close(healed)
				for b.Stats().Retries == 0 {
					time.Sleep(5 * time.Millisecond)
				}
				n.heal()
			}()
			embedAll(t, b, tiles)
			<-healed
			if got := b.Stats().Photos; got != 200 {
				t.Errorf("%d vectors counted for 200 tiles", got)
			}
		})
	}
}

// A link that takes in everything and gives nothing back must not be waited for without end.
func TestNetworkStallsForGood(t *testing.T) {
	f := start(t, &faulty{})
	n := newBadNetwork(t, f.addr)
	b := open(t, remote.Options{Endpoints: []string{n.endpoint()}, Patience: 3 * time.Second})
	n.add(`{"name":"x","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`)
	_, err := b.Embed(t.Context(), embedtest.Tiles(tileSize, 4, 81))
	if e := kindOf(err); e == nil || e.Kind != remote.Gone {
		t.Errorf("got %v, want Gone", err)
	}
}
