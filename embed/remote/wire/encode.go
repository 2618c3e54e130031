//go:build cgo

package wire

/*
#cgo pkg-config: libwebp libjpeg
#cgo CFLAGS: -O2
#include <stdlib.h>
#include "encode.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// maxSize is the longest side that WebP has room for.
const maxSize = 16383

// EncodeWebP writes a tile of size x size pixels of RGB as lossless WebP, by the encoder's fastest setting: half the size
// of the raw tile. Slower settings save a tenth more and take ten times as long.
func EncodeWebP(tile []byte, size int) ([]byte, error) {
	return encode("WebP", tile, size, func(rgb *C.uchar, f *C.wire_file) C.int {
		return C.wire_webp(rgb, C.int(size), f)
	})
}

// EncodeJPEG95 writes a tile of size x size pixels of RGB as JPEG of quality 95 that keeps all pixels of the colours
// (4:4:4). It is a fifth of the raw tile; pixels come back a level or two off.
func EncodeJPEG95(tile []byte, size int) ([]byte, error) {
	return encode("JPEG", tile, size, func(rgb *C.uchar, f *C.wire_file) C.int {
		return C.wire_jpeg(rgb, C.int(size), 95, f)
	})
}

func encode(format string, tile []byte, size int, run func(*C.uchar, *C.wire_file) C.int) ([]byte, error) {
	if size < 1 || size > maxSize {
		return nil, fmt.Errorf("encode %s: tile of %d pixels a side, want 1 to %d", format, size, maxSize)
	}
	if want := size * size * 3; len(tile) != want {
		return nil, fmt.Errorf("encode %s: tile of %d bytes, want %d (%d x %d RGB)", format, len(tile), want, size, size)
	}
	var f C.wire_file
	defer func() { C.free(unsafe.Pointer(f.data)) }()
	if run((*C.uchar)(unsafe.SliceData(tile)), &f) != 0 {
		return nil, fmt.Errorf("encode %s: %s", format, C.GoString(&f.message[0]))
	}
	return C.GoBytes(unsafe.Pointer(f.data), C.int(f.len)), nil
}
