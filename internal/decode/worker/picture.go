package worker

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/internal/decode/exif"
	"github.com/dupfind/dupfind/internal/decode/format"
	"github.com/dupfind/dupfind/internal/decode/turbo"
	"github.com/dupfind/dupfind/internal/decode/vips"
)

// minScaleTiles is how many tiles long both sides of a scaled decode stay. Below 1.5 the tile differs enough from one made
// of the full size to cost recall (cosine 0.9946 against 0.9961).
const minScaleTiles = 1.5

// thumbQuality is that of the thumbnails; at 224 pixels they take some 8 KiB.
const thumbQuality = 80

// picture is a photo on its way from bytes to a tile.
type picture struct {
	data      []byte
	kind      format.Kind
	name      string
	maxPixels int64
}

// pixels is a decoded picture, scaled down.
type pixels struct {
	squash        func(orientation, w, h int) []byte // the whole picture on w x h pixels
	width, height int                                // full size as displayed
	orientation   int                                // still to be applied
	icc           []byte                             // still to be applied
	facts         exif.Facts
	quality       int
	hasICC        bool
	previewW      int // size of the preview as displayed, where it is one
	previewH      int
}

// decode makes the tile, the thumbnail and the facts.
func (p picture) decode(tileSize int) (decode.Done, [][]byte, error) {
	kind := p.refine()
	x, err := p.pixels(kind)
	if err != nil {
		return decode.Done{}, nil, err
	}
	x.facts.AddXMP(exif.FindXMP(p.data))
	tile := x.tile(decode.TileSize)
	hash := sha256.Sum256(tile)
	thumb, err := thumbnail(tile, x.width, x.height)
	if err != nil {
		return decode.Done{}, nil, skipf(decode.Damaged, "%w", err)
	}
	done := decode.Done{
		Format: string(kind), Width: x.width, Height: x.height, PreviewWidth: x.previewW, PreviewHeight: x.previewH,
		Orientation: x.facts.Orientation, TileHash: hash[:], LowDetail: lowDetail(tile, decode.TileSize),
		JPEGQuality: x.quality, HasICC: x.hasICC, Exif: x.facts.Exif,
	}
	if tileSize != decode.TileSize {
		tile = x.tile(tileSize)
	}
	return done, [][]byte{tile, thumb}, nil
}

// refine tells plain TIFF from raw, now that all bytes are there.
func (p picture) refine() format.Kind {
	if p.kind == format.TIFF {
		return format.TIFFKind(p.data, p.name)
	}
	return p.kind
}

func (p picture) pixels(kind format.Kind) (*pixels, error) {
	switch {
	case kind == format.JPEG:
		return p.jpeg(p.jpegData())
	case kind.IsRaw():
		return p.raw(kind)
	}
	return p.other(string(kind), p.data)
}

// jpegData is the data from the picture's first byte on.
func (p picture) jpegData() []byte {
	if format.Detect(p.data) != format.JPEG {
		if i, ok := format.FindJPEG(p.data); ok {
			return p.data[i:]
		}
	}
	return p.data
}

// jpeg decodes JPEG data.
func (p picture) jpeg(data []byte) (*pixels, error) {
	img, err := turbo.Decode(data, turbo.Options{TileSize: decode.TileSize, MinScaleTiles: minScaleTiles, MaxPixels: p.maxPixels})
	if te, ok := errors.AsType[*turbo.Error](err); ok {
		switch te.Kind {
		case turbo.KindCMYK:
			return p.other("jpeg", data)
		case turbo.KindTooLarge:
			w, h := format.JPEGSize(data)
			return nil, skipf(decode.TooLarge, "it declares %d x %d pixels, the limit is %d million", w, h, p.maxPixels/1_000_000)
		}
	}
	if err != nil {
		return nil, skipOf(err)
	}
	x := &pixels{
		squash: img.Tile, width: img.Width, height: img.Height,
		icc: img.ICC, hasICC: len(img.ICC) > 0, quality: img.Quality, facts: exif.Parse(img.EXIF),
	}
	x.turn(x.facts.Orientation)
	return x, nil
}

