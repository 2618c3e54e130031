package fsx

import (
	"os"

	"golang.org/x/sys/unix"
)

// dropCache turns the cache off for this descriptor, so that the read that follows comes from the disk.
// It is advice: when it is not taken, the read is only less of a proof.
func dropCache(f *os.File) {
	_, _ = unix.FcntlInt(f.Fd(), unix.F_NOCACHE, 1)
}

// setTimes goes by the name: macOS has futimes in microseconds only. The file is a new one of ours under
// a temporary name, or was just moved by us; a symlink there is not followed.
func setTimes(f *os.File, atimeNS, mtimeNS int64) error {
	ts := []unix.Timespec{unix.NsecToTimespec(atimeNS), unix.NsecToTimespec(mtimeNS)}
	return unix.UtimesNanoAt(unix.AT_FDCWD, f.Name(), ts, unix.AT_SYMLINK_NOFOLLOW)
}
