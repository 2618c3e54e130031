package fsx

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Stat is what is known of one file without reading it.
type Stat struct {
	Device, Inode, Links      uint64
	SizeBytes                 int64
	ATimeNS, MtimeNS, CTimeNS int64 // nanoseconds since 1970
	Mode                      fs.FileMode
	UID, GID                  uint32
	permissions               uint32 // the twelve bits as chmod takes them
}

// Regular says whether the file is a regular one.
func (s Stat) Regular() bool { return s.Mode.IsRegular() }

// Permissions returns the twelve permission bits as chmod takes them.
func (s Stat) Permissions() uint32 { return s.permissions }

// Same says whether the two are one file: hard links, or one name in two spellings, count as the same.
func (s Stat) Same(o Stat) bool { return s.Device == o.Device && s.Inode == o.Inode }

// Unchanged says whether size and mtime are as they were: nothing was written in between. The ctime is
// left out, because a rename changes it.
func (s Stat) Unchanged(o Stat) bool {
	return s.Same(o) && s.SizeBytes == o.SizeBytes && s.MtimeNS == o.MtimeNS
}

// Untouched is Unchanged and the ctime as it was: neither content nor name nor attributes were touched.
func (s Stat) Untouched(o Stat) bool { return s.Unchanged(o) && s.CTimeNS == o.CTimeNS }

// LstatPath returns the facts of path, not following a last symlink.
func LstatPath(path string) (Stat, error) {
	var st unix.Stat_t
	if err := ignoringEINTR(func() error { return unix.Lstat(path, &st) }); err != nil {
		return Stat{}, &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	return fromUnix(&st), nil
}

// StatFile returns the facts of an open file.
func StatFile(f *os.File) (Stat, error) {
	var st unix.Stat_t
	if err := ignoringEINTR(func() error { return unix.Fstat(int(f.Fd()), &st) }); err != nil {
		return Stat{}, fmt.Errorf("fstat %s: %w", f.Name(), err)
	}
	return fromUnix(&st), nil
}

// fromUnix converts; the field types differ between systems, hence the conversions.
func fromUnix(st *unix.Stat_t) Stat {
	mode := uint32(st.Mode)
	return Stat{
		Device: uint64(st.Dev), Inode: uint64(st.Ino), Links: uint64(st.Nlink),
		SizeBytes: st.Size,
		ATimeNS:   st.Atim.Nano(), MtimeNS: st.Mtim.Nano(), CTimeNS: st.Ctim.Nano(),
		Mode: fileMode(mode), UID: st.Uid, GID: st.Gid, permissions: mode & 0o7777,
	}
}

func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		m |= fs.ModeDir
	case unix.S_IFLNK:
		m |= fs.ModeSymlink
	case unix.S_IFIFO:
		m |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		m |= fs.ModeSocket
	default:
		m |= fs.ModeDevice
	}
	return m
}

// ignoringEINTR repeats a call that a signal interrupted: Go's runtime sends signals to its own threads,
// and FUSE and network filesystems then give EINTR.
func ignoringEINTR(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
