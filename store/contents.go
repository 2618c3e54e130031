package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
)

// Content is the bytes of a photo and what decoding them gave.
type Content struct {
	ID          int64
	SHA256      [32]byte
	SizeBytes   int64
	Decoder     int // version of the decoder these facts come from
	Format      string
	Width       int // pixels, as displayed
	Height      int
	Orientation int
	TileHash    [32]byte
	LowDetail   bool // never enters the index
	JPEGQuality int  // 0: no JPEG or unknown
	HasICC      bool
	Exif        Exif
	Thumb       []byte // small JPEG, nil: none; lists do not load it, Thumb does
}

// Exif is what a photo says about itself. Texts are as written.
type Exif struct {
	Present                     bool
	Make, Model, Lens, Software string
	TakenAt                     string // 2006:01:02 15:04:05, local to the camera
	SubSec, Offset              string
	HasGPS                      bool
	Latitude, Longitude         float64
	Rating                      int
	Caption                     string
	ExposureTime                float64 // seconds
	FNumber                     float64
	ExposureBias                float64 // EV
	ISO                         int
	Sequence                    string
}

const contentColumns = `c.id, c.sha256, c.size_bytes, c.decoder, c.format, c.width, c.height, c.orientation,
	c.tile_hash, c.low_detail, c.jpeg_quality, c.has_icc, e.content_id IS NOT NULL,
	coalesce(e.make, ''), coalesce(e.model, ''), coalesce(e.lens, ''), coalesce(e.software, ''),
	coalesce(e.taken_at, ''), coalesce(e.sub_sec, ''), coalesce(e.utc_offset, ''),
	e.latitude IS NOT NULL, coalesce(e.latitude, 0.0), coalesce(e.longitude, 0.0), coalesce(e.rating, 0),
	coalesce(e.caption, ''), coalesce(e.exposure_time, 0.0), coalesce(e.f_number, 0.0),
	coalesce(e.exposure_bias, 0.0), coalesce(e.iso, 0), coalesce(e.sequence, '')`

func scanContent(rows *sql.Rows, c *Content) error {
	var sha, tile sql.RawBytes
	x := &c.Exif
	err := rows.Scan(&c.ID, &sha, &c.SizeBytes, &c.Decoder, &c.Format, &c.Width, &c.Height, &c.Orientation,
		&tile, &c.LowDetail, &c.JPEGQuality, &c.HasICC, &x.Present,
		&x.Make, &x.Model, &x.Lens, &x.Software, &x.TakenAt, &x.SubSec, &x.Offset,
		&x.HasGPS, &x.Latitude, &x.Longitude, &x.Rating, &x.Caption, &x.ExposureTime, &x.FNumber,
		&x.ExposureBias, &x.ISO, &x.Sequence)
	if err != nil {
		return err
	}
	return errors.Join(hash(&c.SHA256, sha), hash(&c.TileHash, tile))
}

// contents yields the contents that a present file holds, by id, without thumbs.
func contents(ctx context.Context, q querier) iter.Seq2[Content, error] {
	return seq(ctx, q, "read contents", scanContent, `SELECT `+contentColumns+`
		FROM contents c LEFT JOIN exif e ON e.content_id = c.id
		WHERE EXISTS (SELECT 1 FROM files f WHERE f.content_id = c.id AND f.gone_ns = 0) ORDER BY c.id`)
}

// thumb returns the small JPEG of a content, nil if there is none.
func thumb(ctx context.Context, q querier, contentID int64) ([]byte, error) {
	var jpeg []byte
	err := q.QueryRowContext(ctx, `SELECT jpeg FROM thumbnails WHERE content_id = ?`, contentID).Scan(&jpeg)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return jpeg, wrap(fmt.Sprintf("read thumbnail of content %d", contentID), err)
}

// Thumb returns the small JPEG of a content, nil if there is none.
func (d *DB) Thumb(ctx context.Context, contentID int64) ([]byte, error) {
	return thumb(ctx, d.r, contentID)
}

// Known is what a scan must know of a stored content to leave it alone.
type Known struct {
	SHA256    [32]byte
	ContentID int64
	Decoder   int
	HasVector bool // under the model asked for
	LowDetail bool // needs none
}

// HashState yields all stored contents, for the set that tells which photos
// still want decoding and embedding. Nothing is loaded but what Known holds.
func (d *DB) HashState(ctx context.Context, modelID int64) iter.Seq2[Known, error] {
	var sha sql.RawBytes
	return seq(ctx, d.r, "read known contents", func(rows *sql.Rows, k *Known) error {
		if err := rows.Scan(&sha, &k.ContentID, &k.Decoder, &k.HasVector, &k.LowDetail); err != nil {
			return err
		}
		return hash(&k.SHA256, sha)
	}, `SELECT c.sha256, c.id, c.decoder, v.content_id IS NOT NULL, c.low_detail
		FROM contents c LEFT JOIN embeddings v ON v.model_id = ? AND v.content_id = c.id`, modelID)
}
