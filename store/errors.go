package store

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrNoDB is returned by a read-only Open when there is no library yet.
	ErrNoDB = errors.New("no library yet")
	// ErrNewerSchema is returned for a file that a newer dupfind wrote.
	ErrNewerSchema = errors.New("library was written by a newer dupfind")
	// ErrOlderSchema is returned by a read-only Open of a file that must be
	// migrated first, which any writing command does.
	ErrOlderSchema = errors.New("library was written by an older dupfind and not yet migrated")
	// ErrNotOurs is returned for a file that is another program's database.
	ErrNotOurs = errors.New("database of another program")
	// ErrDamaged is returned when the file is not, or no longer, a sound database.
	ErrDamaged = errors.New("library is damaged")
	// ErrDiskFull is returned when a write found no room. What was committed
	// before stays, and the failed transaction left nothing.
	ErrDiskFull = errors.New("disk is full")
	// ErrAccess is returned when the system lets us not open or write the file.
	// In WAL mode readers too need a folder that they may write: SQLite keeps
	// the -wal and -shm files there.
	ErrAccess = errors.New("library and its folder must be readable and writable")
	// ErrReadOnly is returned by every writing method of a DB opened read-only.
	ErrReadOnly = errors.New("library was opened for reading only")
	// ErrLocked is what a *LockedError matches.
	ErrLocked = errors.New("library is in use")
	// ErrUnknownContent is returned by Put for a file whose content is neither
	// stored nor given.
	ErrUnknownContent = errors.New("content is not stored")
)

// NetworkFSError says that the library would lie on a network filesystem,
// where WAL mode is not safe.
type NetworkFSError struct {
	Path   string
	FSType string
}

func (e *NetworkFSError) Error() string {
	return fmt.Sprintf("library %q lies on a network filesystem (%s)", e.Path, e.FSType)
}

// DamagedVectorError says that a stored vector cannot be used. DropVectors
// removes it, and the next scan embeds its content again.
type DamagedVectorError struct {
	ContentID int64
	ModelID   int64
	Err       error
}

func (e *DamagedVectorError) Error() string {
	return fmt.Sprintf("vector of content %d under model %d: %v", e.ContentID, e.ModelID, e.Err)
}

func (e *DamagedVectorError) Unwrap() error { return e.Err }

// wrap adds the operation to an error at the package's border, and the sentinel
// that an SQLite code stands for.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	if sentinel := classify(err); sentinel != nil && !errors.Is(err, sentinel) {
		return fmt.Errorf("%s: %w: %w", op, sentinel, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}
