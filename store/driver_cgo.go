//go:build cgo

package store

import (
	"errors"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

// classify says which of our sentinels an error of the driver means, nil for
// none. The driver returns its Error by value, never by pointer.
func classify(err error) error {
	e, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return nil
	}
	switch e.Code {
	case sqlite3.ErrFull:
		return ErrDiskFull
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return ErrDamaged
	case sqlite3.ErrCantOpen, sqlite3.ErrReadonly, sqlite3.ErrPerm:
		return ErrAccess
	case sqlite3.ErrIoErr:
		switch {
		// Growing the WAL's shared memory reports a full disk as an I/O error.
		case e.SystemErrno == syscall.ENOSPC, e.SystemErrno == syscall.EDQUOT:
			return ErrDiskFull
		case e.ExtendedCode == sqlite3.ErrIoErrShortRead:
			return ErrDamaged
		}
	}
	return nil
}
