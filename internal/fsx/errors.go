package fsx

import (
	"errors"
	"io/fs"
	"syscall"
)

// ErrExists is returned by the renames and by Create when the new name is taken. It is fs.ErrExist.
var ErrExists = fs.ErrExist

// ErrNoNoReplace means that the filesystem offers no way to give a file a new name that could not
// overwrite another: neither a rename with a no-replace flag nor a hard link.
var ErrNoNoReplace = errors.New("this filesystem has no rename that cannot overwrite")

// ErrCrossDevice means that the two names lie on different filesystems.
var ErrCrossDevice = errors.New("the two names are on different filesystems")

// ErrNotRegular means that a name is no regular file: a symlink, a folder, a device, a socket.
var ErrNotRegular = errors.New("not a regular file")

// ErrSymlink means that a folder on the way is a symlink, or no folder at all.
var ErrSymlink = errors.New("a folder on the way is a symlink or no folder")

// ErrChanged means that a file was written to, or replaced, while it was read.
var ErrChanged = errors.New("the file changed while it was read")

// ErrBadPath means that a relative path is not one: empty, absolute, with "." or ".." or a NUL in it.
var ErrBadPath = errors.New("not a relative path below the folder")

// IsDiskFull says whether err means that no space (or no quota) is left.
func IsDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// IsReadOnly says whether err means that the filesystem is mounted read-only.
func IsReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// IsPermission says whether err means that the system did not allow the operation.
func IsPermission(err error) bool { return errors.Is(err, fs.ErrPermission) }
