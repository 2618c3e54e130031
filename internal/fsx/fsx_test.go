package fsx

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}

func openDir(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := OpenDir(path)
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	return d
}

func TestRenameNoReplace(t *testing.T) {
	dir := t.TempDir()
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b\xff"), filepath.Join(dir, "c")
	write(t, a, "one")
	write(t, c, "other")
	must(t, RenameNoReplace(a, b))
	if read(t, b) != "one" {
		t.Error("content changed")
	}
	if err := RenameNoReplace(b, c); !errors.Is(err, ErrExists) || read(t, b) != "one" || read(t, c) != "other" {
		t.Errorf("taken name: %v", err)
	}
	must(t, os.Symlink("nowhere", a))
	if err := RenameNoReplace(b, a); !errors.Is(err, ErrExists) {
		t.Errorf("name taken by a dangling symlink: %v", err)
	}
	if err := RenameNoReplace(filepath.Join(dir, "x"), filepath.Join(dir, "y")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

// TestLinkAndUnlink is the way of filesystems without a no-replace rename.
func TestLinkAndUnlink(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), "one")
	write(t, filepath.Join(dir, "c"), "other")
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	must(t, os.Symlink("a", filepath.Join(dir, "link")))
	d := openDir(t, dir)
	must(t, linkAndUnlink(d, "a", d, "b", "aside"))
	if _, err := d.Lstat("a"); !errors.Is(err, fs.ErrNotExist) || read(t, filepath.Join(dir, "b")) != "one" {
		t.Errorf("after the move: %v", err)
	}
	if err := linkAndUnlink(d, "b", d, "c", "aside"); !errors.Is(err, ErrExists) || read(t, filepath.Join(dir, "c")) != "other" {
		t.Errorf("taken name: %v", err)
	}
	for _, name := range []string{"folder", "link"} {
		if err := linkAndUnlink(d, name, d, "z", "aside"); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLinkAndUnlinkBlocked: what cannot be unlinked keeps its old name alone.
func TestLinkAndUnlinkBlocked(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), "one")
	write(t, filepath.Join(dir, "aside"), "somebody's")
	d := openDir(t, dir)
	if err := linkAndUnlink(d, "a", d, "b", "aside"); !errors.Is(err, ErrExists) {
		t.Errorf("aside is taken: %v", err)
	}
	if _, err := d.Lstat("b"); !errors.Is(err, fs.ErrNotExist) || read(t, filepath.Join(dir, "aside")) != "somebody's" {
		t.Errorf("b: %v", err)
	}
}

// TestNoSafeRename: where there are no links and no flag either, nothing is moved. FAT on Linux would have
// the flag, so the error is given to the code that reads it.
func TestNoSafeRename(t *testing.T) {
	for _, err := range []error{unix.EPERM, unix.ENOTSUP, unix.ENOSYS} {
		if !linkUnsupported(err) {
			t.Errorf("%v", err)
		}
	}
	for _, err := range []error{unix.EINVAL, unix.ENOTSUP, unix.ENOSYS} {
		if !unsupported(err) {
			t.Errorf("%v", err)
		}
	}
	if unsupported(unix.EEXIST) || unsupported(unix.EXDEV) || unsupported(nil) {
		t.Error("another error counts as unsupported")
	}
}

func TestCheckRel(t *testing.T) {
	for rel, want := range map[string]bool{"a": true, "a/b": true, "\xff": true, "...": true, ".a": true, "": false, "/a": false,
		"a/": false, "a//b": false, ".": false, "..": false, "a/../b": false, "a/./b": false, "a\x00": false} {
		if got := CheckRel(rel) == nil; got != want {
			t.Errorf("%q: %v", rel, got)
		}
	}
}

