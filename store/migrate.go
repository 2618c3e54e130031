package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

const (
	// applicationID marks a file as ours, so that no other program's database
	// is migrated by mistake: "dupf".
	applicationID = 0x64757066
	// pageSize lets three vectors of 512 numbers (2,060 bytes with their head)
	// share a page; at SQLite's 4096 only one fits, and half the file is air.
	pageSize = 8192
)

// migrations returns the texts in order: the first one leads to version 1.
// Names are numbered from 0001 without a gap.
func migrations() ([]string, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var all []string
	for i, name := range names {
		if want := fmt.Sprintf("migrations/%04d_", i+1); !strings.HasPrefix(name, want) {
			return nil, fmt.Errorf("migration %s: want prefix %s", name, want)
		}
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(all, string(text))
	}
	return all, nil
}

// migrate looks at the file and brings it to the newest version, on a handle of
// its own: the pragmas of the lasting ones would turn a foreign file to WAL
// before it is known to be ours, and fix the page size of a new one.
func (d *DB) migrate(ctx context.Context, readOnly bool) (err error) {
	steps, err := migrations()
	if err != nil {
		return err
	}
	q := url.Values{"_txlock": {"immediate"}}
	if readOnly {
		q.Set("_query_only", "1")
	}
	h, err := sql.Open("sqlite3", dsn(d.path, q))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	h.SetMaxOpenConns(1)
	version, err := schemaVersion(ctx, h, len(steps))
	switch {
	case err != nil:
		return err
	case version == len(steps):
		return nil
	case readOnly && version == 0:
		return ErrNoDB
	case readOnly:
		return fmt.Errorf("%w: version %d, this program needs %d", ErrOlderSchema, version, len(steps))
	}
	// It has an effect on an empty file only.
	if _, err := h.ExecContext(ctx, fmt.Sprintf("PRAGMA page_size = %d", pageSize)); err != nil {
		return err
	}
	for version < len(steps) {
		if version, err = d.step(ctx, h, steps); err != nil {
			return err
		}
	}
	return nil
}

// step runs the next migration in one transaction with its version number, and
// returns the version reached. The version is read again inside: another
// process may have been faster.
func (d *DB) step(ctx context.Context, h *sql.DB, steps []string) (int, error) {
	tx, err := h.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	version, err := schemaVersion(ctx, tx, len(steps))
	if err == nil && version < len(steps) {
		version++
		_, err = tx.ExecContext(ctx, fmt.Sprintf("%s;\nPRAGMA user_version = %d; PRAGMA application_id = %d",
			steps[version-1], version, applicationID))
		if err != nil {
			err = fmt.Errorf("migrate to version %d: %w", version, err)
		}
	}
	if err := finish(tx, err); err != nil {
		return 0, err
	}
	d.log.InfoContext(ctx, "library migrated", "path", d.path, "version", version)
	return version, nil
}

// schemaVersion returns the file's version: 0 for an empty one.
func schemaVersion(ctx context.Context, q querier, newest int) (int, error) {
	var version, app, tables int
	err := q.QueryRowContext(ctx, `SELECT (SELECT user_version FROM pragma_user_version),
		(SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)`).
		Scan(&version, &app, &tables)
	switch {
	case err != nil:
		return 0, err
	case app != applicationID && (version != 0 || tables != 0 || app != 0):
		return 0, ErrNotOurs
	case version > newest:
		return 0, fmt.Errorf("%w: version %d, this program knows %d", ErrNewerSchema, version, newest)
	}
	return version, nil
}
