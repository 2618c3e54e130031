package vips

/*
#include "load.h"
*/
import "C"

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"runtime"
	"unsafe"
)

// stripRows bounds the memory of a digest: a strip of a picture 30,000 pixels wide takes some megabytes.
const stripRows = 32

// PixelDigest is a digest of the picture's pixels at full size and depth, upright and in sRGB: equal for equal pictures in
// different lossless formats. Alpha counts unless all of it is opaque. A file of several pages or frames is more than its
// first picture; its digest is that of its bytes, equal to no other file's.
func PixelDigest(data []byte, format string, o Options) ([32]byte, error) {
	src, err := newSource(data, format, Options{MaxPixels: o.MaxPixels}, exifOf(data, format))
	if err != nil {
		return [32]byte{}, err
	}
	defer src.close()
	Startup()
	mu.Lock()
	defer mu.Unlock()
	firstLog.Store(nil)
	runtime.LockOSThread() // a region belongs to its thread
	defer runtime.UnlockOSThread()
	var pin runtime.Pinner
	pin.Pin(src.pointer())
	defer pin.Unpin()
	var s C.load_strips
	defer C.load_close_strips(&s)
	if C.load_open_strips(src.pointer(), C.size_t(len(src.bytes)), &src.options, &s) != 0 {
		return [32]byte{}, loadError(&src.options)
	}
	d := newDigester(&s)
	for top := 0; top < int(s.height); top += stripRows {
		rows := min(stripRows, int(s.height)-top)
		strip := d.strip[:rows*d.rowBytes]
		if C.load_read_strip(&s, C.int(top), C.int(rows), (*C.uchar)(unsafe.SliceData(strip))) != 0 {
			return [32]byte{}, loadError(&src.options)
		}
		if err := d.add(strip, rows); err != nil {
			return [32]byte{}, err
		}
	}
	if s.pages > 1 || animatedPNG(data, format) {
		whole := sha256.Sum256(data)
		return sha256.Sum256(append([]byte("pages of "), whole[:]...)), nil
	}
	return d.sum(), nil
}

// animatedPNG: libvips shows the first frame and does not say that there are more.
func animatedPNG(data []byte, format string) bool {
	return format == "png" && pngChunk(data, "acTL") != nil
}

// A digester hashes strips as 16-bit RGB; 8-bit samples are widened, so that depth alone makes no difference. Alpha goes
// into a hash of its own, which counts when it is not all opaque.
type digester struct {
	width, height, bands, colours, depth int
	hasAlpha                             bool
	rowBytes                             int
	icc                                  []byte
	strip, colour, rgb, wide, alpha      []byte
	colourHash, alphaHash                hash.Hash
	transparent                          bool
}

func newDigester(s *C.load_strips) *digester {
	d := &digester{
		width: int(s.width), height: int(s.height), bands: int(s.bands), colours: int(s.colours), depth: int(s.bytes_per_sample),
		hasAlpha: s.alpha != 0, colourHash: sha256.New(), alphaHash: sha256.New(),
	}
	d.rowBytes = d.width * d.bands * d.depth
	if s.icc_len > 0 {
		d.icc = C.GoBytes(s.icc, C.int(s.icc_len))
	}
	n := d.width * stripRows
	d.strip = make([]byte, d.rowBytes*stripRows)
	d.colour = make([]byte, n*d.colours*d.depth)
	d.rgb = make([]byte, n*3*d.depth)
	d.wide = make([]byte, n*3*2) // colours, and then alpha
	d.alpha = make([]byte, n*2)
	return d
}

func (d *digester) add(strip []byte, rows int) error {
	n := d.width * rows
	colour := d.split(strip, n)
	rgb := d.rgb[:n*3*d.depth]
	if isSRGB(d.icc) || !iccToSRGB(d.icc, colour, rgb, n, d.colours, d.depth) {
		var err error
		if rgb, err = d.plain(colour, n, rows); err != nil {
			return err
		}
	}
	d.colourHash.Write(widen(d.wide, rgb, d.depth))
	return nil
}

// split takes the colours of n pixels apart from what follows them, and hashes that as alpha.
func (d *digester) split(strip []byte, n int) []byte {
	size := d.colours * d.depth
	if !d.hasAlpha {
		return strip
	}
	pixel := d.bands * d.depth
	colour := d.colour[:n*size]
	for i := range n {
		copy(colour[i*size:][:size], strip[i*pixel:])
	}
	for band := d.colours; band < d.bands; band++ {
		a := d.alpha[:n*d.depth]
		for i := range n {
			copy(a[i*d.depth:][:d.depth], strip[i*pixel+band*d.depth:])
		}
		for _, v := range a {
			d.transparent = d.transparent || v != 0xFF
		}
		d.alphaHash.Write(widen(d.wide, a, d.depth))
	}
	return colour
}

// plain is for pixels without a usable profile.
func (d *digester) plain(colour []byte, n, rows int) ([]byte, error) {
	switch d.colours {
	case C.LOAD_RGB:
		return colour, nil
	case C.LOAD_GREY:
		rgb := d.rgb[:n*3*d.depth]
		for i := range n {
			for c := range 3 {
				copy(rgb[(i*3+c)*d.depth:][:d.depth], colour[i*d.depth:])
			}
		}
		return rgb, nil
	default:
		if d.depth != 1 {
			return nil, &Error{Kind: KindUnsupported, Msg: "CMYK of 16 bits without a colour profile"}
		}
		return toRGB(colour, d.width, rows, d.colours, nil), nil
	}
}

// widen makes 16-bit little-endian samples of 8-bit ones: 255 becomes 65535.
func widen(dst, samples []byte, depth int) []byte {
	if depth == 2 {
		return samples
	}
	for i, v := range samples {
		dst[i*2], dst[i*2+1] = v, v
	}
	return dst[:len(samples)*2]
}

func (d *digester) sum() [32]byte {
	h := sha256.New()
	h.Write(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(d.width)), uint64(d.height)))
	h.Write(d.colourHash.Sum(nil))
	if d.transparent {
		h.Write(d.alphaHash.Sum(nil))
	}
	return [32]byte(h.Sum(nil))
}
