package remote

import (
	"context"
	"errors"
	"time"
)

// probePause is the longest wait between two looks at a server that is gone.
const probePause = 5 * time.Second

// eject takes a server out until it is well again. Whoever calls it holds the lock.
func (s *server) eject(err error) {
	b := s.b
	if s.down {
		return
	}
	if b.tooLong(s, err) {
		return
	}
	s.down = true
	// Over a new connection it answers; only its model is to be checked.
	s.quiet = errors.Is(err, errNewLine)
	if !s.quiet {
		s.tellGone(err)
	}
	b.running.Go(s.recover)
}

func (s *server) tellGone(err error) {
	s.b.options.notice("%s does not answer (%s); trying again", s.conn.target.endpoint, said(err))
}

// recover looks at a server until it is well, and takes it in again if it still runs the same model.
func (s *server) recover() {
	b := s.b
	for try := 0; ; try++ {
		line, err := s.look()
		if err == nil {
			s.takeBack(line)
			return
		}
		if b.ctx.Err() != nil || s.hopeless(err) || sleep(b.ctx, jitter(try, probePause)) != nil {
			return
		}
	}
}

// look tells whether a server is well and runs what it ran before, and over which connection it said so.
func (s *server) look() (line int64, err error) {
	ctx, cancel := context.WithTimeout(s.b.ctx, patienceOf(s.b.options)/2)
	defer cancel()
	ready, err := s.conn.ready(ctx, s.b.options)
	if err == nil && !ready {
		err = errorf(Unreachable, s.conn.target.endpoint, "it says that it is not ready")
	}
	if err != nil {
		return 0, s.conn.explain(ctx, s.b.options, err)
	}
	line = s.conn.lines.made.Load()
	if err := s.conn.check(ctx, s.b.options, s.golden); err != nil {
		return 0, s.conn.explain(ctx, s.b.options, err)
	}
	if s.conn.lines.made.Load() != line {
		return 0, errNewLine
	}
	return line, nil
}

// takeBack lets a server work again.
func (s *server) takeBack(line int64) {
	b := s.b
	b.mu.Lock()
	defer b.mu.Unlock()
	s.line, s.down = line, false
	s.flow = newFlow(b.options, b.manifest) // another machine may answer now, another way away
	if !s.quiet {
		b.options.notice("%s is back", s.conn.target.endpoint)
	}
	b.wake.Broadcast()
}

// hopeless ends the work with a server that cannot do it any more, or all work when nothing has come back for too long.
func (s *server) hopeless(err error) bool {
	b := s.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := errors.AsType[*Error](err); ok && e.Kind != Unreachable && e.Kind != Refuses {
		b.lost++
		b.options.notice("%v; it is left out", e)
		if b.lost == len(b.servers) {
			b.fail(e)
		}
		return true
	}
	if s.quiet && !errors.Is(err, errNewLine) {
		s.quiet = false
		s.tellGone(err)
	}
	return b.tooLong(s, err) || b.err != nil
}
