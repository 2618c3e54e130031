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
	return resample(view{pix, w, h, float64(w), float64(h)}, orientation, outW, outH)
}

// Tile squashes the picture as [Resample] does its pixels. It is more exact: where a side of the full size is no multiple of
// the scale, the last row or column of the scaled picture is only part of a pixel wide.
func (img *Image) Tile(orientation int, outW, outH int) []byte {
	scale := float64(img.Scale)
	return resample(view{img.Pix, img.PixWidth, img.PixHeight, float64(img.Width) / scale, float64(img.Height) / scale}, orientation, outW, outH)
}

// A view is pixels and how much of them is the picture.
type view struct {
	pix              []byte
	w, h             int
	extentW, extentH float64
}

func resample(v view, orientation int, outW, outH int) []byte {
	if v.w <= 0 || v.h <= 0 || outW <= 0 || outH <= 0 || len(v.pix) != v.w*v.h*3 {
		panic(fmt.Sprintf("turbo: resample %d bytes of %dx%d pixels to %dx%d", len(v.pix), v.w, v.h, outW, outH))
	}
	rw, rh := outW, outH
	if orientation >= 5 && orientation <= 8 { // the turn swaps the sides
		rw, rh = outH, outW
	}
	return orient(squash(v, rw, rh, 0), rw, rh, orientation)
}

// squash keeps to portable code when plain is not zero; what comes out is the same.
func squash(v view, outW, outH int, plain C.int) []byte {
	out := make([]byte, outW*outH*3)
	if C.turbo_resample((*C.uint8_t)(unsafe.SliceData(v.pix)), C.int(v.w), C.int(v.h), C.double(v.extentW), C.double(v.extentH),
		(*C.uint8_t)(unsafe.SliceData(out)), C.int(outW), C.int(outH), plain) != 0 {
		panic("turbo: no memory to resample")
	}
	return out
}

// orient turns pixels upright. Turning the small result costs little beside turning the photo, and is the same: the filter
// is symmetric.
func orient(pix []byte, w, h int, orientation int) []byte {
	if orientation < 2 || orientation > 8 {
		return pix
	}
	outW, outH := w, h
	if orientation >= 5 {
		outW, outH = h, w
	}
	// Where the upright picture's first pixel stands in the stored one, and the ways to its right and lower neighbour.
	var first, right, down int
	switch orientation {
	case 2:
		first, right, down = w-1, -1, w
	case 3:
		first, right, down = w*h-1, -1, -w
	case 4:
		first, right, down = w*(h-1), 1, -w
	case 5:
		first, right, down = 0, w, 1
	case 6:
		first, right, down = w*(h-1), -w, 1
	case 7:
		first, right, down = w*h-1, -w, -1
	case 8:
		first, right, down = w-1, w, -1
	}
	out := make([]byte, 0, len(pix))
	for y := range outH {
		at := (first + y*down) * 3
		for range outW {
			out = append(out, pix[at], pix[at+1], pix[at+2])
			at += right * 3
		}
	}
	return out
}
