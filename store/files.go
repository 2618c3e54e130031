package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
)

// State says what a scan made of a file.
type State string

// The states of a file. Gone files keep the state they had.
const (
	StatePhoto   State = "photo"   // compared, or comparable by pixels alone
	StateSkipped State = "skipped" // a candidate that could not be compared, with a reason
	StateOther   State = "other"   // its first bytes are no photo's
	StateFolder  State = "folder"  // a folder that could not be read, with a reason
)

// Valid tells whether s is one of the states.
func (s State) Valid() bool {
	switch s {
	case StatePhoto, StateSkipped, StateOther, StateFolder:
		return true
	}
	return false
}

// File is a name below a root.
type File struct {
	ID         int64
	RootID     int64
	Path       string // below the root, any bytes
	SizeBytes  int64
	MtimeNS    int64
	Device     uint64
	Inode      uint64
	Links      uint64
	State      State
	ContentID  int64 // 0 unless State is StatePhoto
	Managed    bool  // inside a managed library, never moved
	GoneNS     int64 // since when it is not there, 0: present
	RemovedRun int64 // quarantine run that moved it away, 0: none
	Decoder    int   // version of the decoder that gave the verdict, 0: none was asked
	Reason     string
	Detail     string
}

const fileColumns = `id, root_id, path, size_bytes, mtime_ns, device, inode, links, state,
	coalesce(content_id, 0), managed, gone_ns, coalesce(removed_run, 0), decoder, reason, detail`

// fileScanner returns a scan function for fileColumns. Its buffers live as long
// as the query, so that a row costs no allocation here beyond its path.
func fileScanner() func(*sql.Rows, *File) error {
	var path, state, reason, detail sql.RawBytes
	var device, inode, links int64
	return func(rows *sql.Rows, f *File) error {
		err := rows.Scan(&f.ID, &f.RootID, &path, &f.SizeBytes, &f.MtimeNS, &device, &inode, &links, &state,
			&f.ContentID, &f.Managed, &f.GoneNS, &f.RemovedRun, &f.Decoder, &reason, &detail)
		if err != nil {
			return err
		}
		f.Path, f.State = string(path), internState(state)
		f.Device, f.Inode, f.Links = uint64(device), uint64(inode), uint64(links)
		f.Reason, f.Detail = string(reason), string(detail)
		return nil
	}
}

// internState returns the constant for a column's bytes without allocating.
func internState(b []byte) State {
	switch string(b) {
	case string(StatePhoto):
		return StatePhoto
	case string(StateSkipped):
		return StateSkipped
	case string(StateOther):
		return StateOther
	case string(StateFolder):
		return StateFolder
	}
	return State(b)
}

// Files yields all rows of a root, gone ones too, in no order. It reads the
// table from end to end: by the index, which is in another order, a root of
// 100,000 files takes a third longer, and few libraries have many roots.
func (d *DB) Files(ctx context.Context, rootID int64) iter.Seq2[File, error] {
	return seq(ctx, d.r, fmt.Sprintf("read files of root %d", rootID), fileScanner(),
		`SELECT `+fileColumns+` FROM files NOT INDEXED WHERE root_id = ?`, rootID)
}

// MarkGone marks files of a root as not there, as of now.
func (d *DB) MarkGone(ctx context.Context, rootID int64, ids []int64) error {
	now := d.now().UnixNano()
	return d.write(ctx, fmt.Sprintf("mark files of root %d gone", rootID), func(tx *sql.Tx) error {
		return updateFiles(ctx, tx, ids, `UPDATE files SET gone_ns = ?2
			WHERE id IN (SELECT value FROM json_each(?1)) AND +root_id = ?3 AND gone_ns = 0`, now, rootID)
	})
}

// MarkPresent marks files of a root as there again, unchanged, wherever they
// were.
func (d *DB) MarkPresent(ctx context.Context, rootID int64, ids []int64) error {
	return d.write(ctx, fmt.Sprintf("mark files of root %d present", rootID), func(tx *sql.Tx) error {
		return updateFiles(ctx, tx, ids, `UPDATE files SET gone_ns = 0, removed_run = NULL
			WHERE id IN (SELECT value FROM json_each(?1)) AND +root_id = ?2`, rootID)
	})
}

// updateFiles runs query once per chunk of ids, which is its parameter 1.
func updateFiles(ctx context.Context, tx *sql.Tx, ids []int64, query string, args ...any) error {
	for chunk := range idChunks(ids) {
		if _, err := tx.ExecContext(ctx, query, append([]any{chunk}, args...)...); err != nil {
			return err
		}
	}
	return nil
}
