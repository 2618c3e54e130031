package link

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/collectors"
	_ "github.com/Shopify/toxiproxy/v2/toxics" // registers latency and bandwidth
	"github.com/rs/zerolog"
)

// Options describe a link. A zero value of a field leaves that part of the network as it is.
type Options struct {
	RTT             time.Duration // added to each round trip, half of it each way
	UpBitsPerSecond int64         // the limit from the client to the server
}

// What toxiproxy can keep: whole milliseconds each way, whole kilobytes a second.
const (
	maxRTT  = time.Minute
	minRate = 8000
	maxRate = 1e12
)

// Zero reports whether the link changes nothing.
func (o Options) Zero() bool { return o == Options{} }

// Check reports a link that cannot be made.
func (o Options) Check() error {
	if o.RTT < 0 || o.RTT > maxRTT {
		return fmt.Errorf("a round trip of %v: want 0 to %v", o.RTT, maxRTT)
	}
	if o.UpBitsPerSecond != 0 && (o.UpBitsPerSecond < minRate || o.UpBitsPerSecond > maxRate) {
		return fmt.Errorf("an upload of %d bit/s: want 8 kbit/s to 1 Tbit/s", o.UpBitsPerSecond)
	}
	return nil
}

// Link forwards connections to one server. Its methods may be called at the same time.
type Link struct {
	proxy *toxiproxy.Proxy
	once  sync.Once
}

// New opens a port on this machine that forwards to upstream (host:port) over the simulated link.
func New(upstream string, o Options) (*Link, error) {
	if err := o.Check(); err != nil {
		return nil, fmt.Errorf("simulated link: %w", err)
	}
	metrics := toxiproxy.NewMetricsContainer(nil)
	metrics.ProxyMetrics = collectors.NewProxyMetricCollectors() // without them the labels of a closing link are nil
	server := toxiproxy.NewServer(metrics, zerolog.Nop())
	p := toxiproxy.NewProxy(server, "link", "127.0.0.1:0", upstream)
	for _, t := range o.toxics() {
		b, err := json.Marshal(t)
		if err != nil {
			return nil, fmt.Errorf("simulated link: %w", err)
		}
		if _, err := p.Toxics.AddToxicJson(strings.NewReader(string(b))); err != nil {
			return nil, fmt.Errorf("simulated link: %w", err)
		}
	}
	if err := p.Start(); err != nil {
		return nil, fmt.Errorf("simulated link: %w", err)
	}
	return &Link{proxy: p}, nil
}

// toxic is toxiproxy's description of one disturbance.
type toxic struct {
	Type       string           `json:"type"`
	Stream     string           `json:"stream"`
	Attributes map[string]int64 `json:"attributes"`
}

// toxics lists the disturbances in the order that data meets them. The delay comes before the limit: toxiproxy counts a
// delay from when the data was read, so that after the limit the time spent there would shorten it.
func (o Options) toxics() []toxic {
	var out []toxic
	if ms := o.RTT.Milliseconds(); ms > 0 {
		up := (ms + 1) / 2
		out = append(out,
			toxic{"latency", "upstream", map[string]int64{"latency": up}},
			toxic{"latency", "downstream", map[string]int64{"latency": ms - up}})
	}
	if o.UpBitsPerSecond > 0 {
		// toxiproxy's KB/s are 1000 bytes a second: it sleeps len/rate milliseconds.
		out = append(out, toxic{"bandwidth", "upstream", map[string]int64{"rate": o.UpBitsPerSecond / 8000}})
	}
	return out
}

// Addr is the address to connect to instead of the server's.
func (l *Link) Addr() string { return l.proxy.Listen }

// Close ends the link with its connections.
func (l *Link) Close() { l.once.Do(l.proxy.Stop) }

// Dialer connects to servers over simulated links of one kind, one for each server. The zero Options make it an
// ordinary dialer.
type Dialer struct {
	Options Options

	mu    sync.Mutex
	links map[string]*Link
}

// DialContext connects to address, a host:port.
func (d *Dialer) DialContext(ctx context.Context, address string) (net.Conn, error) {
	var std net.Dialer
	if d.Options.Zero() {
		return std.DialContext(ctx, "tcp", address)
	}
	// The link accepts whatever lies behind it; a server that is not there must show here, at once.
	probe, err := std.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	_ = probe.Close() // it was never used
	l, err := d.link(address)
	if err != nil {
		return nil, err
	}
	// The first packet of a real connection takes a round trip, which the proxy on this machine does not.
	if err := sleep(ctx, d.Options.RTT); err != nil {
		return nil, err
	}
	return std.DialContext(ctx, "tcp", l.Addr())
}

func (d *Dialer) link(address string) (*Link, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := d.links[address]; l != nil {
		return l, nil
	}
	l, err := New(address, d.Options)
	if err != nil {
		return nil, err
	}
	if d.links == nil {
		d.links = map[string]*Link{}
	}
	d.links[address] = l
	return l, nil
}

// Close ends all links.
func (d *Dialer) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.links {
		l.Close()
	}
	d.links = nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
