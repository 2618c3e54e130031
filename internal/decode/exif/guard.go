package exif

import (
	"bytes"
	"encoding/binary"

	"github.com/dupfind/dupfind/internal/decode/format"
)

// maxValue bounds one value. Captions are the longest that matter.
const maxValue = 4096

// Tags that goexif has no name for, or that are needed by number.
const (
	tagDescription  = 0x010e
	tagRating       = 0x4746
	tagXPComment    = 0x9c9c
	tagXPTitle      = 0x9c9b
	tagUserComment  = 0x9286
	tagOffset       = 0x9010
	tagOffsetOrig   = 0x9011
	tagOffsetDigi   = 0x9012
	tagImageNumber  = 0x9211
	tagISO          = 0x8827
	tagBias         = 0x9204
	tagOrientation  = 0x0112
	tagUniqueCamera = 0xc614
)

// mainTags are copied from the first directory and from EXIF's. Some writers put EXIF's tags into the first one.
var mainTags = map[uint16]bool{
	tagDescription: true, 0x010f: true, 0x0110: true, tagOrientation: true, 0x0131: true, 0x0132: true,
	tagRating: true, tagXPTitle: true, tagXPComment: true, tagUniqueCamera: true,
	0x829a: true, 0x829d: true, tagISO: true, 0x9003: true, 0x9004: true, tagOffset: true, tagOffsetOrig: true,
	tagOffsetDigi: true, tagBias: true, tagImageNumber: true, tagUserComment: true,
	0x9290: true, 0x9291: true, 0x9292: true, 0xa434: true,
}

// gpsTags are the position and its signs.
var gpsTags = map[uint16]bool{1: true, 2: true, 3: true, 4: true}

// header is what JPEG puts before the TIFF data.
var header = []byte("Exif\x00\x00")

// guard returns a small block with what is usable of the given one; ok is false where there is nothing.
func guard(block []byte) (out []byte, ok bool) {
	// Some writers repeat the header.
	for range 2 {
		block = bytes.TrimPrefix(block, header)
	}
	d, ok := format.OpenTIFF(block)
	if !ok {
		return nil, false
	}
	first, _ := d.At(d.First())
	if len(first) == 0 {
		return nil, false
	}
	exif := sub(d, first, format.TagExifIFD)
	gps := sub(d, first, format.TagGPSIFD)
	return write(d.Order(), pick(first, mainTags), pick(exif, mainTags), pick(gps, gpsTags)), true
}

func sub(d format.Dirs, in []format.Entry, tag uint16) []format.Entry {
	for _, e := range in {
		if e.Tag != tag {
			continue
		}
		if off, ok := e.Uint(0); ok {
			entries, _ := d.At(off)
			return entries
		}
	}
	return nil
}

// pick keeps the wanted entries that have a whole value, the first of each tag: libexif and libvips read the first, too.
func pick(in []format.Entry, wanted map[uint16]bool) []format.Entry {
	var out []format.Entry
	seen := map[uint16]bool{}
	for _, e := range in {
		if !wanted[e.Tag] || seen[e.Tag] || len(e.Value) == 0 || e.Count == 0 {
			continue
		}
		if len(e.Value) > maxValue {
			if e.Type != 1 && e.Type != 2 && e.Type != 7 {
				continue // a list of 4,000 numbers is none of the tags in use
			}
			e.Value, e.Count = e.Value[:maxValue], maxValue
		}
		if e.Type > 12 {
			continue // goexif ends at types that came after it
		}
		seen[e.Tag] = true
		out = append(out, e)
	}
	return out
}

// write puts three directories into a block of their own.
func write(order binary.ByteOrder, first, exif, gps []format.Entry) []byte {
	w := writer{order: order}
	if order == binary.LittleEndian {
		w.buf = []byte("II*\x00")
	} else {
		w.buf = []byte("MM\x00*")
	}
	w.u32(8)
	pointers := 0
	if len(exif) > 0 {
		pointers++
	}
	if len(gps) > 0 {
		pointers++
	}
	// The first directory, its values, then the others.
	after := 8 + dirBytes(first, pointers)
	w.dir(first, pointers, func() {
		if len(exif) > 0 {
			w.pointer(format.TagExifIFD, after)
			after += dirBytes(exif, 0)
		}
		if len(gps) > 0 {
			w.pointer(format.TagGPSIFD, after)
		}
	})
	if len(exif) > 0 {
		w.dir(exif, 0, func() {})
	}
	if len(gps) > 0 {
		w.dir(gps, 0, func() {})
	}
	return w.buf
}

// dirBytes is what writer.dir writes for the entries.
func dirBytes(entries []format.Entry, pointers int) int {
	n := 2 + 12*(len(entries)+pointers) + 4
	for _, e := range entries {
		if len(e.Value) > 4 {
			n += len(e.Value)
		}
	}
	return n
}

type writer struct {
	buf   []byte
	order binary.ByteOrder
}

func (w *writer) u16(v uint16) { w.buf = append16(w.buf, w.order, v) }
func (w *writer) u32(v uint32) { w.buf = append32(w.buf, w.order, v) }

func append16(b []byte, o binary.ByteOrder, v uint16) []byte {
	var t [2]byte
	o.PutUint16(t[:], v)
	return append(b, t[:]...)
}

func append32(b []byte, o binary.ByteOrder, v uint32) []byte {
	var t [4]byte
	o.PutUint32(t[:], v)
	return append(b, t[:]...)
}

// dir writes one directory, the pointers that extra writes among its entries, and then the values.
func (w *writer) dir(entries []format.Entry, pointers int, extra func()) {
	values := len(w.buf) + 2 + 12*(len(entries)+pointers) + 4
	w.u16(uint16(len(entries) + pointers))
	for _, e := range entries {
		w.u16(e.Tag)
		w.u16(e.Type)
		w.u32(e.Count)
		if len(e.Value) <= 4 {
			var v [4]byte
			copy(v[:], e.Value)
			w.buf = append(w.buf, v[:]...)
			continue
		}
		w.u32(uint32(values))
		values += len(e.Value)
	}
	extra()
	w.u32(0)
	for _, e := range entries {
		if len(e.Value) > 4 {
			w.buf = append(w.buf, e.Value...)
		}
	}
}

func (w *writer) pointer(tag uint16, to int) {
	w.u16(tag)
	w.u16(4)
	w.u32(1)
	w.u32(uint32(to))
}

// guardAs is guard for a block whose first directory holds the wanted tags.
func guardAs(block []byte, wanted map[uint16]bool) (out []byte, ok bool) {
	d, ok := format.OpenTIFF(bytes.TrimPrefix(block, header))
	if !ok {
		return nil, false
	}
	first, _ := d.At(d.First())
	if len(first) == 0 {
		return nil, false
	}
	return write(d.Order(), pick(first, wanted), nil, nil), true
}
