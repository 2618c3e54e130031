package vips

/*
#cgo pkg-config: vips
#include <stdlib.h>
#include <vips/vips.h>
#include "load.h"
*/
import "C"

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/davidbyttow/govips/v2/vips"
)

// keptTiles is how many tiles long both sides of a large picture stay while it streams through the shrink: enough that the
// tile is within a fraction of a grey level of one from full size.
const keptTiles = 4

// Options for [Decode] and [PixelDigest]. With a zero TileSize nothing is shrunk.
type Options struct {
	MaxPixels     int64   // of the declared size; 0: no limit
	TileSize      int     // side of the square tile that the pixels are for
	MinScaleTiles float64 // both sides keep at least this many tiles; less than 4 is taken for 4
}

// An Image is a decoded picture.
type Image struct {
	Width, Height       int    // of the full size, as displayed
	Pix                 []byte // RGB, 8 bits, upright, sRGB, on white
	PixWidth, PixHeight int    // of Pix; a very long picture is squashed along its long side, so the aspect is that of Width and Height
	EXIF                []byte // starts with "Exif\0\0" or a TIFF header; of a TIFF file, the file
	Format              string
	HasICC              bool
}

// mu keeps one picture at a time inside libvips: its error texts are one buffer for all threads, and the memory bound of
// the process holds for one picture.
var mu sync.Mutex

var startOnce sync.Once

// firstLog is the first warning since the picture began. Some loaders (PNG's) say there, and not in the error, what is wrong.
var firstLog atomic.Pointer[string]

func keepLog(_ string, _ vips.LogLevel, text string) { firstLog.CompareAndSwap(nil, &text) }

// Startup starts libvips; the first use does so too. A process that only sees JPEG never pays for it.
func Startup() {
	startOnce.Do(func() {
		// Before Startup, which would fill stderr. The texts that matter come back as errors.
		vips.LoggingSettings(keepLog, vips.LogLevelWarning)
		vips.Startup(&vips.Config{ConcurrencyLevel: 1})
	})
}

// A source is what libvips reads: the file, or the pixels that came of it without libvips.
type source struct {
	bytes   []byte
	options C.load_options
}

// newSource refuses what must not reach libvips. The caller closes the source.
func newSource(data []byte, format string, o Options, exif []byte) (*source, error) {
	loader, ok := loaders[format]
	if !ok {
		return nil, &Error{Kind: KindUnsupported, Msg: fmt.Sprintf("no reader for the format %q", format)}
	}
	if len(data) == 0 {
		return nil, &Error{Kind: KindTruncated, Msg: "no bytes"}
	}
	if err := checkComplete(data, format); err != nil {
		return nil, err
	}
	s := &source{bytes: data, options: C.load_options{max_pixels: C.int64_t(o.MaxPixels), orientation: 1}}
	if turnsByEXIF(format) {
		s.options.orientation = C.int(Orientation(exif))
	}
	if o.TileSize > 0 {
		s.options.min_side = C.int(float64(o.TileSize) * max(keptTiles, o.MinScaleTiles))
	}
	if format != "bmp" {
		s.options.loader = C.CString(loader)
		return s, nil
	}
	raw, err := decodeBMP(data, o.MaxPixels)
	if err != nil {
		return nil, err
	}
	s.bytes = raw.pix
	s.options.raw_width, s.options.raw_height, s.options.raw_bands = C.int(raw.width), C.int(raw.height), C.int(raw.bands)
	return s, nil
}

func (s *source) close() { C.free(unsafe.Pointer(s.options.loader)) }

func (s *source) pointer() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(s.bytes)) }

// Decode reads the first page of a picture in the format named: one of the keys of [Formats].
func Decode(data []byte, format string, o Options) (*Image, error) {
	exif := exifOf(data, format)
	src, err := newSource(data, format, o, exif)
	if err != nil {
		return nil, err
	}
	defer src.close()
	Startup()
	mu.Lock()
	defer mu.Unlock()
	firstLog.Store(nil)
	var pin runtime.Pinner // libvips keeps the address until the picture is freed
	pin.Pin(src.pointer())
	defer pin.Unpin()
	var p C.load_picture
	defer C.load_picture_free(&p)
	if C.load_decode(src.pointer(), C.size_t(len(src.bytes)), &src.options, &p) != 0 {
		return nil, loadError(&src.options)
	}
	img := &Image{
		Width: int(p.width), Height: int(p.height), Format: format, HasICC: p.icc_len > 0,
		PixWidth: int(p.pix_width), PixHeight: int(p.pix_height), EXIF: exif,
	}
	if src.options.orientation >= 5 {
		img.Width, img.Height = img.Height, img.Width
	}
	if img.EXIF == nil && p.exif_len > 0 {
		img.EXIF = C.GoBytes(p.exif, C.int(p.exif_len))
	}
	pixels := img.PixWidth * img.PixHeight
	native := unsafe.Slice((*byte)(unsafe.Pointer(p.pix)), pixels*int(p.bands))
	icc := unsafe.Slice((*byte)(p.icc), int(p.icc_len))
	img.Pix = toRGB(native, img.PixWidth, img.PixHeight, int(p.bands), icc)
	return img, nil
}

// toRGB makes sRGB of 8-bit pixels in the file's own colours, in memory of its own.
func toRGB(native []byte, w, h, bands int, icc []byte) []byte {
	out := make([]byte, w*h*3)
	if !isSRGB(icc) && iccToSRGB(icc, native, out, w*h, bands, 1) {
		return out
	}
	switch bands {
	case C.LOAD_GREY:
		for i, v := range native {
			out[i*3], out[i*3+1], out[i*3+2] = v, v, v
		}
	case C.LOAD_RGB:
		copy(out, native)
	default:
		// Without a profile nobody knows the inks. The files that have none come from programs that converted by this
		// arithmetic, which browsers and Pillow undo in the same way.
		for i := range w * h {
			light := 255 - int(native[i*4+3])
			for c := range 3 {
				out[i*3+c] = byte(((255-int(native[i*4+c]))*light + 127) / 255)
			}
		}
	}
	return out
}
