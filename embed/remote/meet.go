package remote

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/remote/inference"
)

const (
	// defaultPatience is how long nothing may come back. A rented machine that was preempted is back within that, or not soon.
	defaultPatience = 2 * time.Minute
	// strangerPatience is how long an address at which nobody ever answered is tried: the user may have mistyped it.
	strangerPatience = 3 * time.Second
	// diagnosisTimeout is for a look below gRPC at a server that did not answer.
	diagnosisTimeout = 3 * time.Second
	// fastLink is from where on encoding a tile takes longer than sending it raw, in bytes per second (0.5 Gbit/s).
	fastLink = 62_500_000
	// farAway is a round trip from where on raw tiles are not thought of.
	farAway = 20 * time.Millisecond
	// probeBytes is the filler of the call that measures the link: some milliseconds of a fast one, 0.1 s of 20 Mbit/s.
	probeBytes = 256 << 10
)

// meet waits until the server is ready, reads what its model is, and chooses the wire.
func (c *Conn) meet(ctx context.Context, o Options) error {
	if err := c.await(ctx, o); err != nil {
		return err
	}
	a, err := c.describe(ctx, o)
	if err != nil {
		return c.explain(ctx, o, err)
	}
	c.about = a
	c.wire, err = c.chooseWire(ctx, o.Wire)
	if err != nil {
		return c.explain(ctx, o, err)
	}
	return nil
}

// await returns when the server says that it is ready. One that is starting is waited for.
func (c *Conn) await(ctx context.Context, o Options) error {
	began, told := time.Now(), false
	for try := 0; ; try++ {
		ready, err := c.ready(ctx, o)
		if err == nil && ready {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		patience := patienceOf(o)
		if err != nil {
			e, hope := c.diagnosis(ctx, o, err)
			if hope == little {
				patience = min(patience, strangerPatience)
			}
			if hope == none || time.Since(began) > patience {
				return e
			}
		} else if time.Since(began) > patience {
			return errorf(Unreachable, c.target.endpoint, "the server says that it is not ready, for %s now", patience)
		}
		if !told && time.Since(began) > strangerPatience/2 {
			told = true
			if err != nil {
				o.notice("waiting for %s: it does not answer yet", c.target.endpoint)
			} else {
				o.notice("waiting for %s: it is not ready yet", c.target.endpoint)
			}
		}
		if err := sleep(ctx, jitter(try, time.Second)); err != nil {
			return err
		}
	}
}

// ready asks whether the server would answer now.
func (c *Conn) ready(ctx context.Context, o Options) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, min(callTimeout, patienceOf(o)))
	defer cancel()
	if c.about.model != "" {
		r, err := c.api.ModelReady(ctx, &inference.ModelReadyRequest{Name: c.about.model})
		return r.GetReady(), err
	}
	r, err := c.api.ServerReady(ctx, &inference.ServerReadyRequest{})
	return r.GetReady(), err
}

// explain turns a failed call into an Error, unless it is one already.
func (c *Conn) explain(ctx context.Context, o Options, err error) error {
	if errors.As(err, new(*Error)) || ctx.Err() != nil {
		return err
	}
	e, _ := c.diagnosis(ctx, o, err)
	return e
}

// hope is what trying again may bring.
type hope int

const (
	none   hope = iota // it is the same for ever
	little             // nobody ever answered there
	some               // somebody is there, and not ready
)

// diagnosis says why a call failed, and whether to try again.
func (c *Conn) diagnosis(ctx context.Context, o Options, err error) (*Error, hope) {
	ctx, cancel := context.WithTimeout(ctx, diagnosisTimeout)
	defer cancel()
	text := status.Convert(err).Message()
	switch code := status.Code(err); {
	case code == codes.Unauthenticated, code == codes.PermissionDenied,
		strings.Contains(text, "restricted"): // Triton has no better code for it
		return errorf(Denied, c.target.endpoint, "the server wants a token, or another one: %s", said(err)), none
	case code == codes.Unimplemented:
		return errorf(NotGRPC, c.target.endpoint, "the server does not speak the Open Inference Protocol: %s", said(err)), none
	case strings.Contains(text, "unexpected HTTP status code"), strings.Contains(text, "unexpected content-type"):
		return errorf(NotGRPC, c.target.endpoint, "a web server or a proxy answers, not a gRPC server: %s", said(err)), none
	}
	switch below := c.target.diagnose(ctx, o); {
	case below == nil:
		return errorf(Unreachable, c.target.endpoint, "%s", said(err)), some
	case below.Kind == Unreachable:
		return below, little
	default:
		return below, none
	}
}

