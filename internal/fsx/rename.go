package fsx

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// RenameNoReplace gives the file at oldPath the name newPath and never overwrites: a taken name is
// fs.ErrExist, another filesystem is ErrCrossDevice. The folders are not synced.
func RenameNoReplace(oldPath, newPath string) (err error) {
	from, err := OpenDir(filepath.Dir(oldPath))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := OpenDir(filepath.Dir(newPath))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return RenameAt(from, filepath.Base(oldPath), to, filepath.Base(newPath))
}

// RenameAt is RenameNoReplace from folder to folder.
func RenameAt(from *Dir, oldName string, to *Dir, newName string) error {
	err := ignoringEINTR(func() error { return renameNoReplace(from.fd(), oldName, to.fd(), newName) })
	if unsupported(err) {
		err = linkAndUnlink(from, oldName, to, newName)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EXDEV):
		err = ErrCrossDevice
	}
	return &os.LinkError{Op: "rename without replacing", Old: from.join(oldName), New: to.join(newName), Err: err}
}

// linkAndUnlink moves a file in two steps, for filesystems without a no-replace rename (NFS, many FUSE
// ones). A link never overwrites. A crash between the steps leaves two names of one file, never none.
func linkAndUnlink(from *Dir, oldName string, to *Dir, newName string) error {
	before, err := from.Lstat(oldName)
	if err != nil {
		return err
	}
	if !before.Regular() {
		return ErrNotRegular
	}
	err = ignoringEINTR(func() error { return unix.Linkat(from.fd(), oldName, to.fd(), newName, 0) })
	if err != nil && err != unix.EEXIST && err != unix.EXDEV && linkUnsupported(err) {
		return ErrNoNoReplace
	}
	if err != nil {
		return err
	}
	linked, err := to.Lstat(newName)
	if err != nil {
		return err
	}
	now, err := from.Lstat(oldName)
	if err != nil {
		return err
	}
	if !linked.Same(now) || !linked.Same(before) {
		// Another file took the old name between the steps: the link goes, the file stays.
		return errors.Join(ErrChanged, to.Remove(newName))
	}
	if err := from.Remove(oldName); err != nil {
		return errors.Join(err, to.Remove(newName)) // still there under its old name
	}
	return nil
}

// unsupported says whether the system or the filesystem does not know the no-replace flag.
func unsupported(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP)
}

// linkUnsupported: a filesystem without hard links says EPERM (Linux, FAT) or ENOTSUP (macOS).
func linkUnsupported(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS)
}
