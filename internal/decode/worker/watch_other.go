//go:build !linux

package worker

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// limitData does nothing: macOS has no limit that fits.
func limitData(int64) {}

// residentBytes is the largest size that the process has had. A worker that once passed the limit has passed it.
func residentBytes() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return int64(u.Maxrss) // bytes there, KiB elsewhere
	}
	return int64(u.Maxrss) << 10
}
