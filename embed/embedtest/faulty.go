package embedtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/dupfind/dupfind/embed"
)

// Fault is what goes wrong in a call of Embed.
type Fault string

// The faults.
const (
	Fail     Fault = "fail"      // returns ErrFault
	BadTile  Fault = "bad-tile"  // returns a TileError with ErrFault for tile 0
	Block    Fault = "block"     // returns when the context ends, with its cause
	Missing  Fault = "missing"   // one vector too few
	TooShort Fault = "too-short" // the first vector lacks its last number
	NaN      Fault = "nan"       // the first vector holds a NaN
	NotUnit  Fault = "not-unit"  // the first vector is twice as long
)

// ErrFault is what Fail and BadTile return.
var ErrFault = errors.New("fault made by a test")

// Faulty is a backend whose n-th call of Embed goes wrong; the others go through.
type Faulty struct {
	embed.Backend
	Fault Fault
	At    int64 // the call that goes wrong, from 1; 0: every call
	// Entered, if not nil, gets a value when the faulty call begins: a test can then cancel a call that blocks.
	Entered chan<- struct{}

	calls atomic.Int64
}

// Calls is how many calls of Embed there have been.
func (f *Faulty) Calls() int64 { return f.calls.Load() }

// Embed implements embed.Backend.
func (f *Faulty) Embed(ctx context.Context, tiles [][]byte) ([]embed.Vector, error) {
	if n := f.calls.Add(1); f.At != 0 && n != f.At {
		return f.Backend.Embed(ctx, tiles)
	}
	if f.Entered != nil {
		select {
		case f.Entered <- struct{}{}:
		case <-ctx.Done():
		}
	}
	switch f.Fault {
	case Fail:
		return nil, ErrFault
	case BadTile:
		return nil, fmt.Errorf("embed: %w", &embed.TileError{Index: 0, Err: ErrFault})
	case Block:
		<-ctx.Done()
		return nil, fmt.Errorf("embed: %w", context.Cause(ctx))
	}
	vs, err := f.Backend.Embed(ctx, tiles)
	if err != nil || len(vs) == 0 {
		return vs, err
	}
	switch f.Fault {
	case Missing:
		vs = vs[:len(vs)-1]
	case TooShort:
		vs[0] = vs[0][:len(vs[0])-1]
	case NaN:
		vs[0][0] = float32(math.NaN())
	case NotUnit:
		for i := range vs[0] {
			vs[0][i] *= 2
		}
	default:
		panic(fmt.Sprintf("embedtest: no fault %q", f.Fault))
	}
	return vs, nil
}
