package store

import (
	"context"
	"database/sql"
	"errors"
	"iter"
)

// Snap is the library as it was at one moment, for as long as it is open: a
// scan that goes on beside it changes nothing of what it shows. Its sequences
// may be read one within another. It must be closed.
type Snap struct{ tx *sql.Tx }

// Snapshot begins a read transaction. The end of ctx ends it too.
func (d *DB) Snapshot(ctx context.Context) (*Snap, error) {
	const op = "begin snapshot"
	tx, err := d.r.BeginTx(ctx, nil)
	if err != nil {
		return nil, wrap(op, err)
	}
	// BEGIN alone looks at nothing: the first read fixes the moment.
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM settings`).Scan(&n); err != nil {
		return nil, wrap(op, errors.Join(err, tx.Rollback()))
	}
	return &Snap{tx}, nil
}

// Close ends the snapshot.
func (s *Snap) Close() error {
	if err := s.tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return wrap("end snapshot", err)
	}
	return nil
}

// Roots lists the roots by path.
func (s *Snap) Roots(ctx context.Context) ([]Root, error) { return roots(ctx, s.tx) }

// Contents yields the contents that a present file holds, by id, without thumbs.
func (s *Snap) Contents(ctx context.Context) iter.Seq2[Content, error] { return contents(ctx, s.tx) }

// Files yields the present photos, by root and path.
func (s *Snap) Files(ctx context.Context) iter.Seq2[File, error] {
	return seq(ctx, s.tx, "read files", fileScanner(), `SELECT `+fileColumns+` FROM files
		WHERE state = 'photo' AND gone_ns = 0 ORDER BY root_id, path`)
}

// Thumb returns the small JPEG of a content, nil if there is none.
func (s *Snap) Thumb(ctx context.Context, contentID int64) ([]byte, error) {
	return thumb(ctx, s.tx, contentID)
}

// Models lists the models that ever gave vectors, by name.
func (s *Snap) Models(ctx context.Context) ([]Model, error) { return models(ctx, s.tx) }

// Vectors is DB.Vectors within the snapshot.
func (s *Snap) Vectors(ctx context.Context, modelID int64, engine string) iter.Seq2[Vector, error] {
	return vectors(ctx, s.tx, modelID, engine)
}

// CountVectors returns how many vectors Vectors would yield.
func (s *Snap) CountVectors(ctx context.Context, modelID int64) (int, error) {
	return countVectors(ctx, s.tx, modelID)
}

// SearchState is DB.SearchState within the snapshot.
func (s *Snap) SearchState(ctx context.Context, modelID int64, engine string) (floor float64, ok bool, err error) {
	return searchState(ctx, s.tx, modelID, engine)
}

// Pairs is DB.Pairs within the snapshot.
func (s *Snap) Pairs(ctx context.Context, modelID int64, engine string, minCosine float64) iter.Seq2[Pair, error] {
	return pairs(ctx, s.tx, modelID, engine, minCosine)
}

// Evidence yields the verdicts of a method, by A and B.
func (s *Snap) Evidence(ctx context.Context, method string) iter.Seq2[Evidence, error] {
	return evidence(ctx, s.tx, method)
}

// RemovedBefore is DB.RemovedBefore within the snapshot.
func (s *Snap) RemovedBefore(ctx context.Context) (map[[32]byte]string, error) {
	return removedBefore(ctx, s.tx)
}
