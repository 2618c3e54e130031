//go:build linux || darwin

package scan

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func statfs(path string) (unix.Statfs_t, error) {
	var st unix.Statfs_t
	_, err := retry(func() (int, error) { return 0, unix.Statfs(path, &st) })
	if err != nil {
		return st, fmt.Errorf("statfs %q: %w", path, err)
	}
	return st, nil
}
