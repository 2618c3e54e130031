package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
)

// Vector is the embedding of a content.
type Vector struct {
	ContentID int64
	V         []float32
	Searched  bool // the engine asked about has compared it with all others
}

// normTolerance is how far the length of a stored vector may be from 1: as far
// as backends may be off, so that nothing they gave is refused here.
const normTolerance = 1e-3

// EncodeVector returns the stored form: float32, little-endian.
func EncodeVector(v []float32) []byte {
	b := make([]byte, 4*len(v))
	for i, x := range v {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(x))
	}
	return b
}

// DecodeVector reads the stored form of a vector of dim numbers, and checks
// that they are finite and of length 1.
func DecodeVector(b []byte, dim int) ([]float32, error) {
	if dim <= 0 || len(b) != 4*dim {
		return nil, fmt.Errorf("%w: vector of %d bytes, want %d numbers", ErrDamaged, len(b), dim)
	}
	v := make([]float32, dim)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	if err := checkNorm(v); err != nil {
		return nil, err
	}
	return v, nil
}

// checkNorm needs no look at each number: one that is not finite makes the sum
// infinite or NaN, and the negated comparison catches both.
func checkNorm(v []float32) error {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if norm := math.Sqrt(sum); !(math.Abs(norm-1) <= normTolerance) {
		return fmt.Errorf("%w: vector of length %g, want 1", ErrDamaged, norm)
	}
	return nil
}

// putVector stores a vector unless there is one. What could not be read back is
// not stored.
func putVector(ctx context.Context, tx *sql.Tx, modelID, contentID int64, dim int, v []float32) error {
	if len(v) != dim {
		return fmt.Errorf("vector of %d numbers, model %d has %d", len(v), modelID, dim)
	}
	if err := checkNorm(v); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO embeddings (model_id, content_id, dim, vector) VALUES (?, ?, ?, ?)
		ON CONFLICT (model_id, content_id) DO NOTHING`, modelID, contentID, dim, EncodeVector(v))
	return err
}

const vectorsSQL = `SELECT v.content_id, m.dim, v.vector, EXISTS (SELECT 1 FROM searched s JOIN searches q ON q.id = s.search_id
		WHERE s.embedding_id = v.id AND q.model_id = ?1 AND q.engine = ?2)
	FROM embeddings v JOIN models m ON m.id = v.model_id JOIN contents c ON c.id = v.content_id
	WHERE v.model_id = ?1 AND c.low_detail = 0 ORDER BY v.content_id`

func vectors(ctx context.Context, q querier, modelID int64, engine string) iter.Seq2[Vector, error] {
	op := fmt.Sprintf("read vectors of model %d", modelID)
	return func(yield func(Vector, error) bool) {
		var blob sql.RawBytes
		damaged := error(nil)
		for v, err := range seq(ctx, q, op, func(rows *sql.Rows, v *Vector) error {
			var dim int
			if err := rows.Scan(&v.ContentID, &dim, &blob, &v.Searched); err != nil {
				return err
			}
			v.V, damaged = DecodeVector(blob, dim)
			return nil
		}, vectorsSQL, modelID, engine) {
			if err == nil && damaged != nil {
				err = &DamagedVectorError{ContentID: v.ContentID, ModelID: modelID, Err: damaged}
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// Vectors yields the vectors of a model by content, all but those of photos
// without detail, and marks what engine has searched already. A damaged one
// comes as a *DamagedVectorError and does not end the sequence: the caller may
// gather them for DropVectors. Any other error ends it. Each V is the caller's.
func (d *DB) Vectors(ctx context.Context, modelID int64, engine string) iter.Seq2[Vector, error] {
	return vectors(ctx, d.r, modelID, engine)
}

// CountVectors returns how many vectors Vectors would yield.
func (d *DB) CountVectors(ctx context.Context, modelID int64) (n int, err error) {
	return countVectors(ctx, d.r, modelID)
}

func countVectors(ctx context.Context, q querier, modelID int64) (n int, err error) {
	err = q.QueryRowContext(ctx, `SELECT count(*) FROM embeddings v JOIN contents c ON c.id = v.content_id
		WHERE v.model_id = ? AND c.low_detail = 0`, modelID).Scan(&n)
	return n, wrap(fmt.Sprintf("count vectors of model %d", modelID), err)
}

// CountUnsearched returns how many vectors of a model engine has not searched
// yet, without reading any.
func (d *DB) CountUnsearched(ctx context.Context, modelID int64, engine string) (n int, err error) {
	err = d.r.QueryRowContext(ctx, `SELECT count(*) FROM embeddings v WHERE v.model_id = ?1 AND NOT EXISTS (
		SELECT 1 FROM searched s JOIN searches q ON q.id = s.search_id
		WHERE s.embedding_id = v.id AND q.model_id = ?1 AND q.engine = ?2)`, modelID, engine).Scan(&n)
	return n, wrap(fmt.Sprintf("count unsearched vectors of model %d", modelID), err)
}

// DropVectors drops the vectors of contents under a model, with the pairs found
// by them, so that the next scan embeds these contents again.
func (d *DB) DropVectors(ctx context.Context, modelID int64, contentIDs []int64) error {
	return d.write(ctx, fmt.Sprintf("drop vectors of model %d", modelID), func(tx *sql.Tx) error {
		for chunk := range idChunks(contentIDs) {
			_, err := tx.ExecContext(ctx, `DELETE FROM embeddings
				WHERE model_id = ? AND content_id IN (SELECT value FROM json_each(?))`, modelID, chunk)
			_, err2 := tx.ExecContext(ctx, `DELETE FROM pairs WHERE search_id IN (SELECT id FROM searches WHERE model_id = ?1)
				AND (a IN (SELECT value FROM json_each(?2)) OR b IN (SELECT value FROM json_each(?2)))`, modelID, chunk)
			if err := errors.Join(err, err2); err != nil {
				return err
			}
		}
		return nil
	})
}
