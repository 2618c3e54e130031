package worker

import (
	"os"
	"time"

	"github.com/dupfind/dupfind/internal/decode"
)

// watchEvery is how often a worker looks at itself. In that time it can take some 100 MB; the limit that the kernel
// keeps lies above and catches what is faster.
const watchEvery = 20 * time.Millisecond

// watch ends the process when it holds more memory than limit, or when its parent is gone: a worker that hangs inside a
// library does not see the end of its input. It calls os.Exit, which else only main may: the thread that would return to
// main is the one that hangs, and there is nothing to clean up.
func watch(limit int64) {
	limitData(limit)
	parent := os.Getppid()
	go func() { // lives as long as the process
		for range time.Tick(watchEvery) {
			if residentBytes() > limit {
				os.Exit(decode.ExitMemory) // the code tells the parent why
			}
			if os.Getppid() != parent {
				os.Exit(1)
			}
		}
	}()
}
