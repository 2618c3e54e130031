// Package peak measures what a core of this machine can do at most of the
// instructions that the kernels of package exact are made of: loops of them on
// registers alone. A kernel's speed is judged by its share of that.
package peak

import "time"

// Loop is a loop of one instruction, or of one kernel's mix of instructions.
type Loop struct {
	Name    string
	Kernels []string // whose products it does
	Ops     int      // multiplications and additions of a turn

	run func(turns int)
	has bool
}

// Here are the loops that this processor can run.
func Here() []Loop {
	var here []Loop
	for _, l := range loops {
		if l.has {
			here = append(here, l)
		}
	}
	return here
}

// Measure runs the loop for about d on this goroutine and gives operations a
// second. It is the best of ten parts: the rest is other work on the core.
func (l Loop) Measure(d time.Duration) float64 {
	const parts = 10
	turns := 1 << 10
	for l.time(turns) < d/parts {
		turns *= 2
	}
	best := time.Duration(1<<63 - 1)
	for range parts {
		best = min(best, l.time(turns))
	}
	return float64(l.Ops) * float64(turns) / best.Seconds()
}

func (l Loop) time(turns int) time.Duration {
	began := time.Now()
	l.run(turns)
	return time.Since(began)
}
