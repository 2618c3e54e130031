package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/dupfind/dupfind/internal/quarantine"
	"github.com/dupfind/dupfind/internal/term"
	"github.com/dupfind/dupfind/store"
)

// openForReading opens the library beside whatever else uses it.
func (a app) openForReading(ctx context.Context, o flagOptions) (*store.DB, error) {
	if err := a.statDB(o); err != nil {
		return nil, err
	}
	return store.Open(ctx, o.DB, store.Options{Now: a.now, Log: a.logger(o), ReadOnly: true})
}

// errNotLibrary is a --db FILE that is something else.
var errNotLibrary = errors.New("not a dupfind library")

// statDB looks at the library's file before anything is opened, locked or
// made: store.ErrNoDB where there is none yet.
func (a app) statDB(o flagOptions) error {
	fi, err := os.Stat(o.DB)
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && fi.Mode().IsRegular() && fi.Size() == 0:
		return fmt.Errorf("%w at %s", store.ErrNoDB, term.Escape(o.DB))
	case err != nil:
		return err
	case fi.IsDir():
		return fmt.Errorf("%s is a folder: %w", term.Escape(o.DB), errNotLibrary)
	case !fi.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file: %w", term.Escape(o.DB), errNotLibrary)
	}
	f, err := os.Open(o.DB)
	if err != nil {
		return err
	}
	defer f.Close()
	const magic = "SQLite format 3\x00"
	first := make([]byte, len(magic))
	if n, err := io.ReadFull(f, first); err != nil || string(first[:n]) != magic {
		return fmt.Errorf("%s is %w", term.Escape(o.DB), errNotLibrary)
	}
	return nil
}

// library is the library opened for a command that changes it.
type library struct {
	*store.DB
	lock *store.LibraryLock
}

// openKnown opens a library for writing that must be there already.
func (a app) openKnown(ctx context.Context, o flagOptions, command string) (*library, error) {
	if err := a.statDB(o); err != nil {
		return nil, err
	}
	return a.openForWriting(ctx, o, command)
}

// openForWriting takes the lock, opens the library, making it if need be, and
// brings a killed quarantine or restore to its end.
func (a app) openForWriting(ctx context.Context, o flagOptions, command string) (_ *library, err error) {
	if err := a.statDB(o); err != nil && !errors.Is(err, store.ErrNoDB) {
		return nil, err
	}
	lock, err := store.Lock(o.DB, command)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Release())
		}
	}()
	db, err := store.Open(ctx, o.DB, store.Options{Now: a.now, Log: a.logger(o)})
	if err != nil {
		return nil, err
	}
	recovered, err := quarantine.Recover(ctx, db, quarantine.RecoverOptions{Now: a.now, Log: a.logger(o)})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("finish an interrupted quarantine: %w", err), db.Close())
	}
	for _, line := range recoveredLines(recovered) {
		a.note(o, "%s", line)
	}
	return &library{DB: db, lock: lock}, nil
}

// Close closes the library and frees the lock.
func (l *library) Close() error { return errors.Join(l.DB.Close(), l.lock.Release()) }
