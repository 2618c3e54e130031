package fsx

import (
	"os"

	"golang.org/x/sys/unix"
)

// FSType returns the type of the filesystem that holds path, such as "apfs" or "smbfs".
func FSType(path string) (string, error) {
	var st unix.Statfs_t
	if err := ignoringEINTR(func() error { return unix.Statfs(path, &st) }); err != nil {
		return "", &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	return unix.ByteSliceToString(st.Fstypename[:]), nil
}
