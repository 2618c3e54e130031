package fsx

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// CopyTo copies an open, hashed file to the new name in to, with its times, permissions, owner (where the
// system allows it) and extended attributes, makes it durable, drops it from the system's cache and reads
// it back: when it returns nil, the copy's bytes have the source's hash. The attributes that the target
// does not keep are returned. A failed copy is removed again. The folder is not synced: the caller renames
// next.
func CopyTo(ctx context.Context, src *Hashed, to *Dir, name string) (missing []Xattr, err error) {
	out, err := to.Create(name, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, out.Close())
		if err != nil {
			err = errors.Join(err, to.Remove(name))
		}
	}()
	if err := copyBytes(ctx, src, out); err != nil {
		return nil, err
	}
	missing, err = copyAttributes(src, out)
	if err != nil {
		return nil, err
	}
	if err := SyncFile(out); err != nil {
		return nil, &os.PathError{Op: "sync", Path: out.Name(), Err: err}
	}
	dropCache(out)
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	sum, err := sumReader(ctx, out)
	if err != nil {
		return nil, err
	}
	if sum != src.Sum {
		return nil, &os.PathError{Op: "verify copy", Path: out.Name(), Err: ErrChanged}
	}
	return missing, nil
}

func copyBytes(ctx context.Context, src *Hashed, out *os.File) error {
	in := io.NewSectionReader(src.File, 0, src.Stat.SizeBytes)
	buf := make([]byte, 1<<20)
	for {
		if err := ended(ctx); err != nil {
			return err
		}
		n, err := in.Read(buf)
		if _, werr := out.Write(buf[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// copyAttributes is given the open files, so that no name can be swapped in between. The order matters:
// chown clears set-id bits, and every write moves the mtime.
func copyAttributes(src *Hashed, out *os.File) ([]Xattr, error) {
	attrs, err := Xattrs(src.File)
	if err != nil {
		return nil, err
	}
	// Only root may give a file away; for others the copy is the user's own, as with cp -p.
	_ = unix.Fchown(int(out.Fd()), int(src.Stat.UID), int(src.Stat.GID))
	missing := SetXattrs(out, attrs)
	return missing, errors.Join(SetPermissions(out, src.Stat.Permissions()), SetTimes(out, src.Stat.ATimeNS, src.Stat.MtimeNS))
}

// SetPermissions sets the twelve permission bits of an open file. A filesystem that has none (FAT), or
// another owner's file, is no error.
func SetPermissions(f *os.File, permissions uint32) error {
	err := ignoringEINTR(func() error { return unix.Fchmod(int(f.Fd()), permissions) })
	if err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOTSUP) {
		return &os.PathError{Op: "chmod", Path: f.Name(), Err: err}
	}
	return nil
}

// SetTimes sets the access and modification times of an open file.
func SetTimes(f *os.File, atimeNS, mtimeNS int64) error {
	if err := setTimes(f, atimeNS, mtimeNS); err != nil {
		return &os.PathError{Op: "set times", Path: f.Name(), Err: err}
	}
	return nil
}

// WriteNew writes a new file and makes its content durable (the folder is not synced). A taken name is
// fs.ErrExist; a failed write leaves nothing.
func (d *Dir) WriteNew(name string, data []byte, perm os.FileMode) (err error) {
	f, err := d.Create(name, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = SyncFile(f)
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		err = errors.Join(err, d.Remove(name))
	}
	return err
}
