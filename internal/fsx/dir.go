package fsx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	folderFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	// O_NONBLOCK: a named pipe that took a photo's place must not hang the open.
	fileFlags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
)

// Dir is an open folder. Names given to its methods are single components of that folder.
type Dir struct {
	f    *os.File
	path string
}

// OpenDir opens a folder by its path, following symlinks: the caller trusts this path.
func OpenDir(path string) (*Dir, error) {
	var fd int
	err := ignoringEINTR(func() (err error) {
		fd, err = unix.Open(path, folderFlags, 0)
		return err
	})
	if err != nil {
		return nil, &os.PathError{Op: "open folder", Path: path, Err: err}
	}
	return &Dir{f: os.NewFile(uintptr(fd), path), path: path}, nil
}

// Path returns the path by which the folder was opened, for messages.
func (d *Dir) Path() string { return d.path }

// Close closes the folder.
func (d *Dir) Close() error { return d.f.Close() }

// File returns the open folder itself, for locks and statfs.
func (d *Dir) File() *os.File { return d.f }

// CheckRel says whether rel is a plain relative path: what Sub, SplitRel and a manifest accept.
func CheckRel(rel string) error {
	if rel == "" || strings.IndexByte(rel, 0) >= 0 {
		return ErrBadPath
	}
	for part := range strings.SplitSeq(rel, "/") {
		if part == "" || part == "." || part == ".." {
			return ErrBadPath
		}
	}
	return nil
}

// SplitRel cuts a relative path into its folder ("" at the top) and its name.
func SplitRel(rel string) (folder, name string) {
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		return rel[:i], rel[i+1:]
	}
	return "", rel
}

// Sub opens a folder below d ("" is d itself, again). A component that is a symlink is refused with
// ErrSymlink: what was scanned was no symlink, so something was put in its place.
func (d *Dir) Sub(rel string) (*Dir, error) { return d.walk(rel, false) }

// MakeSub is Sub, but makes the folders that are missing, each synced into its parent.
func (d *Dir) MakeSub(rel string) (*Dir, error) { return d.walk(rel, true) }

func (d *Dir) walk(rel string, create bool) (*Dir, error) {
	at, err := d.openFolder(".", d.path)
	if err != nil || rel == "" {
		return at, err
	}
	if err := CheckRel(rel); err != nil {
		return nil, errors.Join(&os.PathError{Op: "open folder", Path: rel, Err: err}, at.Close())
	}
	for part := range strings.SplitSeq(rel, "/") {
		next, err := at.openFolder(part, at.path+"/"+part)
		if create && errors.Is(err, os.ErrNotExist) {
			if err = at.Mkdir(part); err == nil || errors.Is(err, os.ErrExist) {
				next, err = at.openFolder(part, at.path+"/"+part)
			}
		}
		if err != nil {
			return nil, errors.Join(err, at.Close())
		}
		if err := at.Close(); err != nil {
			return nil, errors.Join(err, next.Close())
		}
		at = next
	}
	return at, nil
}

func (d *Dir) openFolder(name, path string) (*Dir, error) {
	var fd int
	err := ignoringEINTR(func() (err error) {
		fd, err = unix.Openat(d.fd(), name, folderFlags|unix.O_NOFOLLOW, 0)
		return err
	})
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
		// A symlink gives ELOOP or ENOTDIR, by system and flags; a file gives ENOTDIR.
		err = fmt.Errorf("%w: %w", ErrSymlink, err)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open folder", Path: path, Err: err}
	}
	return &Dir{f: os.NewFile(uintptr(fd), path), path: path}, nil
}

// Mkdir makes a folder in d and syncs d. An existing name is fs.ErrExist.
func (d *Dir) Mkdir(name string) error {
	err := ignoringEINTR(func() error { return unix.Mkdirat(d.fd(), name, 0o777) })
	if err != nil {
		return &os.PathError{Op: "mkdir", Path: d.join(name), Err: err}
	}
	return d.Sync()
}

