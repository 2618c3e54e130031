package quarantine

import (
	"errors"
	"fmt"

	"github.com/dupfind/dupfind/internal/fsx"
	"github.com/dupfind/dupfind/store"
)

// strandedError means that a move could not be completed and not be taken back either. The file is whole,
// at one of the two places, and the manifest's intent leads the next recovery to it.
type strandedError struct{ err error }

func (e *strandedError) Error() string {
	return "move neither completed nor taken back: " + e.err.Error()
}
func (e *strandedError) Unwrap() error { return e.err }

// stopError ends the run although it looks like the trouble of one file.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }
func (e *stopError) Unwrap() error { return e.err }

// journalError means that the journal lags behind the manifest: the run stays unfinished, so that recovery
// brings it up.
type journalError struct{ err error }

func (e *journalError) Error() string { return e.err.Error() }
func (e *journalError) Unwrap() error { return e.err }

// endsRun says whether an error is more than the trouble of one file, whatever lies beneath it.
func endsRun(err error) bool {
	var stranded *strandedError
	var stopped *stopError
	return errors.As(err, &stranded) || errors.As(err, &stopped)
}

// asDiskFull makes a full disk, wherever it was met, known as ErrDiskFull.
func asDiskFull(err error) error {
	if fsx.IsDiskFull(err) || errors.Is(err, store.ErrDiskFull) {
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return err
}
