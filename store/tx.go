package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
)

// querier is what reads go through: a handle, or the transaction of a snapshot.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// write runs fn in one transaction of the writing connection.
func (d *DB) write(ctx context.Context, op string, fn func(tx *sql.Tx) error) error {
	if d.w == nil {
		return wrap(op, ErrReadOnly)
	}
	tx, err := d.w.BeginTx(ctx, nil)
	if err != nil {
		return wrap(op, err)
	}
	return wrap(op, finish(tx, fn(tx)))
}

// writeSynced is write for the journal: when it returns, the transaction
// survives a power cut. Pragmas hold for a connection, and cannot change inside
// a transaction, hence the connection of its own.
func (d *DB) writeSynced(ctx context.Context, op string, fn func(tx *sql.Tx) error) (err error) {
	if d.w == nil {
		return wrap(op, ErrReadOnly)
	}
	c, err := d.w.Conn(ctx)
	if err != nil {
		return wrap(op, err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	// fullfsync has a meaning on macOS only, where fsync alone stops at the
	// drive's cache.
	if _, err := c.ExecContext(ctx, `PRAGMA synchronous = FULL; PRAGMA fullfsync = 1`); err != nil {
		return wrap(op, err)
	}
	defer func() {
		// The one writing connection must not stay slow, even when ctx has ended.
		_, e := c.ExecContext(context.WithoutCancel(ctx), `PRAGMA synchronous = NORMAL; PRAGMA fullfsync = 0`)
		err = errors.Join(err, wrap(op, e))
	}()
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return wrap(op, err)
	}
	return wrap(op, finish(tx, fn(tx)))
}

// finish commits after success and rolls back after err.
func finish(tx *sql.Tx, err error) error {
	if err != nil {
		// SQLite has rolled back by itself after some errors (a full disk), so
		// that this one fails; the first error is the one that matters.
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// seq runs a query and yields what scan makes of each row. An error ends it.
func seq[T any](ctx context.Context, q querier, op string, scan func(*sql.Rows, *T) error, query string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		rows, err := q.QueryContext(ctx, query, args...)
		if err != nil {
			yield(zero, wrap(op, err))
			return
		}
		// Nothing is lost if closing fails: errors of reading are in rows.Err.
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var v T
			if err := scan(rows, &v); err != nil {
				yield(zero, wrap(op, err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(zero, wrap(op, err))
		}
	}
}

// collect gathers a sequence up to its first error.
func collect[T any](s iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for v, err := range s {
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// idChunks yields ids as JSON arrays for json_each, so long that a statement's
// overhead vanishes and so short that the text stays small.
func idChunks(ids []int64) iter.Seq[string] {
	const n = 8192
	return func(yield func(string) bool) {
		for len(ids) > 0 {
			k := min(n, len(ids))
			text, err := json.Marshal(ids[:k])
			if err != nil {
				panic(err) // numbers always have a text
			}
			if !yield(string(text)) {
				return
			}
			ids = ids[k:]
		}
	}
}

// hash copies a blob of 32 bytes.
func hash(dst *[32]byte, b []byte) error {
	if len(b) != len(dst) {
		return fmt.Errorf("%w: hash of %d bytes", ErrDamaged, len(b))
	}
	copy(dst[:], b)
	return nil
}

// finite makes a number of foreign origin fit a NOT NULL column: SQLite stores
// NaN as NULL.
func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

// affectedOne turns an update that found no row into an error.
func affectedOne(res sql.Result, what string) error {
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("no %s: %w", what, sql.ErrNoRows)
	}
	return nil
}
