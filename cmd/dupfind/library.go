package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/dupfind/dupfind/internal/quarantine"
	"github.com/dupfind/dupfind/store"
)

// openForReading opens the library beside whatever else uses it.
func (a app) openForReading(ctx context.Context, o flagOptions) (*store.DB, error) {
	return store.Open(ctx, o.DB, store.Options{Now: a.now, Log: a.logger(o), ReadOnly: true})
}

// library is the library opened for a command that changes it.
type library struct {
	*store.DB
	lock *store.LibraryLock
}

// openKnown opens a library for writing that must be there already.
func (a app) openKnown(ctx context.Context, o flagOptions, command string) (*library, error) {
	if _, err := a.statDB(o); err != nil {
		return nil, err
	}
	return a.openForWriting(ctx, o, command)
}

// openForWriting takes the lock, opens the library, making it if need be, and
// brings a killed quarantine or restore to its end.
func (a app) openForWriting(ctx context.Context, o flagOptions, command string) (_ *library, err error) {
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