// Lstat returns the facts of a name, not following a symlink.
func (d *Dir) Lstat(name string) (Stat, error) {
	var st unix.Stat_t
	err := ignoringEINTR(func() error { return unix.Fstatat(d.fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return Stat{}, &os.PathError{Op: "lstat", Path: d.join(name), Err: err}
	}
	return fromUnix(&st), nil
}

// Open opens a regular file for reading. A symlink is refused, and so is anything else that is no
// regular file (ErrNotRegular).
func (d *Dir) Open(name string) (*os.File, Stat, error) {
	var fd int
	err := ignoringEINTR(func() (err error) {
		fd, err = unix.Openat(d.fd(), name, fileFlags, 0)
		return err
	})
	if errors.Is(err, unix.ELOOP) {
		err = fmt.Errorf("%w: %w", ErrNotRegular, err)
	}
	if err != nil {
		return nil, Stat{}, &os.PathError{Op: "open", Path: d.join(name), Err: err}
	}
	f := os.NewFile(uintptr(fd), d.join(name))
	st, err := StatFile(f)
	if err == nil && !st.Regular() {
		err = &os.PathError{Op: "open", Path: d.join(name), Err: ErrNotRegular}
	}
	if err != nil {
		return nil, Stat{}, errors.Join(err, f.Close())
	}
	return f, st, nil
}

// Create makes a new file; an existing name is fs.ErrExist, a symlink included.
func (d *Dir) Create(name string, perm os.FileMode) (*os.File, error) {
	return d.openWritable(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, perm)
}

// OpenAppend opens an existing regular file for reading and for writes at its end.
func (d *Dir) OpenAppend(name string) (*os.File, error) {
	f, err := d.openWritable(name, unix.O_RDWR|unix.O_APPEND|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	st, err := StatFile(f)
	if err == nil && !st.Regular() {
		err = &os.PathError{Op: "open", Path: d.join(name), Err: ErrNotRegular}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (d *Dir) openWritable(name string, flags int, perm os.FileMode) (*os.File, error) {
	var fd int
	err := ignoringEINTR(func() (err error) {
		fd, err = unix.Openat(d.fd(), name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(perm.Perm()))
		return err
	})
	if err != nil {
		return nil, &os.PathError{Op: "open for writing", Path: d.join(name), Err: err}
	}
	return os.NewFile(uintptr(fd), d.join(name)), nil
}

// Remove unlinks a file that the caller made itself or knows to exist elsewhere.
func (d *Dir) Remove(name string) error { return d.unlink(name, 0) }

// RemoveDir removes an empty folder.
func (d *Dir) RemoveDir(name string) error { return d.unlink(name, unix.AT_REMOVEDIR) }

func (d *Dir) unlink(name string, flags int) error {
	if err := ignoringEINTR(func() error { return unix.Unlinkat(d.fd(), name, flags) }); err != nil {
		return &os.PathError{Op: "unlink", Path: d.join(name), Err: err}
	}
	return nil
}

// Names returns the names in the folder, in no order. It may be called again.
func (d *Dir) Names() ([]string, error) {
	again, err := d.openFolder(".", d.path) // an own offset for each call
	if err != nil {
		return nil, err
	}
	names, err := again.f.Readdirnames(-1)
	return names, errors.Join(err, again.Close())
}

// Sync makes the folder's entries durable.
func (d *Dir) Sync() error { return SyncFolder(d.f) }

// SyncFile makes an open file durable. On macOS this is F_FULLFSYNC (os.File.Sync does that), which also
// empties the drive's own cache.
func SyncFile(f *os.File) error { return f.Sync() }

// SyncFolder makes an open folder's entries durable. Filesystems that cannot sync a folder say EINVAL or
// ENOTSUP; there is nothing more that could be done on them.
func SyncFolder(f *os.File) error {
	err := f.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}

func (d *Dir) fd() int { return int(d.f.Fd()) }

func (d *Dir) join(name string) string { return filepath.Join(d.path, name) }

// HashFile hashes the regular file at path; see Dir.Hash.
func HashFile(ctx context.Context, path string) (sum [32]byte, st Stat, err error) {
	d, err := OpenDir(filepath.Dir(path))
	if err != nil {
		return sum, st, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	h, err := d.Hash(ctx, filepath.Base(path))
	if err != nil {
		return sum, st, err
	}
	return h.Sum, h.Stat, h.Close()
}
