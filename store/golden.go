package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// goldenCount is how many golden tiles there are.
const goldenCount = 16

// Golden returns the vectors of the golden tiles under a model, in the order of
// the tiles; nil when none are stored.
func (d *DB) Golden(ctx context.Context, modelID int64) ([][]float32, error) {
	op := fmt.Sprintf("read golden vectors of model %d", modelID)
	all, err := collect(seq(ctx, d.r, op, func(rows *sql.Rows, v *[]float32) error {
		var tile, dim int
		var blob sql.RawBytes
		if err := rows.Scan(&tile, &dim, &blob); err != nil {
			return err
		}
		var err error
		if *v, err = DecodeVector(blob, dim); err != nil {
			return fmt.Errorf("tile %d: %w", tile, err)
		}
		return nil
	}, `SELECT g.tile, m.dim, g.vector FROM golden g JOIN models m ON m.id = g.model_id
		WHERE g.model_id = ? ORDER BY g.tile`, modelID))
	if err == nil && len(all) != 0 && len(all) != goldenCount {
		err = wrap(op, fmt.Errorf("%w: %d of %d are there", ErrDamaged, len(all), goldenCount))
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// PutGolden stores the vectors of the golden tiles under a model that has none
// yet. Stored ones stay as they are: they stand for the vectors of the library,
// which a little drift from scan to scan would lead away from.
func (d *DB) PutGolden(ctx context.Context, modelID int64, vectors [][]float32) error {
	return d.write(ctx, fmt.Sprintf("store golden vectors of model %d", modelID), func(tx *sql.Tx) error {
		if len(vectors) != goldenCount {
			return fmt.Errorf("%d vectors, want %d", len(vectors), goldenCount)
		}
		var dim, stored int
		err := tx.QueryRowContext(ctx, `SELECT dim, (SELECT count(*) FROM golden WHERE model_id = models.id)
			FROM models WHERE id = ?`, modelID).Scan(&dim, &stored)
		if errors.Is(err, sql.ErrNoRows) {
			return errors.New("no such model")
		}
		if err != nil || stored > 0 {
			return err
		}
		for i, v := range vectors {
			if len(v) != dim {
				return fmt.Errorf("vector %d has %d numbers, model %d has %d", i, len(v), modelID, dim)
			}
			if err := checkNorm(v); err != nil {
				return fmt.Errorf("vector %d: %w", i, err)
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO golden (model_id, tile, dim, vector) VALUES (?, ?, ?, ?)`,
				modelID, i, dim, EncodeVector(v)); err != nil {
				return err
			}
		}
		return nil
	})
}