// chooseWire settles how tiles cross the network. Auto measures the link, whatever the address: one that ends on this
// machine may be a tunnel to the other side of the world.
func (c *Conn) chooseWire(ctx context.Context, w Wire) (Wire, error) {
	switch w {
	case Raw:
		return Raw, nil
	case WebP, JPEG95:
		if !c.about.encoded {
			return "", errorf(NoEncoded, c.target.endpoint, "the server has no model %q, which would take encoded tiles", c.about.model+encodedSuffix)
		}
		return w, nil
	}
	if !c.about.encoded {
		return Raw, nil
	}
	fast, err := c.isFast(ctx)
	if err != nil {
		return "", err
	}
	if fast {
		return Raw, nil
	}
	return WebP, nil
}

// isFast tells whether the way to the server is so short and so wide that encoding would cost more than it saves. Far
// away that cannot be told by a call or two: there the connection is as fast as it is only after a while, and encoding
// is cheap beside the way.
func (c *Conn) isFast(ctx context.Context) (bool, error) {
	least := func(bytes int) (d time.Duration, err error) {
		for i := range 3 {
			p, err := c.ping(ctx, bytes)
			if err != nil {
				return 0, err
			}
			if i == 0 || p < d {
				d = p
			}
			if d > farAway {
				break
			}
		}
		return d, nil
	}
	empty, err := least(0)
	if err != nil || empty > farAway {
		return false, err
	}
	filled, err := least(probeBytes)
	return probeBytes >= fastLink*max(filled-empty, 0).Seconds(), err
}

// golden embeds the golden tiles, so that the model can be told from another one.
func (c *Conn) golden(ctx context.Context) ([]embed.Vector, error) {
	size := c.about.manifest.TileSize
	var elements [][]byte
	for _, t := range embed.GoldenTiles(size) {
		e, err := encode(c.wire, t, size)
		if err != nil {
			return nil, err
		}
		elements = append(elements, e)
	}
	return c.goldenPart(ctx, elements)
}

// goldenPart embeds some golden tiles, in halves if the server does not take as many at once.
func (c *Conn) goldenPart(ctx context.Context, elements [][]byte) ([]embed.Vector, error) {
	for try := 0; ; try++ {
		vectors, pushback, err := c.infer(ctx, c.request(elements))
		if err == nil {
			return vectors, nil
		}
		f := fateOf(err, pushback >= 0)
		if m := len(elements) / 2; f == suspect && m > 0 {
			first, err := c.goldenPart(ctx, elements[:m])
			if err != nil {
				return nil, err
			}
			second, err := c.goldenPart(ctx, elements[m:])
			return append(first, second...), err
		}
		if try == 4 || f == fatal || f == suspect || ctx.Err() != nil {
			return nil, fmt.Errorf("embed the golden tiles: %w", c.goldenError(ctx, err))
		}
		if err := sleep(ctx, max(pushback, jitter(try, time.Second))); err != nil {
			return nil, err
		}
	}
}

func (c *Conn) goldenError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return err
	case fateOf(err, false) == fatal:
		return fatalError(c.target.endpoint, err)
	}
	return errorf(Refuses, c.target.endpoint, "%s", said(err))
}

// check holds what a server that came back says of its model against what it said before.
func (c *Conn) check(ctx context.Context, o Options, before []embed.Vector) error {
	a, err := c.describe(ctx, o)
	if err != nil {
		return err
	}
	switch {
	case a.manifest.Key() != c.about.manifest.Key():
		return errorf(WrongModel, c.target.endpoint, "the server runs %s now, and ran %s before", a.manifest.Key(), c.about.manifest.Key())
	case a.random != c.about.random:
		return errorf(WrongModel, c.target.endpoint, "the server's weights are others than before: random and trained ones")
	case c.wire != Raw && !a.encoded:
		return errorf(NoEncoded, c.target.endpoint, "the server has no model %q any more", c.about.model+encodedSuffix)
	}
	now, err := c.golden(ctx)
	if err != nil {
		return err
	}
	if d := embed.MaxDrift(before, now); !(d <= embed.GoldenTolerance) {
		return errorf(WrongModel, c.target.endpoint, "the server gives other vectors than before (1 - cosine %.2g) for the same model", d)
	}
	return nil
}

func patienceOf(o Options) time.Duration {
	if o.Patience > 0 {
		return o.Patience
	}
	return defaultPatience
}

func (o Options) notice(format string, args ...any) {
	if o.Notice != nil {
		o.Notice(fmt.Sprintf(format, args...))
	}
}

// jitter is a random wait that doubles with each try, up to most: "full jitter" (M. Brooker, Exponential Backoff And
// Jitter, AWS Architecture Blog, 2015), under which clients that failed together do not come back together.
func jitter(try int, most time.Duration) time.Duration {
	return rand.N(min(most, 100*time.Millisecond<<min(try, 10)) + 1)
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
