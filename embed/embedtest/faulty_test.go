package embedtest

import (
	"context"
	"errors"
	"testing"

	"github.com/dupfind/dupfind/embed"
)

func TestFaultyWithoutItsCallConforms(t *testing.T) {
	Conformance(t, func(*testing.T) embed.Backend { return &Faulty{Backend: &Pixels{}, Fault: Fail, At: 1 << 40} })
}

func TestFaults(t *testing.T) {
	tiles := Tiles(pixelsTile, 2, 1)
	for _, c := range []struct {
		fault Fault
		bad   func(vs []embed.Vector, err error) bool
	}{
		{Fail, func(_ []embed.Vector, err error) bool { return errors.Is(err, ErrFault) }},
		{BadTile, func(_ []embed.Vector, err error) bool {
			e, ok := errors.AsType[*embed.TileError](err)
			return ok && e.Index == 0 && errors.Is(err, ErrFault)
		}},
		{Missing, func(vs []embed.Vector, err error) bool { return err == nil && len(vs) == 1 }},
		{TooShort, badVector}, {NaN, badVector}, {NotUnit, badVector},
	} {
		f := &Faulty{Backend: &Pixels{}, Fault: c.fault, At: 2}
		mustEmbed(t, f, tiles)
		if vs, err := f.Embed(t.Context(), tiles); !c.bad(vs, err) {
			t.Errorf("%s: got %d vectors, %v", c.fault, len(vs), err)
		}
		mustEmbed(t, f, tiles)
		if f.Calls() != 3 {
			t.Errorf("%s: counted %d calls, want 3", c.fault, f.Calls())
		}
	}
}

func badVector(vs []embed.Vector, err error) bool {
	return err == nil && embed.CheckVector(vs[0], pixelsDim) != nil && embed.CheckVector(vs[1], pixelsDim) == nil
}

func TestBlockEndsWithItsContext(t *testing.T) {
	entered := make(chan struct{})
	f := &Faulty{Backend: &Pixels{}, Fault: Block, Entered: entered}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	go func() {
		<-entered
		cancel(stop)
	}()
	if _, err := f.Embed(ctx, Tiles(pixelsTile, 1, 1)); !errors.Is(err, stop) {
		t.Errorf("got %v, want the cause", err)
	}
}
