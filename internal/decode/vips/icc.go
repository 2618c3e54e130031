package vips

/*
#cgo pkg-config: lcms2
#include "icc.h"
*/
import "C"

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"unsafe"
)

// ToSRGB brings RGB pixels from a colour profile to sRGB, by the perceptual intent, as Pillow does. The pixels come back
// unchanged, in the same slice, where the profile is sRGB. A profile that is broken, or made for other than RGB, is an
// error; the caller goes on with the pixels it has.
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

// A transform is one that Little CMS has prepared. That takes some milliseconds, as long as half a photo, and a camera
// puts the same profile into all of its photos.
type transform struct {
	icc                   []byte
	bands, bytesPerSample int
	handle                unsafe.Pointer
}

// transforms are the last few, newest first, under transformsMu.
var (
	transformsMu sync.Mutex
	transforms   []transform
)

const maxTransforms = 4

// iccToSRGB says false when the profile is of no use for such pixels.
func iccToSRGB(icc, pix, out []byte, pixels, bands, bytesPerSample int) bool {
	if len(icc) < iccHeaderBytes || len(pix) == 0 {
		return false
	}
	transformsMu.Lock()
	defer transformsMu.Unlock()
	t, ok := openTransform(icc, bands, bytesPerSample)
	if !ok {
		return false
	}
	C.icc_apply(t.handle, unsafe.Pointer(unsafe.SliceData(pix)), unsafe.Pointer(unsafe.SliceData(out)), C.size_t(pixels),
		C.int(bands), C.int(bytesPerSample))
	return true
}

func openTransform(icc []byte, bands, bytesPerSample int) (transform, bool) {
	i := slices.IndexFunc(transforms, func(t transform) bool {
		return t.bands == bands && t.bytesPerSample == bytesPerSample && bytes.Equal(t.icc, icc)
	})
	if i >= 0 {
		t := transforms[i]
		transforms = slices.Insert(slices.Delete(transforms, i, i+1), 0, t)
		return t, true
	}
	handle := C.icc_open(unsafe.Pointer(unsafe.SliceData(icc)), C.size_t(len(icc)), C.int(bands), C.int(bytesPerSample))
	if handle == nil {
		return transform{}, false
	}
	t := transform{icc: bytes.Clone(icc), bands: bands, bytesPerSample: bytesPerSample, handle: handle}
	transforms = slices.Insert(transforms, 0, t)
	if len(transforms) > maxTransforms {
		C.icc_close(transforms[maxTransforms].handle)
		transforms = transforms[:maxTransforms]
	}
	return t, true
}

const (
	iccHeaderBytes = 132 // the header and the count of tags
	iccTagBytes    = 12
	iccMaxTags     = 100
)

// srgbColorants are the primaries of sRGB, adapted to D50, as fractions.
var srgbColorants = []struct {
	tag     string
	x, y, z float64
}{
	{"rXYZ", 0.4361, 0.2225, 0.0139},
	{"gXYZ", 0.3851, 0.7169, 0.0971},
	{"bXYZ", 0.1431, 0.0606, 0.7141},
}

// srgbNames are how profiles name the standard, in ASCII or in UTF-16.
var srgbNames = [][]byte{
	[]byte("sRGB IEC61966-2.1"),
	[]byte("\x00s\x00R\x00G\x00B\x00 \x00I\x00E\x00C\x006\x001\x009\x006\x006\x00-\x002\x00.\x001"),
}

// isSRGB knows the profiles of sRGB that most cameras and programs embed, so that the usual case costs nothing and pixels
// that are sRGB already do not pick up rounding: by the name of the standard and its primaries.
func isSRGB(icc []byte) bool {
	if len(icc) < iccHeaderBytes || string(icc[16:20]) != "RGB " {
		return false
	}
	if !slices.ContainsFunc(srgbNames, func(name []byte) bool { return bytes.Contains(icc, name) }) {
		return false
	}
	for _, c := range srgbColorants {
		v, ok := iccXYZ(icc, c.tag)
		if !ok || !near(v[0], c.x) || !near(v[1], c.y) || !near(v[2], c.z) {
			return false
		}
	}
	return true
}

func near(a, b float64) bool { return a-b < 0.002 && b-a < 0.002 }

// iccXYZ reads a tag of type XYZ.
func iccXYZ(icc []byte, tag string) (v [3]float64, ok bool) {
	n := min(binary.BigEndian.Uint32(icc[128:]), iccMaxTags)
	for i := range int(n) {
		at := iccHeaderBytes + i*iccTagBytes
		if at+iccTagBytes > len(icc) {
			return v, false
		}
		if string(icc[at:at+4]) != tag {
			continue
		}
		offset := int64(binary.BigEndian.Uint32(icc[at+4:]))
		if offset+20 > int64(len(icc)) || string(icc[offset:offset+4]) != "XYZ " {
			return v, false
		}
		for k := range v {
			v[k] = float64(int32(binary.BigEndian.Uint32(icc[offset+8+int64(k)*4:]))) / 65536
		}
		return v, true
	}
	return v, false
}
