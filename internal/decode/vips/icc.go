package vips

/*
#cgo pkg-config: lcms2
#include "icc.h"
*/
import "C"

import (
	"bytes"
	"fmt"
	"unsafe"
)

// ToSRGB brings RGB pixels from a colour profile to sRGB, by the perceptual intent, as Pillow does. The pixels come back
// unchanged where the profile says sRGB. A profile that is broken, or made for other than RGB, is an error; the caller
// goes on with the pixels it has.
func ToSRGB(pix []byte, w, h int, icc []byte) ([]byte, error) {
	if len(pix) != w*h*3 {
		return nil, fmt.Errorf("convert colours: %d bytes are not %d x %d pixels", len(pix), w, h)
	}
	if isSRGB(icc) {
		return pix, nil
	}
	out := make([]byte, len(pix))
	if !iccToSRGB(icc, pix, out, w*h, 3, 1) {
		return nil, fmt.Errorf("convert colours: unusable profile of %d bytes", len(icc))
	}
	return out, nil
}

// minICCBytes is the header and an empty tag table.
const minICCBytes = 132

func iccToSRGB(icc, pix, out []byte, pixels, bands, bytesPerSample int) bool {
	if len(icc) < minICCBytes || len(pix) == 0 {
		return false
	}
	return C.icc_to_srgb(unsafe.Pointer(unsafe.SliceData(icc)), C.size_t(len(icc)), unsafe.Pointer(unsafe.SliceData(pix)),
		unsafe.Pointer(unsafe.SliceData(out)), C.size_t(pixels), C.int(bands), C.int(bytesPerSample)) == 0
}

// isSRGB knows the profile that most cameras and phones embed by its description, so that the usual case costs nothing
// and pixels that are sRGB already do not pick up rounding. Little CMS would compute the identity within one level.
func isSRGB(icc []byte) bool {
	return len(icc) >= minICCBytes && len(icc) < 8<<10 && string(icc[16:20]) == "RGB " && bytes.Contains(icc, []byte("sRGB IEC61966-2.1"))
}
