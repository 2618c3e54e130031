package quarantine

import (
	"crypto/sha256"

	"golang.org/x/sys/unix"
)

func sumOf(data []byte) [32]byte { return sha256.Sum256(data) }

func mount(dir, fsType, options string) error {
	return unix.Mount("dupfind-test", dir, fsType, 0, options)
}

func remountReadOnly(dir string) error {
	return unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

func unmount(dir string) error { return unix.Unmount(dir, 0) }

func setFSUser(id int) error {
	if err := unix.Setfsgid(id); err != nil {
		return err
	}
	return unix.Setfsuid(id)
}
