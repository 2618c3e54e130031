package term

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// screen keeps each write apart: a write is an update.
type screen struct {
	mu     sync.Mutex
	writes []string
	fail   error
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return 0, s.fail
	}
	s.writes = append(s.writes, string(b))
	return len(b), nil
}

func (s *screen) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.writes) == 0 {
		return ""
	}
	return strings.TrimPrefix(s.writes[len(s.writes)-1], "\r\x1b[K")
}

func (s *screen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.writes)
}

func (s *screen) since(n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes[n:])
}

func start(s *screen, mode Mode, width int) *Progress {
	return NewProgress(ProgressOptions{Mode: mode, W: s, Width: func() int { return width }})
}

func mustClose(t *testing.T, p *Progress) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestBar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{}
		p := start(s, Bar, 120)
		p.Stage("scan", "photo")
		p.Total(1000, 5_000_000, false)
		for i := range 30 {
			name := fmt.Sprintf("/lib/%d.jpg", i)
			p.Start(name)
			time.Sleep(100 * time.Millisecond)
			p.Add(name, 10_000)
		}
		time.Sleep(150 * time.Millisecond)
		if want := "scan  30 of at least 1,000 photos  9.7/s  300 kB"; s.last() != want {
			t.Errorf("got %q, want %q", s.last(), want)
		}
		if n := s.count(); n > 32 {
			t.Errorf("%d updates in 3 s", n)
		}
		p.Total(0, 0, true)
		p.Skip("/lib/x.jpg", "damaged")
		p.Start("/lib/2019/big\x1b.tif")
		time.Sleep(100 * time.Millisecond)
		if want := "scan  [                    ]    3 %  30/1,000 photos  9.4/s  300 kB  1 min 43 s left  1 skipped"; s.last() != want {
			t.Errorf("got %q, want %q", s.last(), want)
		}
		time.Sleep(7 * time.Second)
		if !strings.HasSuffix(s.last(), `  1 skipped  big\x1b.tif takes 7 s`) {
			t.Errorf("the slow photo is not named: %q", s.last())
		}
		before := s.count()
		if _, err := p.Write([]byte("message\n")); err != nil {
			t.Error(err)
		}
		if got := s.since(before); len(got) != 2 || got[0] != "\r\x1b[K" || got[1] != "message\n" {
			t.Errorf("a message beside the bar: %q", got)
		}
		time.Sleep(time.Second)
		mustClose(t, p)
		if got := s.writes[len(s.writes)-1]; got != "\r\x1b[K" {
			t.Errorf("the bar is left behind: %q", got)
		}
	})
}

func TestBarFitsAnyWidth(t *testing.T) {
	now := time.Unix(1000, 0)
	st := newStage("search", "comparison", now)
	st.done, st.total, st.bytes, st.skipped, st.complete = 123_456, 1_000_000, 5e9, 1234, true
	st.started["/a/very_long_name_写真_"+strings.Repeat("x", 60)+".jpg"] = now
	later := now.Add(20 * time.Second)
	for width := 5; width < 200; width++ {
		if got := st.bar(later, width, Paint{On: true}); TextWidth(got) > width {
			t.Errorf("width %d: %d columns: %q", width, TextWidth(got), got)
		}
	}
	if got := st.bar(later, 22, Paint{}); got != "search   12 %" {
		t.Errorf("narrow: %q", got)
	}
}

func TestJSONLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{}
		p := start(s, JSONLines, 0)
		p.Stage("scan", "photo")
		p.Total(100, 1000, true)
		time.Sleep(50 * time.Millisecond) // from here on nothing happens at the instant of an update
		for i := range 50 {
			time.Sleep(100 * time.Millisecond)
			p.Add(fmt.Sprint(i), 10)
		}
		p.Start("\xff.jpg")
		time.Sleep(7 * time.Second)
		p.Stage("search", "comparison")
		p.Set(10, 10)
		mustClose(t, p)
		var lines []progressLine
		for _, w := range s.writes {
			var l progressLine
			d := json.NewDecoder(strings.NewReader(w))
			d.DisallowUnknownFields()
			if err := d.Decode(&l); err != nil || !strings.HasSuffix(w, "}\n") {
				t.Fatalf("%q: %v", w, err)
			}
			lines = append(lines, l)
		}
		if n := len(lines); n < 12 || n > 14 {
			t.Errorf("%d lines in 12 s", n)
		}
		if l := lines[3]; l.Done != 39 || l.PerSecond != 9.75 || l.ETASeconds == nil || *l.ETASeconds != 6.256 || l.Finished || l.Bytes != 390 {
			t.Errorf("after 4 s: %+v", l)
		}
		if l := lines[len(lines)-3]; l.SlowPath != "\ufffd.jpg" || l.SlowPathBase64 != "/y5qcGc=" {
			t.Errorf("slow photo: %+v", l)
		}
		if l := lines[len(lines)-2]; l.Stage != "scan" || !l.Finished || l.Done != 50 || l.PerSecond != 4.149 {
			t.Errorf("end of scan: %+v", l)
		}
		if l := lines[len(lines)-1]; l.Stage != "search" || !l.Finished || l.Done != 10 {
			t.Errorf("end of search: %+v", l)
		}
	})
}

func TestNoProgress(t *testing.T) {
	s := &screen{}
	p := start(s, None, 80)
	p.Stage("scan", "photo")
	p.Add("x", 1)
	mustClose(t, p)
	mustClose(t, p)
	if s.count() != 0 {
		t.Errorf("wrote %q", s.writes)
	}
}

func TestProgressSurvivesAClosedPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken pipe")
		s := &screen{fail: broken}
		p := start(s, JSONLines, 0)
		p.Stage("scan", "photo")
		time.Sleep(3 * time.Second)
		if err := p.Close(); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	})
}

func TestProgressFromManyGoroutines(t *testing.T) {
	s := &screen{}
	p := start(s, Bar, 80)
	p.Stage("scan", "photo")
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				name := fmt.Sprint(g, i)
				p.Total(1, 1, false)
				p.Start(name)
				p.Add(name, 1)
			}
		})
	}
	wg.Wait()
	p.mu.Lock()
	if p.stage.done != 4000 || len(p.stage.started) != 0 {
		t.Errorf("%d done, %d in work", p.stage.done, len(p.stage.started))
	}
	p.mu.Unlock()
	mustClose(t, p)
}
