package bench

import "fmt"

// Title names a measurement in a line.
func (m Measurement) Title() string {
	switch m.Test {
	case Single:
		return "one photo at a time"
	case Batch:
		return fmt.Sprintf("batch of %d", m.Photos)
	case Closed:
		return fmt.Sprintf("batch of %d, %d in flight", m.Photos, m.InFlight)
	case Open:
		return "open loop"
	case Adapt:
		return "adaptive client"
	case NaiveTest:
		return "naive client"
	}
	return string(m.Test)
}

// Line says what was measured, for a person who watches.
func (m Measurement) Line() string {
	if len(m.Windows) == 0 {
		return m.Title() + ": failed: " + m.Error
	}
	s := fmt.Sprintf("%s: %s photos/s", m.Title(), rateCell(m))
	if l := m.Latency; l != nil {
		s += fmt.Sprintf(", p50 %s ms, p99 %s ms, max %s ms of %s", millis(l.P50MS), millis(l.P99MS), millis(l.MaxMS), thousands(float64(l.Count), 0))
	}
	if a := m.Adaptive; a != nil {
		s += fmt.Sprintf(", %d requests in flight, as %s", a.InFlight, a.Wire)
	}
	if m.Failed > 0 {
		s += fmt.Sprintf(", %d failed", m.Failed)
	}
	return s
}

// Failures say what could not be measured, and calls that failed.
func (r Record) Failures() []string {
	var out []string
	for _, m := range r.Measurements {
		switch {
		case len(m.Windows) == 0:
			out = append(out, m.Title()+": "+m.Error)
		case m.Failed > 0:
			out = append(out, fmt.Sprintf("%s: %d calls failed: %s", m.Title(), m.Failed, m.Error))
		}
	}
	if r.Error != "" {
		out = append(out, r.Error)
	}
	return out
}