// turn notes an orientation that is to be applied.
func (x *pixels) turn(orientation int) {
	x.orientation = orientation
	if orientation >= 5 {
		x.width, x.height = x.height, x.width
	}
}

// other decodes what libvips reads. It has applied orientation and profile already.
func (p picture) other(kind string, data []byte) (*pixels, error) {
	img, err := vips.Decode(data, kind, vips.Options{MaxPixels: p.maxPixels, TileSize: decode.TileSize, MinScaleTiles: minScaleTiles})
	if err != nil {
		return nil, skipOf(err)
	}
	return &pixels{
		squash: func(orientation, w, h int) []byte {
			return turbo.Resample(img.Pix, img.PixWidth, img.PixHeight, orientation, w, h)
		},
		width: img.Width, height: img.Height, orientation: 1,
		hasICC: img.HasICC, facts: exif.Parse(img.EXIF),
	}, nil
}

// tile squashes the picture to a square, upright, in sRGB. Colours are converted after the squash, of 50,000 pixels
// instead of 200,000; a profile that is broken is as none.
func (x *pixels) tile(size int) []byte {
	tile := x.squash(x.orientation, size, size)
	if len(x.icc) > 0 {
		if t, err := vips.ToSRGB(tile, size, size, x.icc); err == nil {
			tile = t
		}
	}
	return tile
}

// thumbnail gives the tile the picture's shape back. Its long side is the tile's, so only the short one is shrunk, and
// nothing is lost on the way.
func thumbnail(tile []byte, width, height int) ([]byte, error) {
	w, h := thumbSize(width, height)
	return turbo.EncodeThumb(turbo.Resample(tile, decode.TileSize, decode.TileSize, 1, w, h), w, h, thumbQuality)
}

func thumbSize(width, height int) (w, h int) {
	long := max(width, height)
	side := min(long, decode.TileSize)
	scale := func(n int) int { return max(1, (n*side+long/2)/long) }
	return scale(width), scale(height)
}

// digest covers all pixels.
func (p picture) digest() ([32]byte, error) {
	kind := p.refine()
	h := sha256.New()
	switch {
	case kind.IsRaw():
		// The sensor's data is not decoded, so only equal bytes are surely equal pixels.
		sum := sha256.Sum256(p.data)
		fmt.Fprintf(h, "raw %x", sum)
	case kind == format.JPEG:
		data := p.jpegData()
		// Equal coded data is equal pixels, so no full decode; a scaled one says that the data decodes at all.
		x, err := p.jpeg(data)
		if err != nil {
			return [32]byte{}, err
		}
		d, err := turbo.CodedDigest(data)
		if err != nil {
			return [32]byte{}, skipOf(err)
		}
		fmt.Fprintf(h, "jpeg %x %d", d, x.facts.Orientation)
	default:
		d, err := vips.PixelDigest(p.data, string(kind), vips.Options{MaxPixels: p.maxPixels})
		if err != nil {
			return [32]byte{}, skipOf(err)
		}
		fmt.Fprintf(h, "pixels %x", d)
	}
	return [32]byte(h.Sum(nil)), nil
}

// skipOf turns the libraries' errors into a reason and a text.
func skipOf(err error) error {
	kind, msg := "", err.Error()
	if e, ok := errors.AsType[*turbo.Error](err); ok {
		kind, msg = e.Kind, e.Msg
	} else if e, ok := errors.AsType[*vips.Error](err); ok {
		kind, msg = e.Kind, e.Msg
	}
	reason := decode.Reason(kind)
	lower := strings.ToLower(msg)
	switch {
	case strings.Contains(lower, "out of memory"), strings.Contains(lower, "insufficient memory"):
		reason = decode.Memory
		debug.FreeOSMemory()
	case !reason.Valid():
		reason = decode.Damaged
	}
	return &skip{reason: reason, err: errors.New(msg)}
}
