package scan

import (
	"strings"

	"golang.org/x/sys/unix"
)

// pathMax is the longest path, with its NUL, that the system opens.
const pathMax = 1024

const (
	noFollowAny = 0x20000000 // O_NOFOLLOW_ANY of sys/fcntl.h, macOS 11
	dataless    = 0x40000000 // SF_DATALESS of sys/stat.h
)

// openFolder opens a folder below root without following a link anywhere on
// the way, also when one has just taken a folder's place.
func openFolder(root int, rel string) (int, error) {
	return unix.Openat(root, rel, unix.O_RDONLY|unix.O_DIRECTORY|noFollowAny|unix.O_CLOEXEC, 0)
}

func mtime(st *unix.Stat_t) (sec, nsec int64) { return st.Mtim.Unix() }

// isDataless reports a file or folder whose content is in a cloud: to open
// it would fetch it.
func isDataless(st *unix.Stat_t) bool { return st.Flags&dataless != 0 }

// StableInodes reports whether inode numbers below path mean the same file
// tomorrow. NFS keeps the server's numbers and counts as stable.
func StableInodes(path string) (bool, error) {
	st, err := statfs(path)
	if err != nil {
		return false, err
	}
	switch name := unix.ByteSliceToString(st.Fstypename[:]); name {
	case "exfat", "msdos", "smbfs", "afpfs", "webdav", "ftp":
		return false, nil
	default:
		return !strings.Contains(name, "fuse"), nil
	}
}
