package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Pair is two contents that a search found, A < B.
type Pair struct {
	A, B   int64
	Cosine float64
}

// SearchState returns the cosine down to which engine has searched the vectors
// of a model, and whether it ever did.
func (d *DB) SearchState(ctx context.Context, modelID int64, engine string) (floor float64, ok bool, err error) {
	return searchState(ctx, d.r, modelID, engine)
}

func searchState(ctx context.Context, q querier, modelID int64, engine string) (floor float64, ok bool, err error) {
	err = q.QueryRowContext(ctx, `SELECT floor FROM searches WHERE model_id = ? AND engine = ?`, modelID, engine).Scan(&floor)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return floor, err == nil, wrap(fmt.Sprintf("read search by %s", engine), err)
}

// PutPairs stores pairs that engine found among the vectors of a model, down to
// the cosine floor, and marks the contents in searched as compared with all
// others, all in one transaction. A long search stores its pairs in several
// calls and marks in the last one: killed in between, it finds them again.
// reset drops the earlier search first; without it floor must be the stored one.
func (d *DB) PutPairs(ctx context.Context, modelID int64, engine string, floor float64, pairs []Pair, searched []int64, reset bool) error {
	return d.write(ctx, fmt.Sprintf("store %d pairs by %s", len(pairs), engine), func(tx *sql.Tx) error {
		id, err := beginSearch(ctx, tx, modelID, engine, floor, reset)
		if err != nil {
			return err
		}
		if err := insertPairs(ctx, tx, id, pairs); err != nil {
			return err
		}
		for chunk := range idChunks(searched) {
			// CROSS JOIN keeps this order of loops: SQLite would scan all embeddings for each chunk.
			_, err := tx.ExecContext(ctx, `INSERT INTO searched (embedding_id, search_id)
				SELECT v.id, ?1 FROM json_each(?2) j CROSS JOIN embeddings v ON v.model_id = ?3 AND v.content_id = j.value
				WHERE true ON CONFLICT DO NOTHING`, id, chunk, modelID)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// insertPairs takes 100 rows per statement: the calls cost more than the rows.
func insertPairs(ctx context.Context, tx *sql.Tx, searchID int64, pairs []Pair) error {
	const (
		head = `INSERT INTO pairs (search_id, a, b, cosine) VALUES `
		row  = `(?, ?, ?, ?)`
		tail = ` ON CONFLICT (a, b, search_id) DO UPDATE SET cosine = excluded.cosine`
		rows = 100
	)
	args := make([]any, 0, 4*rows)
	for chunk := range slices.Chunk(pairs, rows) {
		args = args[:0]
		for _, p := range chunk {
			args = append(args, searchID, p.A, p.B, p.Cosine)
		}
		query := head + strings.Repeat(row+", ", len(chunk)-1) + row + tail
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return fmt.Errorf("pairs from %d, %d on: %w", chunk[0].A, chunk[0].B, err)
		}
	}
	return nil
}

// beginSearch returns the id of the search, making it if it is new.
func beginSearch(ctx context.Context, tx *sql.Tx, modelID int64, engine string, floor float64, reset bool) (int64, error) {
	if reset {
		_, err := tx.ExecContext(ctx, `DELETE FROM searches WHERE model_id = ? AND engine = ?`, modelID, engine)
		if err != nil {
			return 0, err
		}
	}
	var id int64
	var stored float64
	err := tx.QueryRowContext(ctx, `INSERT INTO searches (model_id, engine, floor) VALUES (?, ?, ?)
		ON CONFLICT (model_id, engine) DO UPDATE SET engine = excluded.engine RETURNING id, floor`,
		modelID, engine, floor).Scan(&id, &stored)
	if err == nil && stored != floor {
		return 0, fmt.Errorf("floor %g, stored search has %g", floor, stored)
	}
	return id, err
}

func pairs(ctx context.Context, q querier, modelID int64, engine string, minCosine float64) iter.Seq2[Pair, error] {
	return seq(ctx, q, fmt.Sprintf("read pairs by %s", engine), func(rows *sql.Rows, p *Pair) error {
		return rows.Scan(&p.A, &p.B, &p.Cosine)
	}, `SELECT a, b, cosine FROM pairs
		WHERE search_id = (SELECT id FROM searches WHERE model_id = ? AND engine = ?) AND cosine >= ? ORDER BY a, b`,
		modelID, engine, minCosine)
}

// Pairs yields the pairs that engine found at or above minCosine, by A and B.
func (d *DB) Pairs(ctx context.Context, modelID int64, engine string, minCosine float64) iter.Seq2[Pair, error] {
	return pairs(ctx, d.r, modelID, engine, minCosine)
}
