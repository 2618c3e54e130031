package store

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// networkFSOf returns the name of the network filesystem that path lies on, or
// "" for a local one.
func networkFSOf(path string) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return "", fmt.Errorf("filesystem of %q: %w", path, err)
	}
	switch name := unix.ByteSliceToString(st.Fstypename[:]); name {
	case "nfs", "smbfs", "afpfs", "webdav":
		return name, nil
	}
	return "", nil
}
