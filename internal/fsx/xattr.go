package fsx

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Xattr is one extended attribute; ACLs and Finder tags are such attributes.
type Xattr struct {
	Name  string
	Value []byte
}

// Xattrs returns the extended attributes of an open file, sorted by name. A filesystem that keeps none
// gives none. Attributes that the system does not let this user read are left out.
func Xattrs(f *os.File) ([]Xattr, error) {
	list, err := grow(func(buf []byte) (int, error) { return unix.Flistxattr(int(f.Fd()), buf) })
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list extended attributes of %s: %w", f.Name(), err)
	}
	var attrs []Xattr
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value, err := grow(func(buf []byte) (int, error) { return unix.Fgetxattr(int(f.Fd()), name, buf) })
		if isNoAttr(err) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read extended attribute %s of %s: %w", name, f.Name(), err)
		}
		attrs = append(attrs, Xattr{Name: name, Value: value})
	}
	slices.SortFunc(attrs, func(a, b Xattr) int { return strings.Compare(a.Name, b.Name) })
	return attrs, nil
}

// SetXattrs sets the attributes on an open file and returns those that it does not bear afterwards, for
// instance because the filesystem keeps none. Attributes that are there already are not written.
func SetXattrs(f *os.File, attrs []Xattr) (missing []Xattr) {
	for _, a := range attrs {
		have, err := grow(func(buf []byte) (int, error) { return unix.Fgetxattr(int(f.Fd()), a.Name, buf) })
		if err == nil && string(have) == string(a.Value) {
			continue
		}
		err = ignoringEINTR(func() error { return unix.Fsetxattr(int(f.Fd()), a.Name, a.Value, 0) })
		if err != nil {
			missing = append(missing, a)
		}
	}
	return missing
}

// grow calls read with a buffer as large as it asks for, again when the value grew between the calls.
func grow(read func([]byte) (int, error)) ([]byte, error) {
	for {
		n, err := read(nil)
		if err != nil || n == 0 {
			return nil, err
		}
		buf := make([]byte, n)
		n, err = read(buf)
		if errors.Is(err, unix.ERANGE) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return buf[:n], nil
	}
}
