package store

import (
	"context"
	"database/sql"
	"fmt"
)

// Root is a folder that the user asked to scan.
type Root struct {
	ID           int64
	Path         string // absolute, symlinks resolved
	Device       uint64 // at the last scan
	StableInodes bool   // its filesystem keeps inode numbers
	LastScanNS   int64  // end of the last whole scan, 0: none yet
	Files        int    // present photos and skipped files; set by Roots only
}

const rootsSQL = `SELECT id, path, device, stable_inodes, last_scan_ns,
	(SELECT count(*) FROM files WHERE root_id = roots.id AND gone_ns = 0 AND state IN ('photo', 'skipped'))
	FROM roots ORDER BY path`

func roots(ctx context.Context, q querier) ([]Root, error) {
	return collect(seq(ctx, q, "list roots", func(rows *sql.Rows, r *Root) error {
		var device int64
		err := rows.Scan(&r.ID, &r.Path, &device, &r.StableInodes, &r.LastScanNS, &r.Files)
		r.Device = uint64(device)
		return err
	}, rootsSQL))
}

// Roots lists the roots by path.
func (d *DB) Roots(ctx context.Context) ([]Root, error) { return roots(ctx, d.r) }

// AddRoot stores a new root and returns its id. ID and Files are ignored.
func (d *DB) AddRoot(ctx context.Context, r Root) (id int64, err error) {
	err = d.write(ctx, fmt.Sprintf("add root %q", r.Path), func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `INSERT INTO roots (path, device, stable_inodes, last_scan_ns)
			VALUES (?, ?, ?, ?) RETURNING id`, []byte(r.Path), int64(r.Device), r.StableInodes, r.LastScanNS).Scan(&id)
	})
	return id, err
}

// UpdateRoot replaces what is known about the root of r.ID.
func (d *DB) UpdateRoot(ctx context.Context, r Root) error {
	return d.write(ctx, fmt.Sprintf("update root %q", r.Path), func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE roots SET path = ?, device = ?, stable_inodes = ?, last_scan_ns = ?
			WHERE id = ?`, []byte(r.Path), int64(r.Device), r.StableInodes, r.LastScanNS, r.ID)
		if err != nil {
			return err
		}
		return affectedOne(res, "such root")
	})
}

// AbsorbRoot turns the root innerID, a folder below the root outerID, into a
// part of it: prefix is the inner root's path relative to the outer one. Where
// both know a file, the row that is present wins, the outer one if both are.
// The inner root is dropped, and the journal's moves follow their files.
func (d *DB) AbsorbRoot(ctx context.Context, innerID, outerID int64, prefix string) error {
	// SQLite's || makes text of its operands' bytes, whatever they are; the cast
	// makes them bytes again.
	const moved = `CAST(CAST(? AS BLOB) || '/' || path AS BLOB)`
	p := []byte(prefix)
	return d.write(ctx, fmt.Sprintf("absorb root %d into %d", innerID, outerID), func(tx *sql.Tx) error {
		for _, s := range []struct {
			query string
			args  []any
		}{
			{`DELETE FROM files WHERE root_id = ? AND gone_ns <> 0 AND path IN
				(SELECT ` + moved + ` FROM files WHERE root_id = ?)`, []any{outerID, p, innerID}},
			// The folder itself may be a row, "" below the inner root.
			{`UPDATE OR IGNORE files SET root_id = ?, path = CASE WHEN path = x'' THEN CAST(? AS BLOB) ELSE ` + moved + ` END
				WHERE root_id = ?`, []any{outerID, p, p, innerID}},
			{`UPDATE moves SET root_id = ?, rel = CAST(CAST(? AS BLOB) || '/' || rel AS BLOB) WHERE root_id = ?`,
				[]any{outerID, p, innerID}},
			{`DELETE FROM roots WHERE id = ?`, []any{innerID}},
		} {
			if _, err := tx.ExecContext(ctx, s.query, s.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// SamplePaths returns up to n paths of present files of a root, spread over its
// files: enough to tell whether a folder is still the root it was.
func (d *DB) SamplePaths(ctx context.Context, rootID int64, n int) ([]string, error) {
	const query = `SELECT path FROM (
		SELECT path, row_number() OVER (ORDER BY path) - 1 AS i, count(*) OVER () AS total
		FROM files WHERE root_id = ?1 AND gone_ns = 0 AND state <> 'folder')
		WHERE i % max(1, total / ?2) = 0 ORDER BY i LIMIT ?2`
	return collect(seq(ctx, d.r, fmt.Sprintf("sample files of root %d", rootID),
		func(rows *sql.Rows, s *string) error { return rows.Scan(s) }, query, rootID, n))
}

// Forgotten counts what Forget dropped.
type Forgotten struct {
	Files    int
	Contents int
	Vectors  int
	Pairs    int
}

// Forget drops the files at or below sub, a path relative to the root, and with
// "" the root itself. Contents that no file holds any more go with all that
// hangs on them. The journal stays: quarantined files can still be restored.
func (d *DB) Forget(ctx context.Context, rootID int64, sub string) (f Forgotten, err error) {
	err = d.write(ctx, fmt.Sprintf("forget %q of root %d", sub, rootID), func(tx *sql.Tx) error {
		if f.Files, err = forgetFiles(ctx, tx, rootID, sub); err != nil {
			return err
		}
		return f.dropOrphans(ctx, tx)
	})
	return f, err
}

func forgetFiles(ctx context.Context, tx *sql.Tx, rootID int64, sub string) (int, error) {
	query, args := `DELETE FROM files WHERE root_id = ?`, []any{rootID}
	if sub != "" {
		// All paths that begin with "sub/" lie between that and "sub0": '0' is
		// the byte after '/'.
		query += ` AND (path = ? OR (path > ? AND path < ?))`
		args = append(args, []byte(sub), []byte(sub+"/"), []byte(sub+"0"))
	}
	res, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	if err != nil || sub != "" {
		return int(n), err
	}
	res, err = tx.ExecContext(ctx, `DELETE FROM roots WHERE id = ?`, rootID)
	if err != nil {
		return 0, err
	}
	return int(n), affectedOne(res, "such root")
}

// dropOrphans drops contents without files. The counts come first, since rows
// that go by cascade are not counted by SQLite.
func (f *Forgotten) dropOrphans(ctx context.Context, tx *sql.Tx) error {
	const orphans = `(SELECT id FROM contents WHERE NOT EXISTS (SELECT 1 FROM files WHERE content_id = contents.id))`
	err := tx.QueryRowContext(ctx, `WITH o AS MATERIALIZED `+orphans+` SELECT (SELECT count(*) FROM o),
		(SELECT count(*) FROM embeddings WHERE content_id IN o),
		(SELECT count(*) FROM pairs WHERE a IN o OR b IN o)`).Scan(&f.Contents, &f.Vectors, &f.Pairs)
	if err != nil || f.Contents == 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM contents WHERE id IN `+orphans)
	return err
}
