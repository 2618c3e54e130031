package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
)

// Evidence is what a method found out about two contents, A < B. An empty Kind
// says that it looked and found nothing, so that it need not look again.
type Evidence struct {
	A, B   int64
	Method string // with its version
	Kind   string
	Detail string
}

// PutEvidence stores verdicts, over earlier ones by the same method. A verdict
// about a content that was forgotten meanwhile is left out.
func (d *DB) PutEvidence(ctx context.Context, all []Evidence) error {
	return d.write(ctx, fmt.Sprintf("store %d verdicts", len(all)), func(tx *sql.Tx) error {
		for _, e := range all {
			_, err := tx.ExecContext(ctx, `INSERT INTO evidence (a, b, method, kind, detail) SELECT ?1, ?2, ?3, ?4, ?5
				WHERE EXISTS (SELECT 1 FROM contents WHERE id = ?1) AND EXISTS (SELECT 1 FROM contents WHERE id = ?2)
				ON CONFLICT (a, b, method) DO UPDATE SET kind = excluded.kind, detail = excluded.detail`,
				e.A, e.B, e.Method, e.Kind, e.Detail)
			if err != nil {
				return fmt.Errorf("contents %d, %d: %w", e.A, e.B, err)
			}
		}
		return nil
	})
}

func evidence(ctx context.Context, q querier, method string) iter.Seq2[Evidence, error] {
	return seq(ctx, q, fmt.Sprintf("read evidence by %s", method), func(rows *sql.Rows, e *Evidence) error {
		return rows.Scan(&e.A, &e.B, &e.Method, &e.Kind, &e.Detail)
	}, `SELECT a, b, method, kind, detail FROM evidence WHERE method = ? ORDER BY a, b`, method)
}

// Evidence yields the verdicts of a method, by A and B.
func (d *DB) Evidence(ctx context.Context, method string) iter.Seq2[Evidence, error] {
	return evidence(ctx, d.r, method)
}
