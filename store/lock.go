package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// LibraryLock is the right to change a library for long: scan, quarantine, restore,
// forget. Readers need none. It is an flock on a file beside the library, which
// the kernel frees when its holder ends in whatever way; the file stays.
type LibraryLock struct{ f *os.File }

// LockedError says who holds the lock. PID is 0 when that could not be read.
type LockedError struct {
	PID     int
	Command string
}

func (e *LockedError) Error() string {
	switch {
	case e.PID == 0:
		return "library is in use by another dupfind"
	case e.Command == "":
		return fmt.Sprintf("library is in use by process %d", e.PID)
	}
	return fmt.Sprintf("library is in use by %q (process %d)", e.Command, e.PID)
}

// Is makes a LockedError match ErrLocked.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// Lock takes the lock of the library at dbPath for command, or returns a
// *LockedError at once.
func Lock(dbPath, command string) (*LibraryLock, error) {
	abs, err := resolve(dbPath)
	if err != nil {
		return nil, fmt.Errorf("lock library: %w", err)
	}
	op := fmt.Sprintf("lock library %q", abs)
	if err := os.MkdirAll(filepath.Dir(abs), 0o700); err != nil {
		return nil, wrap(op, err)
	}
	// flock on a network filesystem may hang, or lock nothing.
	if name, err := networkFSOf(filepath.Dir(abs)); err != nil {
		return nil, wrap(op, err)
	} else if name != "" {
		return nil, wrap(op, &NetworkFSError{Path: abs, FSType: name})
	}
	f, err := os.OpenFile(abs+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, wrap(op, err)
	}
	switch err := flock(f); {
	case errors.Is(err, errHeld):
		holder := readHolder(f)
		return nil, errors.Join(holder, f.Close())
	case err != nil:
		return nil, wrap(op, errors.Join(err, f.Close()))
	}
	l := &LibraryLock{f}
	if err := l.sign(command); err != nil {
		return nil, wrap(op, errors.Join(err, l.Release()))
	}
	return l, nil
}

// sign writes who holds the lock, for the message of the one who comes second.
func (l *LibraryLock) sign(command string) error {
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	line := strings.Map(func(r rune) rune {
		if r == '\n' {
			return ' '
		}
		return r
	}, command)
	_, err := l.f.WriteAt(fmt.Appendf(nil, "%d\n%s\n", os.Getpid(), line), 0)
	return err
}

// readHolder reads what sign wrote; half a text gives half an answer.
func readHolder(f *os.File) *LockedError {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 4096))
	if err != nil {
		return &LockedError{}
	}
	pid, rest, _ := strings.Cut(string(b), "\n")
	n, err := strconv.Atoi(pid)
	if err != nil || n < 0 {
		return &LockedError{}
	}
	command, _, _ := strings.Cut(rest, "\n")
	return &LockedError{PID: n, Command: command}
}

// Release frees the lock. The file stays: removing it would let a third process
// lock a new file of the name while a second holds the old one.
func (l *LibraryLock) Release() error {
	return errors.Join(l.f.Truncate(0), l.f.Close())
}
