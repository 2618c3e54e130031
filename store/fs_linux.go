package store

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// networkFSOf returns the name of the network filesystem that path lies on, or
// "" for a local one. FUSE does not say what is behind it and counts as local.
func networkFSOf(path string) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return "", fmt.Errorf("filesystem of %q: %w", path, err)
	}
	return networkFSName(int64(st.Type)), nil
}

// networkFSName knows the magic numbers of linux/magic.h and the kernel's cifs
// sources. They are 32 bits wide, which some platforms hold in a signed number.
func networkFSName(magic int64) string {
	switch uint32(magic) {
	case 0x6969:
		return "nfs"
	case 0x517B, 0xFF534D42, 0xFE534D42:
		return "smb"
	case 0x5346414F, 0x6B414653:
		return "afs"
	}
	return ""
}
