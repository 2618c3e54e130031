package fsx

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// dropCache asks the system to forget the file's pages, so that the read that follows comes from the
// disk. It is advice: when it is not taken, the read is only less of a proof.
func dropCache(f *os.File) {
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

func setTimes(f *os.File, atimeNS, mtimeNS int64) error {
	ts := []unix.Timespec{unix.NsecToTimespec(atimeNS), unix.NsecToTimespec(mtimeNS)}
	err := unix.UtimesNanoAt(int(f.Fd()), "", ts, unix.AT_EMPTY_PATH)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) { // kernels before 5.8
		err = unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), ts, 0)
	}
	return err
}
