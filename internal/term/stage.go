package term

import (
	"encoding/base64"
	"encoding/json"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// stage is one part of a command, counted.
type stage struct {
	name, unit           string
	began                time.Time
	done, total, skipped int64
	bytes, totalBytes    int64
	complete             bool                 // the total is the whole
	started              map[string]time.Time // files in work, at most as many as a batch and the workers hold
	samples              []sample             // of the last rateWindow, one a second at most
}

type sample struct {
	at   time.Time
	done int64
}

func newStage(name, unit string, now time.Time) *stage {
	return &stage{name: name, unit: unit, began: now, started: map[string]time.Time{}, samples: []sample{{at: now}}}
}

func (s *stage) sample(now time.Time) {
	if now.Sub(s.samples[len(s.samples)-1].at) < time.Second {
		return
	}
	s.samples = append(s.samples, sample{now, s.done})
	for len(s.samples) > 2 && now.Sub(s.samples[1].at) >= rateWindow {
		s.samples = s.samples[1:]
	}
}

// rate is how many a second were done lately; 0 when it is too early to tell.
func (s *stage) rate(now time.Time) float64 {
	from := s.samples[0]
	if d := now.Sub(from.at); d >= 300*time.Millisecond {
		return float64(s.done-from.done) / d.Seconds()
	}
	return 0
}

// togo is how long the rest will take at that rate.
func (s *stage) togo(now time.Time) (time.Duration, bool) {
	r := s.rate(now)
	if !s.complete || r <= 0 || s.done >= s.total || now.Sub(s.began) < 2*time.Second {
		return 0, false
	}
	sec := float64(s.total-s.done) / r
	if sec > 100*24*3600 {
		return 0, false
	}
	return time.Duration(sec * float64(time.Second)), true
}

// slowest is the file that is longest in work, if that is long. Of files
// begun at once it is the first by name, so that it does not flicker.
func (s *stage) slowest(now time.Time) (string, time.Duration) {
	name, since := "", now.Add(-slowAfter)
	for n, at := range s.started {
		if at.Before(since) || at.Equal(since) && (name == "" || n < name) {
			name, since = n, at
		}
	}
	return name, now.Sub(since)
}

// bar is the stage in one line of at most width columns. What does not fit is
// left out, the least important first.
func (s *stage) bar(now time.Time, width int, paint Paint) string {
	percent, gauge := "", ""
	count := Number(s.done, s.unit)
	if s.complete && s.total > 0 {
		part := float64(min(s.done, s.total)) / float64(s.total)
		percent = padLeft(Count(int64(part*100)), 3) + " %"
		gauge = "[" + Pad(strings.Repeat("=", int(part*20)), 20) + "]"
		count = Count(s.done) + "/" + Number(s.total, s.unit)
	} else if s.total > s.done {
		count = Count(s.done) + " of at least " + Number(s.total, s.unit)
	}
	rate, size, left, skipped, slow := Rate(s.rate(now)), "", "", "", ""
	if s.bytes > 0 {
		size = Bytes(s.bytes)
	}
	if d, ok := s.togo(now); ok {
		left = Duration(d.Round(time.Second)) + " left"
	}
	if s.skipped > 0 {
		skipped = Count(s.skipped) + " skipped"
	}
	if name, d := s.slowest(now); name != "" {
		slow = Shorten(Escape(path.Base(name)), 30) + " takes " + Duration(d.Truncate(time.Second))
	}
	parts := []string{s.name, gauge, percent, count, rate, size, left, skipped, slow}
	for _, least := range []int{1, 5, 4, 7, 3, 8, 6, 2} {
		if lineWidth(parts) <= width {
			break
		}
		parts[least] = ""
	}
	line := join(parts)
	if TextWidth(line) > width {
		return Shorten(line, width)
	}
	return paint.Bold(s.name) + line[len(s.name):]
}

func join(parts []string) string {
	kept := make([]string, 0, len(parts))
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "  ")
}

func lineWidth(parts []string) int { return TextWidth(join(parts)) }

// progressLine is a line of progress as JSON, about once a second, and one
// with "finished": true at the end of each stage. Fields are only ever added.
// "total" and "total_bytes" grow until "total_complete" is true; "eta_seconds"
// is there when it can be told; "slow_path" names a photo that takes long, and
// "slow_path_base64" does when its name is not UTF-8.
type progressLine struct {
	Schema         int      `json:"schema"`
	Type           string   `json:"type"` // "progress"
	Stage          string   `json:"stage"`
	Unit           string   `json:"unit"`
	Done           int64    `json:"done"`
	Total          int64    `json:"total"`
	TotalComplete  bool     `json:"total_complete"`
	Bytes          int64    `json:"bytes"`
	TotalBytes     int64    `json:"total_bytes"`
	Skipped        int64    `json:"skipped"`
	PerSecond      float64  `json:"per_second"`
	ElapsedSeconds float64  `json:"elapsed_seconds"`
	ETASeconds     *float64 `json:"eta_seconds,omitempty"`
	SlowPath       string   `json:"slow_path,omitempty"`
	SlowPathBase64 string   `json:"slow_path_base64,omitempty"`
	SlowSeconds    float64  `json:"slow_seconds,omitempty"`
	Finished       bool     `json:"finished"`
}

func (s *stage) json(now time.Time, last bool) string {
	l := progressLine{
		Schema: 1, Type: "progress", Stage: s.name, Unit: s.unit, Done: s.done, Total: s.total, TotalComplete: s.complete,
		Bytes: s.bytes, TotalBytes: s.totalBytes, Skipped: s.skipped,
		PerSecond: round(s.rate(now)), ElapsedSeconds: round(now.Sub(s.began).Seconds()), Finished: last,
	}
	if last {
		if d := now.Sub(s.began); d > 0 {
			l.PerSecond = round(float64(s.done) / d.Seconds())
		}
	} else if d, ok := s.togo(now); ok {
		eta := round(d.Seconds())
		l.ETASeconds = &eta
	}
	if name, d := s.slowest(now); name != "" && !last {
		l.SlowPath, l.SlowSeconds = strings.ToValidUTF8(name, "\ufffd"), round(d.Seconds())
		if !utf8.ValidString(name) {
			l.SlowPathBase64 = base64.StdEncoding.EncodeToString([]byte(name))
		}
	}
	b, err := json.Marshal(l)
	if err != nil {
		panic(err) // plain numbers and text
	}
	return string(b) + "\n"
}

// round keeps three decimals: more would be noise.
func round(f float64) float64 { return float64(int64(f*1000+0.5)) / 1000 }
