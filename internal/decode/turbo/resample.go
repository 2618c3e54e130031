package turbo

/*
#cgo LDFLAGS: -lm
#include "resample.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Resample squashes RGB pixels to outW x outH by an antialiased bicubic filter (a = -0.5), as Pillow's Image.resize does,
// and turns the result upright: orientation is EXIF's, 1 to 8, anything else is taken for 1. outW and outH are those of
// the upright picture.
//
// It panics when the pixels do not fit the size, or a side is not positive.
func Resample(pix []byte, w, h int, orientation int, outW, outH int) []byte {
	if w <= 0 || h <= 0 || outW <= 0 || outH <= 0 || len(pix) != w*h*3 {
		panic(fmt.Sprintf("turbo: resample %d bytes of %dx%d pixels to %dx%d", len(pix), w, h, outW, outH))
	}
	rw, rh := outW, outH
	if orientation >= 5 && orientation <= 8 { // the turn swaps the sides
		rw, rh = outH, outW
	}
	out := make([]byte, rw*rh*3)
	if C.turbo_resample((*C.uint8_t)(unsafe.SliceData(pix)), C.int(w), C.int(h), (*C.uint8_t)(unsafe.SliceData(out)), C.int(rw), C.int(rh)) != 0 {
		panic("turbo: no memory to resample")
	}
	return orient(out, rw, rh, orientation)
}

// orient turns pixels upright. Turning the small result costs nothing beside turning the photo, and is the same: the
// filter is symmetric.
func orient(pix []byte, w, h int, orientation int) []byte {
	if orientation < 2 || orientation > 8 {
		return pix
	}
	outW, outH := w, h
	if orientation >= 5 {
		outW, outH = h, w
	}
	out := make([]byte, len(pix))
	for y := range outH {
		for x := range outW {
			sx, sy := sourceOf(x, y, w, h, orientation)
			copy(out[(y*outW+x)*3:][:3], pix[(sy*w+sx)*3:][:3])
		}
	}
	return out
}

// sourceOf is the pixel of the stored picture, of size w x h, that stands at x, y in the upright one.
func sourceOf(x, y, w, h int, orientation int) (int, int) {
	switch orientation {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return y, h - 1 - x
	case 7:
		return w - 1 - y, h - 1 - x
	case 8:
		return w - 1 - y, x
	default:
		return x, y
	}
}
