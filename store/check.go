package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// Check reads the whole file and returns what is wrong with it, a line each;
// none for a sound library. It is slow: seconds per gigabyte.
func (d *DB) Check(ctx context.Context) ([]string, error) {
	var problems []string
	for _, check := range []func(context.Context) ([]string, error){d.checkPages, d.checkReferences} {
		lines, err := check(ctx)
		problems = append(problems, lines...)
		switch {
		case errors.Is(err, ErrDamaged): // so much that the check itself cannot go on
			problems = append(problems, err.Error())
		case err != nil:
			return nil, err
		}
	}
	return problems, nil
}

// checkPages returns SQLite's own findings, which come as many lines in one row.
func (d *DB) checkPages(ctx context.Context) (lines []string, err error) {
	for text, err := range seq(ctx, d.r, "check library", func(rows *sql.Rows, text *string) error {
		return rows.Scan(text)
	}, `SELECT quick_check FROM pragma_quick_check WHERE quick_check <> 'ok'`) {
		if err != nil {
			return lines, err
		}
		lines = append(lines, strings.Split(strings.TrimSpace(text), "\n")...)
	}
	return lines, nil
}

func (d *DB) checkReferences(ctx context.Context) ([]string, error) {
	return collect(seq(ctx, d.r, "check references", func(rows *sql.Rows, line *string) error {
		var table, parent string
		var n int
		err := rows.Scan(&table, &parent, &n)
		*line = fmt.Sprintf("%d rows of %s refer to rows of %s that are not there", n, table, parent)
		return err
	}, `SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2 ORDER BY 1, 2`))
}
