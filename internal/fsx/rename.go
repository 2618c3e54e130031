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
	return RenameAtVia(from, oldName, to, newName, ".dupfind-aside")
}

// RenameAtVia is RenameAt that names the step between: where the filesystem has no no-replace rename, a
// killed process may leave a second name of the file, newName or aside, aside in the old folder.
func RenameAtVia(from *Dir, oldName string, to *Dir, newName, aside string) error {
	err := ignoringEINTR(func() error { return renameNoReplace(from.fd(), oldName, to.fd(), newName) })
	if unsupported(err) {
		err = linkAndUnlink(from, oldName, to, newName, aside)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EXDEV):
		err = ErrCrossDevice
	}
	return &os.LinkError{Op: "rename without replacing", Old: from.join(oldName), New: to.join(newName), Err: err}
}

// linkAndUnlink moves a file by a second name, for filesystems without a no-replace rename (NFS, many FUSE
// ones). A link never overwrites. The old name is set aside before it goes, because a check and an unlink
// are two steps: a file that another program saved under the name in between would be the one that goes.
// A crash between the steps leaves two names of one file, never none.
func linkAndUnlink(from *Dir, oldName string, to *Dir, newName, aside string) error {
	before, err := from.Lstat(oldName)
	if err != nil {
		return err
	}
	if !before.Regular() {
		return ErrNotRegular
	}
	if err := link(from, oldName, to, newName); err != nil {
		return err
	}
	linked, err := to.Lstat(newName)
	if err != nil {
		return err
	}
	if !linked.Same(before) {
		return errors.Join(ErrChanged, unlinkTwin(from, oldName, to, newName))
	}
	if err := setAside(from, oldName, aside); err != nil {
		return errors.Join(err, unlinkTwin(from, oldName, to, newName))
	}
	now, err := from.Lstat(aside)
	if err != nil {
		return err
	}
	if !now.Same(before) {
		// What was set aside is another program's new file. It gets its name back; the new name stays, for
		// it may be the last one of the file that was replaced.
		if err := link(from, aside, from, oldName); err != nil {
			return errors.Join(ErrChanged, err)
		}
		return errors.Join(ErrChanged, from.Remove(aside))
	}
	return from.Remove(aside)
}

func link(from *Dir, oldName string, to *Dir, newName string) error {
	err := ignoringEINTR(func() error { return unix.Linkat(from.fd(), oldName, to.fd(), newName, 0) })
	if err != nil && linkUnsupported(err) {
		return ErrNoNoReplace
	}
	return err
}

// setAside is a rename that could replace; the name is one that only this package uses.
func setAside(d *Dir, name, aside string) error {
	if _, err := d.Lstat(aside); err == nil {
		return &os.PathError{Op: "set aside", Path: d.join(aside), Err: ErrExists}
	}
	return ignoringEINTR(func() error { return unix.Renameat(d.fd(), name, d.fd(), aside) })
}

// unlinkTwin takes a new name away while the old one leads to the same file.
func unlinkTwin(from *Dir, oldName string, to *Dir, newName string) error {
	a, err := from.Lstat(oldName)
	if err != nil {
		return err
	}
	b, err := to.Lstat(newName)
	if err != nil {
		return err
	}
	if !a.Same(b) || a.Links < 2 {
		return nil
	}
	return to.Remove(newName)
}

// unsupported says whether the system or the filesystem does not know the no-replace flag.
func unsupported(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP)
}

// linkUnsupported: a filesystem without hard links says EPERM (Linux, FAT) or ENOTSUP (macOS).
func linkUnsupported(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS)
}