// TestWalkFollowsNoSymlink: Sub and MakeSub refuse a symlink anywhere below, and what leads outside.
func TestWalkFollowsNoSymlink(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "in/side"), 0o755))
	must(t, os.Symlink("in", filepath.Join(dir, "link")))
	write(t, filepath.Join(dir, "file"), "x")
	d := openDir(t, dir)
	for _, walk := range []func(string) (*Dir, error){d.Sub, d.MakeSub} {
		for rel, want := range map[string]error{"in/side": nil, "": nil, "link": ErrSymlink, "link/side": ErrSymlink,
			"file": ErrSymlink, "file/x": ErrSymlink, "..": ErrBadPath, "in/../..": ErrBadPath, "/": ErrBadPath} {
			sub, err := walk(rel)
			if want == nil && err != nil || !errors.Is(err, want) {
				t.Errorf("%q: %v, want %v", rel, err, want)
			}
			if err == nil {
				must(t, sub.Close())
			}
		}
	}
	made, err := d.MakeSub("new/er/est")
	must(t, err)
	must(t, made.Close())
	if _, err := d.Sub("not/there"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
}

func TestHash(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	write(t, path, "content")
	sum, st, err := HashFile(t.Context(), path)
	must(t, err)
	if sum != sha256.Sum256([]byte("content")) || st.SizeBytes != 7 || !st.Regular() {
		t.Errorf("%x %+v", sum, st)
	}
	must(t, os.Symlink("a", filepath.Join(dir, "link")))
	must(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	for _, name := range []string{"link", "pipe", "."} {
		if _, _, err := HashFile(t.Context(), filepath.Join(dir, name)); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, _, err := HashFile(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestHashSeesChanges: what was written to or replaced while it was read is an error.
func TestHashSeesChanges(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	d := openDir(t, dir)
	for name, change := range map[string]func(){
		"written":  func() { write(t, path, "other") },
		"replaced": func() { must(t, os.Remove(path)); write(t, path, "content") },
		"touched":  func() { must(t, os.Chmod(path, 0o600)) },
		"removed":  func() { must(t, os.Remove(path)) },
	} {
		write(t, path, "content")
		f, before, err := d.Open("a")
		must(t, err)
		waitForClock(t, dir, before)
		change()
		if err := d.stillThere(f, "a", before); !errors.Is(err, ErrChanged) && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		must(t, f.Close())
	}
}

// waitForClock returns when the filesystem's clock, which may tick in milliseconds, is past a file's ctime.
func waitForClock(t *testing.T, dir string, st Stat) {
	t.Helper()
	for tick := filepath.Join(dir, "tick"); ; {
		write(t, tick, "x")
		now, err := LstatPath(tick)
		must(t, err)
		if now.CTimeNS > st.CTimeNS {
			return
		}
	}
}

func TestCopyTo(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	write(t, path, string(make([]byte, 3<<20))+"end")
	must(t, unix.Setxattr(path, "user.one", []byte("1"), 0))
	must(t, os.Chmod(path, 0o4751))
	mtime := time.Unix(1_234_567_890, 123_456_789)
	must(t, os.Chtimes(path, mtime, mtime))
	d := openDir(t, dir)
	h, err := d.Hash(t.Context(), "a")
	must(t, err)
	defer func() { must(t, h.Close()) }()
	missing, err := CopyTo(t.Context(), h, d, "b")
	must(t, err)
	if len(missing) > 0 {
		t.Errorf("attributes missing: %v", missing)
	}
	copied, err := d.Hash(t.Context(), "b")
	must(t, err)
	defer func() { must(t, copied.Close()) }()
	attrs, err := Xattrs(copied.File)
	must(t, err)
	if copied.Sum != h.Sum || copied.Stat.MtimeNS != h.Stat.MtimeNS || copied.Stat.Permissions() != h.Stat.Permissions() ||
		len(attrs) != 1 || string(attrs[0].Value) != "1" {
		t.Errorf("copy %+v %v, source %+v", copied.Stat, attrs, h.Stat)
	}
	if _, err := CopyTo(t.Context(), h, d, "b"); !errors.Is(err, ErrExists) {
		t.Errorf("taken name: %v", err)
	}
	// A source that is not what was hashed gives no copy.
	h.Sum[0]++
	if _, err := CopyTo(t.Context(), h, d, "c"); !errors.Is(err, ErrChanged) {
		t.Errorf("other content: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := CopyTo(ctx, h, d, "c"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := d.Lstat("c"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a failed copy was left: %v", err)
	}
}
