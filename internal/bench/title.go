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
