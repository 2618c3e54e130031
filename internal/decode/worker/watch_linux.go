package worker

import (
	"bytes"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// dataSlack is what a process may reserve beyond what it uses: the Go runtime's arenas, threads' stacks.
const dataSlack = 512 << 20

// limitData makes the kernel refuse memory beyond the limit, so that one huge allocation fails in the library that asks
// for it. Best effort: the watcher is the other half.
func limitData(limit int64) {
	v := uint64(limit) + dataSlack
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &old); err != nil || old.Cur < v {
		return
	}
	_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: v, Max: old.Max})
}

var statm = sync.OnceValue(func() *os.File {
	f, err := os.Open("/proc/self/statm")
	if err != nil {
		return nil
	}
	return f
})

// residentBytes is what the process has in memory now; 0 where it cannot be told.
func residentBytes() int64 {
	f := statm()
	if f == nil {
		return 0
	}
	var buf [128]byte
	n, _ := f.ReadAt(buf[:], 0) // io.EOF is how it ends
	fields := bytes.Fields(buf[:n])
	if len(fields) < 3 {
		return 0
	}
	// Without pages shared with files: the program's own code and libraries are no photo's fault.
	resident, err1 := strconv.ParseInt(string(fields[1]), 10, 64)
	shared, err2 := strconv.ParseInt(string(fields[2]), 10, 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return (resident - shared) * int64(os.Getpagesize())
}
