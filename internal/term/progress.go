package term

import (
	"io"
	"sync"
	"time"
)

// Mode is how progress is shown.
type Mode string

const (
	Bar       Mode = "bar"        // one line that is drawn again and again; a terminal's
	JSONLines Mode = "json-lines" // one object a line, documented at progressLine
	None      Mode = "none"
)

// Valid reports whether m is one of the modes above.
func (m Mode) Valid() bool { return m == Bar || m == JSONLines || m == None }

const (
	barEvery  = 100 * time.Millisecond
	jsonEvery = time.Second
	// slowAfter is how long a photo may take before it is named: most take
	// less than a tenth of a second.
	slowAfter = 5 * time.Second
	// rateWindow is how far back the rate looks: long enough to be steady,
	// short enough to notice a drive that got slow.
	rateWindow = 15 * time.Second
)

// ProgressOptions say how and where progress is shown.
type ProgressOptions struct {
	Mode  Mode
	W     io.Writer
	Width func() int // of the terminal, asked at each update; nil or 0: 80
	Paint Paint
	Now   func() time.Time // nil: time.Now
}

// Progress shows how far a command is, stage by stage. Its methods may be
// called from any goroutine and return at once. In mode None it does nothing.
type Progress struct {
	o     ProgressOptions
	quit  chan struct{}
	once  sync.Once
	ended sync.WaitGroup

	mu       sync.Mutex
	stage    *stage
	drawn    bool // a bar is on the terminal's last line
	writeErr error
}

// NewProgress starts showing progress. Close must be called at the end.
func NewProgress(o ProgressOptions) *Progress {
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Progress{o: o, quit: make(chan struct{})}
	switch o.Mode {
	case Bar:
		p.ended.Go(func() { p.tick(barEvery) })
	case JSONLines:
		p.ended.Go(func() { p.tick(jsonEvery) })
	}
	return p
}

// tick draws at a steady pace, however often or seldom anything happens: at
// most ten times a second, and also while one photo takes minutes.
func (p *Progress) tick(every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-t.C:
			p.mu.Lock()
			p.draw(false)
			p.mu.Unlock()
		}
	}
}

// Close ends the last stage and takes the bar off the terminal. It returns
// the first error of writing, after which nothing more was written. It may be
// called again.
func (p *Progress) Close() error {
	p.mu.Lock()
	p.endStage()
	p.mu.Unlock()
	p.once.Do(func() { close(p.quit) })
	p.ended.Wait()
	return p.writeErr
}

// Stage ends the stage before and begins another: "scan" of "photo"s. The
// unit is in the singular.
func (p *Progress) Stage(name, unit string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endStage()
	p.stage = newStage(name, unit, p.o.Now())
}

// EndStage ends the stage.
func (p *Progress) EndStage() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endStage()
}

// Total adds to what the stage has to do. Until complete was true once, the
// total may still grow, and no time to go is shown.
func (p *Progress) Total(files int, sizeBytes int64, complete bool) {
	p.with(func(s *stage) {
		s.total += int64(files)
		s.totalBytes += sizeBytes
		s.complete = s.complete || complete
	})
}

// Start says that work on a file begins: if it takes long, it is named.
func (p *Progress) Start(path string) {
	p.with(func(s *stage) { s.started[path] = p.o.Now() })
}

// Add says that a file is done.
func (p *Progress) Add(path string, sizeBytes int64) {
	p.with(func(s *stage) {
		delete(s.started, path)
		s.done++
		s.bytes += sizeBytes
	})
}

// Skip says that a file could not be compared. It is counted as done by Add,
// not here.
func (p *Progress) Skip(path, _ string) {
	p.with(func(s *stage) {
		delete(s.started, path)
		s.skipped++
	})
}

// Set says how much of a stage is done that counts by itself, like an
// index's search: it has the form of index.Progress.
func (p *Progress) Set(done, total int64) {
	p.with(func(s *stage) { s.done, s.total, s.complete = done, total, true })
}

func (p *Progress) with(f func(*stage)) {
	if p.o.Mode != Bar && p.o.Mode != JSONLines {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stage != nil {
		f(p.stage)
	}
}

func (p *Progress) endStage() {
	if p.stage == nil {
		return
	}
	p.draw(true)
	p.stage = nil
}

func (p *Progress) draw(last bool) {
	if p.stage == nil || p.writeErr != nil {
		return
	}
	now := p.o.Now()
	p.stage.sample(now)
	switch p.o.Mode {
	case Bar:
		if last {
			p.clear()
			return
		}
		width := 80
		if p.o.Width != nil {
			if w := p.o.Width(); w > 0 {
				width = w
			}
		}
		p.put("\r\x1b[K" + p.stage.bar(now, width-1, p.o.Paint))
		p.drawn = true
	case JSONLines:
		p.put(p.stage.json(now, last))
	}
}

func (p *Progress) clear() {
	if p.drawn {
		p.put("\r\x1b[K")
		p.drawn = false
	}
}

func (p *Progress) put(s string) {
	if p.writeErr == nil {
		_, p.writeErr = io.WriteString(p.o.W, s)
	}
}

// Write writes a message to the same place without leaving half a bar beside
// it: the bar is cleared, and drawn again below when it is due.
func (p *Progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	return p.o.W.Write(b)
}
