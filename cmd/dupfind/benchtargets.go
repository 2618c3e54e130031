package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/local"
	"github.com/dupfind/dupfind/embed/remote"
	"github.com/dupfind/dupfind/internal/bench"
	benchlink "github.com/dupfind/dupfind/internal/bench/link"
	"github.com/dupfind/dupfind/internal/term"
)

// serverTiles is the most tiles that the client puts into one request.
const serverTiles = 32

// benchTargets are the backends as bench wants them.
func (a app) benchTargets(b benchOptions, dialer *benchlink.Dialer) ([]bench.Target, error) {
	var out []bench.Target
	for i, backend := range b.remote.Backends {
		if backend == localBackend {
			t, err := a.localTarget(b)
			if err != nil {
				return nil, err
			}
			t.Name = b.names[i]
			out = append(out, t)
			continue
		}
		choice := backendChoice{
			Servers: []string{backend}, Model: b.Model, Wire: b.remote.Wire, CAFile: b.remote.CAFile, AllowRandom: b.remote.AllowRandom,
		}
		if strings.HasSuffix(b.Model, ".onnx") { // that is for this machine
			choice.Model = ""
		}
		o, err := a.servers(b.remote, choice)
		if err != nil {
			return nil, err
		}
		o.Log = a.logger(b.flagOptions)
		o.Notice = func(text string) { a.note(b.flagOptions, "%s", term.EscapeSentence(text)) }
		t := serverTarget{a, o, dialer}.target()
		t.Name = b.names[i]
		out = append(out, t)
	}
	return out, nil
}

func (a app) localTarget(b benchOptions) (bench.Target, error) {
	o := b.flagOptions
	if strings.HasSuffix(o.Model, ".json") { // that is for servers
		o.Model = ""
	}
	model, err := a.pickModel(o)
	if err != nil {
		return bench.Target{}, err
	}
	environment := map[string]string{"device": "cpu"}
	if place, err := local.LocateLibrary(locateOptions(o)); err == nil {
		if v, err := local.Version(place.Path); err == nil {
			environment["engine"] = v
		}
	}
	return bench.Target{Place: localBackend, Open: func(ctx context.Context) (bench.Subject, error) {
		m, err := model.Open(ctx)
		if err != nil {
			return nil, err
		}
		return localSubject{m, environment}, nil
	}}, nil
}

// localSubject is the model on this machine.
type localSubject struct {
	embed.Backend
	environment map[string]string
}

func (s localSubject) Describe() bench.Description {
	return bench.Description{Manifest: s.Manifest(), Environment: s.environment}
}

// serverTarget is a server, and the way to it.
type serverTarget struct {
	a      app
	o      remote.Options
	dialer *benchlink.Dialer
}

func (t serverTarget) target() bench.Target {
	out := bench.Target{Place: t.o.Endpoints[0], MaxTiles: serverTiles, Open: t.open, OpenAdaptive: t.openAdaptive}
	if l := t.dialer.Options; !l.Zero() {
		out.Link = &bench.LinkInfo{RTTMS: float64(l.RTT.Microseconds()) / 1000, UpBitsPerSecond: l.UpBitsPerSecond, Simulated: true}
	}
	return out
}

func (t serverTarget) open(ctx context.Context) (bench.Subject, error) {
	m := &meter{dialer: t.dialer}
	t.o.Dial = m.dial
	conn, err := remote.Dial(ctx, t.o.Endpoints[0], t.o)
	if err != nil {
		return nil, err
	}
	return connSubject{conn, m}, nil
}

func (t serverTarget) openAdaptive(ctx context.Context) (bench.Subject, error) {
	m := &meter{dialer: t.dialer}
	t.o.Dial = m.dial
	b, err := t.a.openRemote(ctx, t.o)
	if err != nil {
		return nil, err
	}
	return adaptiveSubject{b, m}, nil
}

// connSubject is one connection to a server.
type connSubject struct {
	*remote.Conn
	*meter
}

func (s connSubject) Embed(ctx context.Context, tiles [][]byte) ([]embed.Vector, error) {
	return s.Infer(ctx, tiles)
}

func (s connSubject) Describe() bench.Description {
	return bench.Description{Manifest: s.Manifest(), Environment: s.Environment(), Wire: string(s.Wire())}
}

func (s connSubject) Counters(ctx context.Context) (bench.Counters, error) {
	t, err := s.Statistics(ctx)
	if errors.Is(err, remote.ErrNoStatistics) {
		return bench.Counters{}, bench.ErrNoCounters
	}
	return bench.Counters(t), err
}

func (s connSubject) SendFiles(ctx context.Context, files [][]byte) error {
	err := s.Upload(ctx, files)
	if errors.Is(err, remote.ErrTooLarge) {
		return errors.Join(bench.ErrTooLarge, err)
	}
	return err
}

// adaptiveSubject is the client that scans use.
type adaptiveSubject struct {
	remoteBackend
	*meter
}

func (s adaptiveSubject) Describe() bench.Description {
	return bench.Description{Manifest: s.Manifest(), Wire: string(s.Stats().Wire)}
}

func (s adaptiveSubject) State() bench.State {
	st := s.Stats()
	return bench.State{
		InFlight: st.InFlight, Batch: st.Batch, Wire: string(st.Wire), SentBytes: st.SentBytes, Retries: st.Retries,
		RequestP50: st.RequestP50, RequestMax: st.RequestMax,
	}
}

// meter connects and counts what crosses the connections.
type meter struct {
	dialer         *benchlink.Dialer
	sent, received atomic.Int64
}

func (m *meter) dial(ctx context.Context, address string) (net.Conn, error) {
	c, err := m.dialer.DialContext(ctx, address)
	if err != nil {
		return nil, err
	}
	return meteredConn{c, m}, nil
}

func (m *meter) Bytes() (sent, received int64) { return m.sent.Load(), m.received.Load() }

type meteredConn struct {
	net.Conn
	m *meter
}

func (c meteredConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.m.received.Add(int64(n))
	return n, err
}

func (c meteredConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.m.sent.Add(int64(n))
	return n, err
}
