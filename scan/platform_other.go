//go:build !linux && !darwin

package scan

import "golang.org/x/sys/unix"

// pathMax is the longest path, with its NUL, that the system opens.
const pathMax = 1024

func openFolder(root int, rel string) (int, error) {
	return unix.Openat(root, rel, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

func mtime(st *unix.Stat_t) (sec, nsec int64) { return st.Mtim.Unix() }

func isDataless(*unix.Stat_t) bool { return false }

// StableInodes reports whether inode numbers below path mean the same file
// tomorrow. Where it is not known they are taken not to.
func StableInodes(string) (bool, error) { return false, nil }
