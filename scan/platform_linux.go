package scan

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// pathMax is the longest path, with its NUL, that the system opens.
const pathMax = 4096

// noOpenat2 remembers a kernel before 5.6, or a sandbox that forbids the call.
var noOpenat2 atomic.Bool

// openFolder opens a folder below root without following a link anywhere on
// the way, also when one has just taken a folder's place.
func openFolder(root int, rel string) (int, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	if !noOpenat2.Load() {
		fd, err := unix.Openat2(root, rel, &unix.OpenHow{Flags: flags, Resolve: unix.RESOLVE_NO_SYMLINKS})
		if err != unix.ENOSYS && err != unix.EPERM {
			return fd, err
		}
		noOpenat2.Store(err == unix.ENOSYS)
	}
	return unix.Openat(root, rel, flags, 0)
}

func mtime(st *unix.Stat_t) (sec, nsec int64) { return st.Mtim.Unix() }

// isDataless is about macOS: Linux has no mark for files that are elsewhere.
func isDataless(*unix.Stat_t) bool { return false }

// unstable are filesystems that make inode numbers up as they go, by the
// magic numbers of statfs(2): a file's number says nothing after a remount.
var unstable = map[uint32]bool{
	0x4d44:     true, // vfat
	0x2011bab0: true, // exfat
	0x65735546: true, // FUSE: sshfs, rclone, ntfs-3g, exfat-fuse
	0x517b:     true, // smbfs
	0xff534d42: true, // cifs
	0xfe534d42: true, // smb2
	0x01021997: true, // 9p
	0x5346414f: true, // afs
	0x786f4256: true, // vboxsf
}

// StableInodes reports whether inode numbers below path mean the same file
// tomorrow. NFS keeps the server's numbers and counts as stable.
func StableInodes(path string) (bool, error) {
	st, err := statfs(path)
	if err != nil {
		return false, err
	}
	return !unstable[uint32(st.Type)], nil
}
