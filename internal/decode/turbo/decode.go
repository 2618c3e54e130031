package turbo

/*
#cgo pkg-config: libjpeg
#cgo CFLAGS: -O3
#include <stdlib.h>
#include "decode.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"math"
	"unsafe"
)

// Kinds of [Error].
const (
	KindDamaged     = "damaged"
	KindTruncated   = "truncated"
	KindUnsupported = "unsupported"
	KindTooLarge    = "too-large"
	KindCMYK        = "cmyk" // whole as far as looked at, but its colours are libvips' affair
)

// An Error says why a JPEG file gave no picture. Msg is for a person, in lower case.
type Error struct {
	Kind string
	Msg  string
}

func (e *Error) Error() string { return "jpeg is " + e.Kind + ": " + e.Msg }

// maxScans bounds the scans of a progressive file. Encoders in use write 3 to 20; the specification has no limit, and a
// crafted file of some kilobytes could keep a core busy for hours.
const maxScans = 200

// Options for [Decode]. The zero value decodes at full size without a limit.
type Options struct {
	TileSize      int     // side of the square tile that the pixels are for
	MinScaleTiles float64 // both sides of the scaled picture are at least this many tiles long, where the scale allows it
	MaxPixels     int64   // of the declared full size; 0: no limit
}

// An Image is a decoded JPEG file.
type Image struct {
	Width, Height       int    // coded full size, before orientation
	Pix                 []byte // RGB of the scaled picture, rows without padding
	PixWidth, PixHeight int    // Width and Height over Scale, rounded up
	Scale               int    // 1, 2, 4 or 8
	EXIF                []byte // payload of the first EXIF segment, starting "Exif\0\0"; it shares memory with the file's bytes
	ICC                 []byte // whole colour profile, nil if there is none or a part is missing
	Quality             int    // 1 to 100, estimated from the quantisation tables; 0: not known
	Progressive         bool
}

// Decode reads the JPEG picture that data begins with. What follows its end marker does not matter.
func Decode(data []byte, o Options) (*Image, error) {
	return decode(data, o, maxScans)
}

func decode(data []byte, o Options, maxScans int) (*Image, error) {
	if len(data) < 4 {
		return nil, &Error{Kind: KindTruncated, Msg: fmt.Sprintf("%d bytes", len(data))}
	}
	minSide := math.MaxInt32 // full size
	if o.TileSize > 0 && o.MinScaleTiles > 0 {
		minSide = int(math.Ceil(float64(o.TileSize) * o.MinScaleTiles))
	}
	copts := C.turbo_options{min_side: C.int(minSide), max_pixels: C.int64_t(o.MaxPixels), max_scans: C.int(maxScans)}
	var out C.turbo_image
	status := C.turbo_decode((*C.uchar)(unsafe.SliceData(data)), C.size_t(len(data)), &copts, &out)
	if status != C.TURBO_OK {
		return nil, &Error{Kind: kindOf(status), Msg: C.GoString(&out.message[0])}
	}
	defer C.free(unsafe.Pointer(out.pix))
	img := &Image{
		Width: int(out.width), Height: int(out.height),
		PixWidth: int(out.pix_width), PixHeight: int(out.pix_height),
		Scale:       int(out.scale),
		Progressive: out.progressive != 0,
		Quality:     quality(&out),
	}
	n := img.PixWidth * img.PixHeight * 3
	img.Pix = make([]byte, n)
	copy(img.Pix, unsafe.Slice((*byte)(unsafe.Pointer(out.pix)), n))
	img.EXIF, img.ICC = metadata(data)
	return img, nil
}

func kindOf(status C.int) string {
	switch status {
	case C.TURBO_TRUNCATED:
		return KindTruncated
	case C.TURBO_UNSUPPORTED:
		return KindUnsupported
	case C.TURBO_TOO_LARGE:
		return KindTooLarge
	case C.TURBO_CMYK:
		return KindCMYK
	default:
		return KindDamaged
	}
}

// EncodeThumb writes RGB pixels as a small JPEG without metadata.
func EncodeThumb(pix []byte, w, h, quality int) ([]byte, error) {
	if w <= 0 || h <= 0 || len(pix) != w*h*3 {
		return nil, errors.New("encode thumbnail: pixels do not fit the size")
	}
	var out *C.uchar
	var n C.size_t
	var msg [256]C.char
	status := C.turbo_encode((*C.uchar)(unsafe.SliceData(pix)), C.int(w), C.int(h), C.int(quality), &out, &n, &msg[0], C.size_t(len(msg)))
	if status != C.TURBO_OK {
		return nil, fmt.Errorf("encode thumbnail: %s", C.GoString(&msg[0]))
	}
	defer C.free(unsafe.Pointer(out))
	return C.GoBytes(unsafe.Pointer(out), C.int(n)), nil
}
