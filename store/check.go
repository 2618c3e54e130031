package store

import (
	"context"
	"database/sql"
	"fmt"
)

// Check reads the whole file and returns what is wrong with it, a line each;
// none for a sound library. It is slow: seconds per gigabyte.
func (d *DB) Check(ctx context.Context) ([]string, error) {
	problems, err := collect(seq(ctx, d.r, "check library", func(rows *sql.Rows, line *string) error {
		return rows.Scan(line)
	}, `SELECT quick_check FROM pragma_quick_check WHERE quick_check <> 'ok'`))
	if err != nil {
		return nil, err
	}
	dangling, err := collect(seq(ctx, d.r, "check references", func(rows *sql.Rows, line *string) error {
		var table, parent string
		var n int
		err := rows.Scan(&table, &parent, &n)
		*line = fmt.Sprintf("%d rows of %s refer to rows of %s that are not there", n, table, parent)
		return err
	}, `SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2 ORDER BY 1, 2`))
	return append(problems, dangling...), err
}
