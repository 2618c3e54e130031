package scan

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// list reads a folder: its names, then the facts of each that is not left
// out by its name, then the first bytes of those that may be photos.
func (w *walker) list(n *node) {
	f, ok := w.open(n)
	if !ok {
		return
	}
	defer func() { _ = f.Close() }() // only read from
	entries, err := f.ReadDir(-1)
	if err != nil {
		// What was read before the error still counts.
		n.problem = &Problem{Rel: n.rel, Dir: true, Reason: Unreadable, Err: bare(err)}
	}
	if n.leftOut = w.rules.inside(path.Base(n.rel), entries); n.leftOut != "" {
		n.problem = nil
		return
	}
	w.look(n, int(f.Fd()), entries)
}

func (w *walker) open(n *node) (*os.File, bool) {
	if len(w.root)+1+len(n.rel) >= pathMax {
		n.problem = &Problem{Rel: n.rel, Dir: true, Reason: PathTooLong, Err: unix.ENAMETOOLONG}
		return nil, false
	}
	fd, err := retry(func() (int, error) { return openFolder(w.rootFD, cmp.Or(n.rel, ".")) })
	if err == unix.ENOENT && !n.first {
		n.vanished = true
		return nil, false
	}
	var st unix.Stat_t
	if err == nil {
		if err = unix.Fstat(fd, &st); err != nil {
			_ = unix.Close(fd)
		}
	}
	if err != nil {
		n.problem = &Problem{Rel: n.rel, Dir: true, Reason: Unreadable, Err: err}
		return nil, false
	}
	if w.oneFileSystem && uint64(st.Dev) != w.device {
		_ = unix.Close(fd)
		n.leftOut = RuleOtherFileSystem
		return nil, false
	}
	return os.NewFile(uintptr(fd), path.Join(w.root, n.rel)), true
}

// look fills in the node's items, in order.
func (w *walker) look(n *node, fd int, entries []fs.DirEntry) {
	names := joined(n.rel, entries)
	n.items = make([]item, 0, len(entries))
	for i, e := range entries {
		n.counts.Seen.add(e.IsDir())
		if r := w.rules.leaves(n.library, names[i], e); r != "" {
			n.counts.rule(r).add(e.IsDir())
			continue
		}
		it, ok := w.stat(n, fd, names[i], e)
		if ok {
			n.items = append(n.items, it)
		}
	}
	// A folder sorts where the files below it do, as if its name ended in
	// '/': so the whole walk is in bytewise order of relative paths.
	slices.SortFunc(n.items, func(a, b item) int { return compareRel(a.rel(), b.rel(), a.isDir(), b.isDir()) })
}

func (it *item) rel() string {
	switch {
	case it.child != nil:
		return it.child.rel
	case it.problem != nil:
		return it.problem.Rel
	}
	return it.file.Rel
}

func (it *item) isDir() bool {
	return it.child != nil || it.problem != nil && it.problem.Dir
}

func compareRel(a, b string, aDir, bDir bool) int {
	n := min(len(a), len(b))
	if c := strings.Compare(a[:n], b[:n]); c != 0 {
		return c
	}
	return cmp.Compare(after(a, n, aDir), after(b, n, bDir))
}

// after is the byte of a path at i: -1 past its end, '/' at a folder's end.
func after(s string, i int, dir bool) int {
	switch {
	case i < len(s):
		return int(s[i])
	case dir:
		return '/'
	}
	return -1
}

// joined returns the relative path of each entry. They share one string: a
// library of a million photos is then a few thousand allocations.
func joined(rel string, entries []fs.DirEntry) []string {
	if rel != "" {
		rel += "/"
	}
	size := 0
	for _, e := range entries {
		size += len(rel) + len(e.Name())
	}
	var b strings.Builder
	b.Grow(size)
	for _, e := range entries {
		b.WriteString(rel)
		b.WriteString(e.Name())
	}
	all, names := b.String(), make([]string, len(entries))
	for i, e := range entries {
		n := len(rel) + len(e.Name())
		names[i], all = all[:n], all[n:]
	}
	return names
}

// stat turns an entry into an item; false when it was left out or has
// vanished, and is counted so.
func (w *walker) stat(n *node, fd int, rel string, e fs.DirEntry) (item, bool) {
	fail := func(r Reason, err error) (item, bool) {
		return item{problem: &Problem{Rel: rel, Dir: e.IsDir(), Reason: r, Err: err}}, true
	}
	if len(w.root)+1+len(rel) >= pathMax {
		return fail(PathTooLong, unix.ENAMETOOLONG)
	}
	if isCloudPlaceholder(e.Name()) && !e.IsDir() {
		return fail(NotOnThisDisk, nil)
	}
	var st unix.Stat_t
	_, err := retry(func() (int, error) { return 0, unix.Fstatat(fd, e.Name(), &st, unix.AT_SYMLINK_NOFOLLOW) })
	switch {
	case err == unix.ENOENT:
		n.counts.Vanished.add(e.IsDir())
		return item{}, false
	case err != nil && e.IsDir():
		// Not even its facts can be read; opening it will say why.
	case err != nil:
		return fail(Unreadable, err)
	case isDataless(&st):
		return fail(NotOnThisDisk, nil)
	}
	if e.IsDir() {
		return item{child: &node{rel: rel, library: n.library.below(e.Name()), done: make(chan struct{})}}, true
	}
	if uint32(st.Mode)&unix.S_IFMT != unix.S_IFREG {
		// The name was taken by something else since the folder was listed.
		n.counts.Vanished.add(false)
		return item{}, false
	}
	file := File{
		Rel: rel, SizeBytes: st.Size, MtimeNS: nanoseconds(mtime(&st)),
		Device: uint64(st.Dev), Inode: st.Ino, Links: uint64(st.Nlink),
		Managed: n.library.managed(),
	}
	if file.Class, err = w.classify(fd, e.Name(), file); err != nil {
		return fail(Unreadable, err)
	}
	return item{file: file}, true
}

func (w *walker) classify(fd int, name string, f File) (Class, error) {
	switch {
	case IsPhotoExt(name):
		return Photo, nil
	case f.SizeBytes == 0:
		return Other, nil
	case w.known != nil && w.known(f):
		return KnownUnsniffed, nil
	}
	return sniffFile(fd, name)
}

// sniffFile reads the first bytes of a file. O_NONBLOCK and the second stat
// are for a FIFO or a device that took the file's name a moment ago.
func sniffFile(dir int, name string) (Class, error) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := retry(func() (int, error) { return unix.Openat(dir, name, flags, 0) })
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Close(fd) }() // only read from
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", err
	}
	if uint32(st.Mode)&unix.S_IFMT != unix.S_IFREG {
		return Other, nil
	}
	var buf [SniffBytes]byte
	n, err := retry(func() (int, error) { return unix.Pread(fd, buf[:], 0) })
	if err != nil {
		return "", err
	}
	if Sniff(buf[:n]) {
		return Photo, nil
	}
	return Other, nil
}

// retry calls again what a signal interrupted: network filesystems do that.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != unix.EINTR {
			return n, err
		}
	}
}

// bare drops the path that package os puts into its errors: Rel says it.
func bare(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// nanoseconds holds times that int64 cannot (before 1678, after 2262) at its
// ends: they stay comparable.
func nanoseconds(sec, nsec int64) int64 {
	const last = math.MaxInt64/1_000_000_000 - 1
	switch {
	case sec > last:
		return math.MaxInt64
	case sec < -last:
		return math.MinInt64
	}
	return sec*1_000_000_000 + nsec
}
