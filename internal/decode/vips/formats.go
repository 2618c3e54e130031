package vips

/*
#include <stdlib.h>
#include "load.h"
*/
import "C"

import (
	_ "embed" // the samples
	"unsafe"
)

// loaders are the libvips operations that read each format from memory. BMP is read by this package itself.
var loaders = map[string]string{
	"jpeg": "jpegload_buffer",
	"png":  "pngload_buffer",
	"webp": "webpload_buffer",
	"tiff": "tiffload_buffer",
	"gif":  "gifload_buffer",
	"bmp":  "",
	"heic": "heifload_buffer",
	"avif": "heifload_buffer",
	"jxl":  "jxlload_buffer",
}

// The loader of HEIC and AVIF is there whenever libheif is, and that one may lack either codec: plugins since 1.16. So each
// is asked for a picture: 64 x 64 pixels of one colour, made for this by Pillow.
var (
	//go:embed samples/sample.heic
	sampleHEIC []byte
	//go:embed samples/sample.avif
	sampleAVIF []byte
)

// Formats says of each format whether this machine reads it.
func Formats() map[string]bool {
	out := make(map[string]bool, len(loaders))
	for format, loader := range loaders {
		out[format] = loader == "" || hasLoader(loader)
	}
	for format, sample := range map[string][]byte{"heic": sampleHEIC, "avif": sampleAVIF} {
		if out[format] {
			_, err := Decode(sample, format, Options{})
			out[format] = err == nil
		}
	}
	return out
}

func hasLoader(name string) bool {
	Startup()
	mu.Lock()
	defer mu.Unlock()
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	return C.load_has(cname) != 0
}
