package scan

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNotFolder is wrapped by [ResolveRoot] for a path that is a file.
var ErrNotFolder = errors.New("not a folder")

// ResolveRoot returns the one name of a folder: absolute, symbolic links
// resolved and, where the filesystem does not tell upper from lower case or
// Unicode forms apart, spelt as it is on the disk.
func ResolveRoot(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("folder %q: %w", path, err)
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return "", fmt.Errorf("folder %q: %w", path, bare(err))
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", fmt.Errorf("folder %q: %w", path, bare(err))
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%q: %w: give the folder that holds it", path, ErrNotFolder)
	}
	if runtime.GOOS == "darwin" {
		real = spelling(real)
	}
	return real, nil
}

// spelling replaces each name of a path by the one that its folder lists.
// A folder that cannot be listed leaves the name as it was given.
func spelling(path string) string {
	dir, name := filepath.Split(filepath.Clean(path))
	if name == "" {
		return path
	}
	dir = spelling(filepath.Clean(dir))
	full := filepath.Join(dir, name)
	want, err := os.Lstat(full)
	if err != nil {
		return full
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return full
	}
	found := ""
	for _, e := range entries {
		if e.Name() == name {
			return full
		}
		if found != "" || !mayBeSpelt(e.Name(), name) {
			continue
		}
		if info, err := e.Info(); err == nil && os.SameFile(info, want) {
			found = e.Name()
		}
	}
	if found == "" {
		return full
	}
	return filepath.Join(dir, found)
}

// mayBeSpelt keeps spelling from asking about every entry of a folder:
// beyond ASCII anything may be a form of anything.
func mayBeSpelt(a, b string) bool {
	return strings.EqualFold(a, b) || !isASCII(a) && !isASCII(b)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// SameRoot reports whether two paths are one folder, by device and inode:
// bind mounts and other spellings of a name included.
func SameRoot(a, b string) (bool, error) {
	ia, err := os.Stat(a)
	if err != nil {
		return false, fmt.Errorf("folder %q: %w", a, bare(err))
	}
	ib, err := os.Stat(b)
	if err != nil {
		return false, fmt.Errorf("folder %q: %w", b, bare(err))
	}
	return os.SameFile(ia, ib), nil
}

// KnownRoot is what is remembered of a root.
type KnownRoot struct {
	Device   uint64
	HadFiles bool
	Sample   []string // relative paths of some files that were present
}

// CheckRoot reports whether the folder at path is the root that is known, or
// is "not here": missing, empty where it was full, or on another device and
// without any file of the sample. Why says so in words. Nothing may be marked
// gone in a root that is not here; a drive was unplugged. The device is that
// of the folder, 0 when it is missing. An error means that it cannot be told.
func CheckRoot(path string, k KnownRoot) (here bool, why string, device uint64, err error) {
	var st unix.Stat_t
	_, err = retry(func() (int, error) { return 0, unix.Stat(path, &st) })
	switch {
	case err == unix.ENOENT || err == unix.ENOTDIR:
		return false, "the folder is missing", 0, nil
	case err != nil:
		return false, "", 0, fmt.Errorf("stat folder %q: %w", path, err)
	case uint32(st.Mode)&unix.S_IFMT != unix.S_IFDIR:
		return false, "a file has the folder's name", 0, nil
	}
	device = uint64(st.Dev)
	if k.HadFiles {
		empty, err := looksEmpty(path)
		if err != nil {
			return false, "", device, fmt.Errorf("read folder %q: %w", path, bare(err))
		}
		if empty {
			return false, "the folder is empty and was not before", device, nil
		}
	}
	if device == k.Device || !k.HadFiles {
		return true, "", device, nil
	}
	for _, rel := range k.Sample {
		if _, err := os.Lstat(filepath.Join(path, rel)); err == nil {
			return true, "", device, nil
		}
	}
	return false, "another drive is at the folder, and none of the files known from it", device, nil
}

// looksEmpty ignores hidden names: a folder that waits for a drive to be
// mounted at it may hold a .keep or a .DS_Store.
func looksEmpty(path string) (empty bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for {
		entries, err := f.ReadDir(64)
		for _, e := range entries {
			if !hiddenName(e) {
				return false, nil
			}
		}
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

func hiddenName(e fs.DirEntry) bool { return e.Name()[0] == '.' }
