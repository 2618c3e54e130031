package peak

import (
	"testing"
	"time"
)

func TestLoopsMeasure(t *testing.T) {
	for _, l := range Here() {
		got := l.Measure(10 * time.Millisecond)
		t.Logf("%-16s %7.1f Gop/s", l.Name, got/1e9)
		if perSecond := got / float64(l.Ops); perSecond < 1e7 || perSecond > 1e10 {
			t.Errorf("%s: %v turns a second", l.Name, perSecond)
		}
	}
}
