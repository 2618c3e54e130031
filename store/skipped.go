package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
)

const skippedSQL = `SELECT ` + fileColumns + ` FROM files
	WHERE state IN ('skipped', 'folder') AND gone_ns = 0 AND (?1 = 0 OR root_id = ?1)
	ORDER BY (SELECT path FROM roots WHERE id = root_id), path`

// Skipped yields what was not compared, with reasons: present files and folders
// of one root, or of all when rootID is 0, by path.
func (d *DB) Skipped(ctx context.Context, rootID int64) iter.Seq2[File, error] {
	return seq(ctx, d.r, "read skipped files", fileScanner(), skippedSQL, rootID)
}

// Reason counts the files that share a reason.
type Reason struct {
	Reason string
	Files  int
}

func skippedReasons(ctx context.Context, q querier) ([]Reason, error) {
	return collect(seq(ctx, q, "count skipped files", func(rows *sql.Rows, r *Reason) error {
		if err := rows.Scan(&r.Reason, &r.Files); err != nil {
			return fmt.Errorf("reason: %w", err)
		}
		return nil
	}, `SELECT reason, count(*) FROM files WHERE state IN ('skipped', 'folder') AND gone_ns = 0
		GROUP BY reason ORDER BY count(*) DESC, reason`))
}
