package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Ingest is one file with what a scan found out about it.
type Ingest struct {
	File File
	// Content holds the facts of a photo that was decoded; nil when
	// File.ContentID or SHA256 names one that is stored.
	Content *Content
	// SHA256 names the content when both of the others do not.
	SHA256 [32]byte
	// Vector is the content's embedding; nil: it needs none, or has it.
	Vector []float32
}

// Put stores a batch in one transaction: files as present, contents by hash,
// vectors under modelID. A content that is stored already keeps its facts,
// unless the new ones come from a newer decoder: then they replace the old, and
// vectors, pairs and evidence that rest on the old tile are dropped. A vector
// that is there stays.
func (d *DB) Put(ctx context.Context, modelID int64, batch []Ingest) error {
	return d.write(ctx, fmt.Sprintf("store %d files", len(batch)), func(tx *sql.Tx) error {
		dim, err := modelDim(ctx, tx, modelID, batch)
		if err != nil {
			return err
		}
		for i := range batch {
			if err := putOne(ctx, tx, modelID, dim, &batch[i]); err != nil {
				return fmt.Errorf("file %q: %w", batch[i].File.Path, err)
			}
		}
		return nil
	})
}

// modelDim returns the dimension that the batch's vectors must have, 0 if it
// has none.
func modelDim(ctx context.Context, tx *sql.Tx, modelID int64, batch []Ingest) (dim int, err error) {
	for i := range batch {
		if batch[i].Vector != nil {
			err = tx.QueryRowContext(ctx, `SELECT dim FROM models WHERE id = ?`, modelID).Scan(&dim)
			if err != nil {
				return 0, fmt.Errorf("model %d: %w", modelID, err)
			}
			return dim, nil
		}
	}
	return 0, nil
}

func putOne(ctx context.Context, tx *sql.Tx, modelID int64, dim int, in *Ingest) error {
	f := in.File
	if !f.State.Valid() {
		return fmt.Errorf("state %q", f.State)
	}
	if f.State == StatePhoto {
		id, err := contentOf(ctx, tx, in)
		if err != nil {
			return err
		}
		f.ContentID = id
		if in.Vector != nil {
			if err := putVector(ctx, tx, modelID, id, dim, in.Vector); err != nil {
				return err
			}
		}
	} else {
		f.ContentID = 0
	}
	return putFile(ctx, tx, &f)
}

const putFileSQL = `INSERT INTO files (root_id, path, size_bytes, mtime_ns, device, inode, links, state, content_id,
		managed, gone_ns, removed_run, decoder, reason, detail)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), ?, 0, NULL, ?, ?, ?)
	ON CONFLICT (root_id, path) DO UPDATE SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,
		device = excluded.device, inode = excluded.inode, links = excluded.links, state = excluded.state,
		content_id = excluded.content_id, managed = excluded.managed, gone_ns = 0, removed_run = NULL,
		decoder = excluded.decoder, reason = excluded.reason, detail = excluded.detail`

func putFile(ctx context.Context, tx *sql.Tx, f *File) error {
	_, err := tx.ExecContext(ctx, putFileSQL, f.RootID, []byte(f.Path), f.SizeBytes, f.MtimeNS, int64(f.Device),
		int64(f.Inode), int64(f.Links), string(f.State), f.ContentID, f.Managed, f.Decoder, f.Reason, f.Detail)
	return err
}

// contentOf returns the id of the content behind in, storing it if need be.
func contentOf(ctx context.Context, tx *sql.Tx, in *Ingest) (int64, error) {
	switch {
	case in.Content != nil:
		return putContent(ctx, tx, in.Content)
	case in.File.ContentID != 0:
		return in.File.ContentID, nil
	}
	var id int64
	err := tx.QueryRowContext(ctx, `SELECT id FROM contents WHERE sha256 = ?`, in.SHA256[:]).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("%w: %x", ErrUnknownContent, in.SHA256)
	}
	return id, err
}

const (
	insertContentSQL = `INSERT INTO contents (sha256, size_bytes, decoder, format, width, height, orientation, tile_hash,
		low_detail, jpeg_quality, has_icc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`
	updateContentSQL = `UPDATE contents SET size_bytes = ?2, decoder = ?3, format = ?4, width = ?5, height = ?6,
		orientation = ?7, tile_hash = ?8, low_detail = ?9, jpeg_quality = ?10, has_icc = ?11 WHERE sha256 = ?1`
)

func putContent(ctx context.Context, tx *sql.Tx, c *Content) (int64, error) {
	var id int64
	var decoder int
	err := tx.QueryRowContext(ctx, `SELECT id, decoder FROM contents WHERE sha256 = ?`, c.SHA256[:]).Scan(&id, &decoder)
	args := []any{c.SHA256[:], c.SizeBytes, c.Decoder, c.Format, c.Width, c.Height, c.Orientation, c.TileHash[:],
		c.LowDetail, c.JPEGQuality, c.HasICC}
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err := tx.QueryRowContext(ctx, insertContentSQL, args...).Scan(&id)
		if err != nil {
			return 0, err
		}
	case err != nil:
		return 0, err
	case decoder >= c.Decoder:
		return id, nil
	default:
		if _, err := tx.ExecContext(ctx, updateContentSQL, args...); err != nil {
			return 0, err
		}
		if err := dropDerived(ctx, tx, id); err != nil {
			return 0, err
		}
	}
	return id, putExtras(ctx, tx, id, c)
}

// dropDerived drops all that rests on the tile of a content.
func dropDerived(ctx context.Context, tx *sql.Tx, contentID int64) error {
	for _, query := range []string{
		`DELETE FROM embeddings WHERE content_id = ?`, // and, by cascade, its marks in searched
		`DELETE FROM pairs WHERE a = ?1 OR b = ?1`,
		`DELETE FROM evidence WHERE a = ?1 OR b = ?1`,
		`DELETE FROM exif WHERE content_id = ?`,
		`DELETE FROM thumbnails WHERE content_id = ?`,
	} {
		if _, err := tx.ExecContext(ctx, query, contentID); err != nil {
			return err
		}
	}
	return nil
}

// putExtras stores what stands in tables beside contents.
func putExtras(ctx context.Context, tx *sql.Tx, id int64, c *Content) error {
	if x := c.Exif; x.Present {
		var lat, lon any
		if x.HasGPS {
			lat, lon = finite(x.Latitude), finite(x.Longitude)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO exif (content_id, make, model, lens, software, taken_at, sub_sec,
			utc_offset, latitude, longitude, rating, caption, exposure_time, f_number, exposure_bias, iso, sequence)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			id, x.Make, x.Model, x.Lens, x.Software, x.TakenAt, x.SubSec, x.Offset, lat, lon, x.Rating, x.Caption,
			finite(x.ExposureTime), finite(x.FNumber), finite(x.ExposureBias), x.ISO, x.Sequence)
		if err != nil {
			return fmt.Errorf("exif: %w", err)
		}
	}
	if len(c.Thumb) > 0 {
		_, err := tx.ExecContext(ctx, `INSERT INTO thumbnails (content_id, jpeg) VALUES (?, ?)`, id, c.Thumb)
		if err != nil {
			return fmt.Errorf("thumbnail: %w", err)
		}
	}
	return nil
}
