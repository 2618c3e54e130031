package decode

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// Op is what a Job asks for.
type Op string

// The operations.
const (
	OpDecode Op = "decode"
	OpDigest Op = "digest"
)

// Hello is a worker's first word: both ends must be one program.
type Hello struct {
	Protocol int `json:"protocol"`
	Version  int `json:"version"`
}

// Protocol is the version of the frames.
const Protocol = 1

// Job asks a worker for one photo.
type Job struct {
	Op           Op     `json:"op"`
	Path         []byte `json:"path"` // bytes: a name need not be UTF-8
	TileSize     int    `json:"tile_size"`
	Ask          bool   `json:"ask"` // send Hashed and wait for Wanted before decoding
	MaxPixels    int64  `json:"max_pixels"`
	MaxFileBytes int64  `json:"max_file_bytes"`
}

// Validate checks what came over the pipe.
func (j Job) Validate() error {
	switch {
	case j.Op != OpDecode && j.Op != OpDigest:
		return fmt.Errorf("%w: operation %q", ErrFrame, j.Op)
	case len(j.Path) == 0 || len(j.Path) > 32<<10:
		return fmt.Errorf("%w: path of %d bytes", ErrFrame, len(j.Path))
	case j.TileSize < 16 || j.TileSize > maxTileSide:
		return fmt.Errorf("%w: tile size %d", ErrFrame, j.TileSize)
	case j.MaxPixels < 1 || j.MaxFileBytes < 1:
		return fmt.Errorf("%w: limits %d, %d", ErrFrame, j.MaxPixels, j.MaxFileBytes)
	}
	return nil
}

// ReadJob decodes a Job out of its frame.
func ReadJob(f Frame) (Job, error) {
	var j Job
	if err := f.as(FrameJob, &j); err != nil {
		return Job{}, err
	}
	return j, j.Validate()
}

// ReadWanted decodes a Wanted out of its frame.
func ReadWanted(f Frame) (Wanted, error) {
	var w Wanted
	return w, f.as(FrameWanted, &w)
}

// Opened tells the size of the file before it is read.
type Opened struct {
	SizeBytes int64 `json:"size_bytes"`
}

// Hashed tells the content and which file it was read from.
type Hashed struct {
	SHA256    []byte `json:"sha256"`
	SizeBytes int64  `json:"size_bytes"`
	MtimeNS   int64  `json:"mtime_ns"`
	Device    uint64 `json:"device"`
	Inode     uint64 `json:"inode"`
}

// Wanted answers Hashed.
type Wanted struct {
	Decode bool `json:"decode"`
}

// Done ends a Job: a skip where Reason is set, else a known photo, a digest, or a tile with facts.
type Done struct {
	Reason Reason `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
	Known  bool   `json:"known,omitempty"`
	Digest []byte `json:"digest,omitempty"`

	Format        string `json:"format,omitempty"`
	Width         int    `json:"width,omitempty"`
	Height        int    `json:"height,omitempty"`
	PreviewWidth  int    `json:"preview_width,omitempty"`
	PreviewHeight int    `json:"preview_height,omitempty"`
	Orientation   int    `json:"orientation,omitempty"`
	TileHash      []byte `json:"tile_hash,omitempty"`
	LowDetail     bool   `json:"low_detail,omitempty"`
	JPEGQuality   int    `json:"jpeg_quality,omitempty"`
	HasICC        bool   `json:"has_icc,omitempty"`
	Exif          Exif   `json:"exif"`
}

// maxSide is larger than any declared side that passes MaxPixels; it guards the arithmetic of those who read Facts.
const maxSide = 1 << 30

func (h Hashed) validate() error {
	if len(h.SHA256) != 32 || h.SizeBytes < 0 {
		return fmt.Errorf("%w: hash of %d bytes, size %d", ErrFrame, len(h.SHA256), h.SizeBytes)
	}
	return nil
}

// photo checks a Done that carries a tile and puts it together with what was hashed.
func (d Done) photo(h Hashed, tileSize int, blob []byte) (Photo, error) {
	nt := tileSize * tileSize * 3
	switch {
	case len(blob) < nt || len(blob)-nt > maxThumb:
		return Photo{}, fmt.Errorf("%w: tile and thumbnail of %d bytes", ErrFrame, len(blob))
	case len(d.TileHash) != 32:
		return Photo{}, fmt.Errorf("%w: tile hash of %d bytes", ErrFrame, len(d.TileHash))
	case d.Format == "" || len(d.Format) > 16:
		return Photo{}, fmt.Errorf("%w: format %q", ErrFrame, d.Format)
	case !side(d.Width) || !side(d.Height) || d.PreviewWidth != 0 && !side(d.PreviewWidth) ||
		d.PreviewHeight != 0 && !side(d.PreviewHeight):
		return Photo{}, fmt.Errorf("%w: picture of %d x %d", ErrFrame, d.Width, d.Height)
	case d.Orientation < 1 || d.Orientation > 8 || d.JPEGQuality < 0 || d.JPEGQuality > 100:
		return Photo{}, fmt.Errorf("%w: orientation %d, quality %d", ErrFrame, d.Orientation, d.JPEGQuality)
	}
	if err := d.Exif.validate(); err != nil {
		return Photo{}, err
	}
	p := Photo{Facts: h.facts(), Tile: blob[:nt:nt]}
	p.Format, p.Width, p.Height = d.Format, d.Width, d.Height
	p.PreviewWidth, p.PreviewHeight, p.Orientation = d.PreviewWidth, d.PreviewHeight, d.Orientation
	p.TileHash, p.LowDetail = [32]byte(d.TileHash), d.LowDetail
	p.JPEGQuality, p.HasICC, p.Exif = d.JPEGQuality, d.HasICC, d.Exif
	if len(blob) > nt {
		// A copy, so that a thumbnail that is kept does not keep its tile.
		p.Thumb = append([]byte(nil), blob[nt:]...)
	}
	return p, nil
}

func side(n int) bool { return n >= 1 && n <= maxSide }

func (h Hashed) facts() Facts {
	return Facts{SHA256: [32]byte(h.SHA256), SizeBytes: h.SizeBytes, MtimeNS: h.MtimeNS, Device: h.Device, Inode: h.Inode}
}

// MaxText bounds every string of Exif, in bytes.
const MaxText = 4096

func (e Exif) validate() error {
	for _, s := range []string{e.Make, e.Model, e.Lens, e.Software, e.TakenAt, e.SubSec, e.Offset, e.Caption, e.Sequence} {
		if len(s) > MaxText || !utf8.ValidString(s) {
			return fmt.Errorf("%w: EXIF text of %d bytes", ErrFrame, len(s))
		}
	}
	for _, f := range []float64{e.Latitude, e.Longitude, e.ExposureTime, e.FNumber, e.ExposureBias} {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%w: EXIF number %v", ErrFrame, f)
		}
	}
	return nil
}
