package decode

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// answer is what a Job gives.
type answer struct {
	photo  Photo
	digest PixelDigest
}

// guard kills the process when ctx ends or the time is up, and knows which of them it was.
type guard struct {
	p       *process
	timer   *time.Timer
	release func() bool
	late    atomic.Bool
	stopped atomic.Bool
}

func (p *process) guard(ctx context.Context, d time.Duration) *guard {
	g := &guard{p: p}
	g.timer = time.AfterFunc(d, func() { g.late.Store(true); p.kill() })
	g.release = context.AfterFunc(ctx, func() { g.stopped.Store(true); p.kill() })
	return g
}

// done ends the watch. A guard that fired has killed the process, also where the answer was faster.
func (g *guard) done() {
	inTime, undisturbed := g.timer.Stop(), g.release()
	if !inTime || !undisturbed || g.late.Load() {
		g.p.spent = true
	}
}

// hello waits for the worker's first word.
func (p *process) hello(ctx context.Context) error {
	g := p.guard(ctx, helloTimeout)
	defer g.done()
	f, err := ReadFrame(p.r, MaxJobFrame)
	if err != nil {
		if g.late.Load() {
			return fmt.Errorf("it said nothing for %v", helloTimeout)
		}
		p.kill()
		_, err := p.fate()
		return fmt.Errorf("it ended before it was ready: %w", err)
	}
	var h Hello
	if err := f.as(FrameHello, &h); err != nil {
		return err
	}
	if h.Protocol != Protocol || h.Version != Version {
		return fmt.Errorf("it speaks protocol %d, version %d; this program %d, %d: is the program being replaced?",
			h.Protocol, h.Version, Protocol, Version)
	}
	return nil
}

// do gives one job to the process. The error is a *SkipError, a *deathError (the process is spent), or ctx's.
func (p *process) do(ctx context.Context, job Job, wanted func([32]byte) bool, deadline time.Duration) (answer, error) {
	g := p.guard(ctx, deadline)
	a, err := p.exchange(job, wanted, func(size int64) {
		g.timer.Reset(deadline + time.Duration(size/bytesPerSecond)*time.Second)
	})
	g.done()
	if err == nil {
		return a, nil
	}
	if _, ok := errors.AsType[*SkipError](err); ok {
		return answer{}, err
	}
	p.spent = true
	if g.stopped.Load() && ctx.Err() != nil {
		return answer{}, context.Cause(ctx)
	}
	if g.late.Load() {
		return answer{}, &deathError{reason: Timeout, err: fmt.Errorf("no answer within %v", deadline)}
	}
	if errors.Is(err, ErrFrame) {
		// It may still run, and its end will say more if the frame was only cut short by it.
		alive := true
		select {
		case <-p.exited:
			alive = false
		case <-time.After(100 * time.Millisecond):
		}
		if alive {
			p.kill()
			return answer{}, &deathError{reason: Crashed, err: fmt.Errorf("the decoder answered nonsense: %w", err)}
		}
	}
	reason, err := p.fate()
	return answer{}, &deathError{reason: reason, err: err}
}

// exchange is the talk about one photo.
func (p *process) exchange(job Job, wanted func([32]byte) bool, opened func(size int64)) (answer, error) {
	if err := WriteFrame(p.in, FrameJob, job); err != nil {
		return answer{}, fmt.Errorf("send job: %w", err)
	}
	var h Hashed
	var haveSize, haveHash bool
	for {
		f, err := ReadFrame(p.r, maxAnswerFrame)
		if err != nil {
			return answer{}, err
		}
		switch f.Type {
		case FrameOpened:
			var o Opened
			if err := f.as(FrameOpened, &o); err != nil {
				return answer{}, err
			}
			// Once only: each time the deadline starts anew.
			if o.SizeBytes < 0 || o.SizeBytes > job.MaxFileBytes || haveSize || haveHash {
				return answer{}, fmt.Errorf("%w: opened with size %d", ErrFrame, o.SizeBytes)
			}
			haveSize = true
			opened(o.SizeBytes)
		case FrameHashed:
			if err := errors.Join(f.as(FrameHashed, &h), h.validate()); err != nil {
				return answer{}, err
			}
			if haveHash {
				return answer{}, fmt.Errorf("%w: hashed twice", ErrFrame)
			}
			haveHash = true
			if job.Ask {
				if err := WriteFrame(p.in, FrameWanted, Wanted{Decode: wanted([32]byte(h.SHA256))}); err != nil {
					return answer{}, fmt.Errorf("send wanted: %w", err)
				}
			}
		case FrameDone:
			return finish(f, job, h, haveHash)
		default:
			return answer{}, fmt.Errorf("%w: type %d from a worker", ErrFrame, f.Type)
		}
	}
}

// finish reads the last frame about a photo.
func finish(f Frame, job Job, h Hashed, haveHash bool) (answer, error) {
	var d Done
	if err := f.as(FrameDone, &d); err != nil {
		return answer{}, err
	}
	if d.Reason != "" {
		if !d.Reason.Valid() {
			return answer{}, fmt.Errorf("%w: reason %q", ErrFrame, d.Reason)
		}
		return answer{}, &SkipError{Path: string(job.Path), Reason: d.Reason, Err: errors.New(cut(d.Detail, 1024))}
	}
	if !haveHash {
		return answer{}, fmt.Errorf("%w: done without a hash", ErrFrame)
	}
	if d.Known {
		if !job.Ask {
			return answer{}, fmt.Errorf("%w: known without being told", ErrFrame)
		}
		return answer{photo: Photo{Facts: h.facts(), Known: true}}, nil
	}
	if job.Op == OpDigest {
		if len(d.Digest) != 32 {
			return answer{}, fmt.Errorf("%w: digest of %d bytes", ErrFrame, len(d.Digest))
		}
		return answer{digest: PixelDigest{SHA256: [32]byte(h.SHA256), Digest: [32]byte(d.Digest)}}, nil
	}
	ph, err := d.photo(h, job.TileSize, f.Blob)
	return answer{photo: ph}, err
}

func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	if s == "" {
		return "no detail"
	}
	return s
}
