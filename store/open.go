package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Options are the ways to open a library. The zero value writes, logs nothing
// and takes the time from the clock.
type Options struct {
	// Now gives the time that rows are marked with; nil: time.Now.
	Now func() time.Time
	// Log hears of migrations; nil: nobody.
	Log *slog.Logger
	// ReadOnly opens an existing library beside a writer and changes nothing.
	ReadOnly bool
}

// DB is an open library. Its methods may be used by many goroutines.
type DB struct {
	w    *sql.DB // one connection; nil when read-only
	r    *sql.DB // several connections, query_only
	path string
	now  func() time.Time
	log  *slog.Logger
}

// Open opens the library at path, making or migrating it unless
// o.ReadOnly. A file that is missing, newer, damaged, another program's or on a
// network filesystem gives the error of that name.
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	return open(ctx, path, o, networkFSOf)
}

func open(ctx context.Context, path string, o Options, networkFS func(string) (string, error)) (*DB, error) {
	op := fmt.Sprintf("open library %q", path)
	d := &DB{now: o.Now, log: o.Log}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if d.path, err = prepare(path, o.ReadOnly, networkFS); err != nil {
		return nil, wrap(op, err)
	}
	if err := d.migrate(ctx, o.ReadOnly); err != nil {
		return nil, wrap(op, err)
	}
	if err := d.connect(ctx, o.ReadOnly); err != nil {
		return nil, wrap(op, errors.Join(err, d.Close()))
	}
	return d, nil
}

// connect opens the two handles. The reader comes second, since a WAL file is
// made by who writes.
func (d *DB) connect(ctx context.Context, readOnly bool) error {
	var err error
	if !readOnly {
		// 32 MB of cache hold the inner pages of the indexes by hash for
		// some millions of contents.
		d.w, err = sql.Open("sqlite3", dsn(d.path, url.Values{
			"_txlock": {"immediate"}, "_journal_mode": {"WAL"}, "_synchronous": {"NORMAL"}, "_cache_size": {"-32768"},
		}))
		if err != nil {
			return err
		}
		d.w.SetMaxOpenConns(1)
		if err := d.w.PingContext(ctx); err != nil {
			return err
		}
	}
	d.r, err = sql.Open("sqlite3", dsn(d.path, url.Values{"_query_only": {"1"}, "_cache_size": {"-16384"}}))
	if err != nil {
		return err
	}
	// Eight: far more than sequences are read one within another, so that no
	// caller waits for a connection that it holds itself. Four stay open when
	// idle, since their caches are warm.
	d.r.SetMaxOpenConns(8)
	d.r.SetMaxIdleConns(4)
	return d.r.PingContext(ctx)
}

// Close closes the library. The writer goes last: it folds the WAL file in.
func (d *DB) Close() error {
	var errs []error
	if d.r != nil {
		errs = append(errs, d.r.Close())
	}
	if d.w != nil {
		errs = append(errs, d.w.Close())
	}
	return errors.Join(errs...)
}

// Path is the absolute path of the library's file, with symlinks resolved.
func (d *DB) Path() string { return d.path }

// dsn makes the driver's name for a file. Only a URL with an absolute path
// carries '?', '%', '#' and bytes that are not UTF-8 unharmed. mode=rw: a file
// that vanished is an error, not a new library.
func dsn(abs string, q url.Values) string {
	q.Set("mode", "rw")
	q.Set("_foreign_keys", "1")
	q.Set("_busy_timeout", "10000")
	q.Set("_stmt_cache_size", "64") // more than the program has statements
	u := url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}
	return u.String()
}

// prepare resolves path, refuses network filesystems, and makes the folder and
// an empty file unless readOnly.
func prepare(path string, readOnly bool, networkFS func(string) (string, error)) (string, error) {
	abs, err := resolve(path)
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(abs)
	if !readOnly {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", err
		}
	}
	st, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist) && readOnly:
		return "", ErrNoDB
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	case err == nil && !st.Mode().IsRegular():
		return "", fmt.Errorf("not a file: %s", st.Mode().Type())
	}
	if name, err := networkFS(dir); err != nil {
		return "", err
	} else if name != "" {
		return "", &NetworkFSError{Path: abs, FSType: name}
	}
	if st == nil {
		// Only a file that is not there is opened here: closing a descriptor of
		// an open database would drop the locks that SQLite holds on it in this
		// process. SQLite gives -wal and -shm the same mode.
		f, err := os.OpenFile(abs, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return "", err
		}
		return abs, f.Close()
	}
	return abs, nil
}

// resolve makes path absolute and follows symlinks as far as it exists, so that
// two names of one file share a lock.
func resolve(path string) (string, error) {
	if path == "" {
		return "", errors.New("no path")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		return filepath.Join(dir, filepath.Base(abs)), nil
	}
	return abs, nil
}
