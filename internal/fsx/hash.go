package fsx

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
)

// Hashed is a file that was read whole and hashed, still open, so that the caller can tell later whether
// a name still means this very file.
type Hashed struct {
	File *os.File
	Sum  [32]byte
	Stat Stat
}

// Close closes the file.
func (h *Hashed) Close() error { return h.File.Close() }

// Current returns the facts of the open file now.
func (h *Hashed) Current() (Stat, error) { return StatFile(h.File) }

// Hash reads the regular file name and hashes it. The file is opened without following a symlink; its
// facts are those of the descriptor. When it was written to meanwhile, or the name means another file at
// the end, the error is ErrChanged.
func (d *Dir) Hash(ctx context.Context, name string) (*Hashed, error) {
	f, before, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	sum, err := sumReader(ctx, f)
	if err == nil {
		err = d.stillThere(f, name, before)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Hashed{File: f, Sum: sum, Stat: before}, nil
}

// stillThere checks that the open file is as it was and that name still leads to it.
func (d *Dir) stillThere(f *os.File, name string, before Stat) error {
	after, err := StatFile(f)
	if err != nil {
		return err
	}
	now, err := d.Lstat(name)
	if err != nil {
		return err
	}
	if !after.Untouched(before) || !now.Same(before) {
		return &os.PathError{Op: "hash", Path: d.join(name), Err: ErrChanged}
	}
	return nil
}

// sumReader hashes in pieces, so that a cancelled context ends it within one piece.
func sumReader(ctx context.Context, r io.Reader) (sum [32]byte, err error) {
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		if err := ended(ctx); err != nil {
			return sum, err
		}
		n, err := r.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return [32]byte(h.Sum(nil)), nil
		}
		if err != nil {
			return sum, err
		}
	}
}

// ended returns why ctx is over, or nil. The error is always also ctx.Err, whatever the cause.
func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ctx.Err(), context.Cause(ctx))
}
