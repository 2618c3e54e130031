package vips

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// libvips reads BMP by ImageMagick only, whose limits differ from system to system, which takes 8 bytes a pixel and goes to
// disk for what it deems large. So the format, simple enough, is read here and handed to libvips as pixels.

// maxBMPBytes bounds the pixels of one BMP file, because they cannot be streamed.
const maxBMPBytes = 1 << 30

// Compressions of BMP.
const (
	bmpRGB = iota
	bmpRLE8
	bmpRLE4
	bmpFields
	bmpJPEG
	bmpPNG
	bmpAlphaFields
)

// A bmpHeader is what a BMP file says of itself.
type bmpHeader struct {
	width, height int
	topDown       bool
	bpp           int
	compression   uint32
	palette       [][3]byte
	masks         [4]uint32 // red, green, blue, alpha
	pixels        []byte    // from the first row on
}

// rawPixels are decoded already, of 3 bands or 4 with alpha.
type rawPixels struct {
	pix                  []byte
	width, height, bands int
}

func decodeBMP(data []byte, maxPixels int64) (*rawPixels, error) {
	h, err := parseBMP(data)
	if err != nil {
		return nil, err
	}
	n := int64(h.width) * int64(h.height)
	bands := 3
	if h.masks[3] != 0 {
		bands = 4
	}
	if (maxPixels > 0 && n > maxPixels) || n > maxBMPBytes/int64(bands) {
		return nil, &Error{Kind: KindTooLarge, Msg: fmt.Sprintf("%d x %d pixels", h.width, h.height)}
	}
	if h.compression == bmpRLE8 || h.compression == bmpRLE4 {
		return h.decodeRuns()
	}
	return h.decodeRows(bands)
}

func parseBMP(data []byte) (*bmpHeader, error) {
	le := binary.LittleEndian
	if len(data) < 26 {
		return nil, &Error{Kind: KindTruncated, Msg: "the file ends within its header"}
	}
	if string(data[:2]) != "BM" {
		return nil, &Error{Kind: KindDamaged, Msg: "no BMP header"}
	}
	offset, size := int64(le.Uint32(data[10:])), int64(le.Uint32(data[14:]))
	info := data[14:]
	if size < 12 || size > int64(len(info)) {
		return nil, &Error{Kind: KindTruncated, Msg: "the file ends within its header"}
	}
	h := &bmpHeader{}
	entry := 4
	used := int64(0)
	switch {
	case size == 12:
		h.width, h.height, h.bpp = int(le.Uint16(info[4:])), int(le.Uint16(info[6:])), int(le.Uint16(info[10:]))
		entry = 3
	case size >= 16:
		h.width, h.height, h.bpp = int(int32(le.Uint32(info[4:]))), int(int32(le.Uint32(info[8:]))), int(le.Uint16(info[14:]))
		if size >= 40 {
			h.compression, used = le.Uint32(info[16:]), int64(le.Uint32(info[32:]))
		}
	default:
		return nil, &Error{Kind: KindDamaged, Msg: fmt.Sprintf("BMP header of %d bytes", size)}
	}
	if h.height < 0 {
		h.height, h.topDown = -h.height, true
	}
	if h.width <= 0 || h.height <= 0 {
		return nil, &Error{Kind: KindDamaged, Msg: "a side is zero or less"}
	}
	end := 14 + size + h.readMasks(info, size)
	if end > int64(len(data)) {
		return nil, &Error{Kind: KindTruncated, Msg: "the file ends within its header"}
	}
	if err := h.check(size); err != nil {
		return nil, err
	}
	if h.bpp <= 8 {
		end = h.readPalette(data, end, used, entry)
	}
	if offset < end && offset != 0 && h.bpp > 8 || offset > int64(len(data)) {
		return nil, &Error{Kind: KindTruncated, Msg: "the pixels lie outside the file"}
	}
	if offset == 0 {
		offset = end
	}
	h.pixels = data[offset:]
	return h, nil
}

// check refuses combinations that the format does not have.
func (h *bmpHeader) check(size int64) error {
	ok := false
	switch h.compression {
	case bmpRGB:
		ok = h.bpp == 1 || h.bpp == 2 || h.bpp == 4 || h.bpp == 8 || h.bpp == 16 || h.bpp == 24 || h.bpp == 32
	case bmpRLE8:
		ok = h.bpp == 8 && !h.topDown
	case bmpRLE4:
		ok = h.bpp == 4 && !h.topDown
	case bmpFields, bmpAlphaFields:
		if size == 64 { // OS/2's code for Huffman coding
			return &Error{Kind: KindUnsupported, Msg: "OS/2 compression"}
		}
		ok = h.bpp == 16 || h.bpp == 32
	case bmpJPEG, bmpPNG:
		return &Error{Kind: KindUnsupported, Msg: "a JPEG or PNG inside a BMP"}
	}
	if !ok {
		return &Error{Kind: KindDamaged, Msg: fmt.Sprintf("%d bits a pixel with compression %d", h.bpp, h.compression)}
	}
	return nil
}

// readMasks takes the bit masks from within the header or from behind it; it returns how many bytes lie behind it.
func (h *bmpHeader) readMasks(info []byte, size int64) int64 {
	switch h.bpp {
	case 16:
		h.masks = [4]uint32{0x7C00, 0x03E0, 0x001F}
	case 32:
		h.masks = [4]uint32{0xFF0000, 0xFF00, 0xFF}
	}
	n := 0
	switch h.compression {
	case bmpFields:
		n = 3
		if size >= 56 {
			n = 4
		}
	case bmpAlphaFields:
		n = 4
	default:
		return 0
	}
	behind := max(0, int64(40+4*n)-size)
	if int64(len(info)) < size+behind {
		return behind // the caller sees that it is not there
	}
	for i := range n {
		h.masks[i] = binary.LittleEndian.Uint32(info[40+4*i:])
	}
	return behind
}

// readPalette returns where the palette ends.
func (h *bmpHeader) readPalette(data []byte, at, used int64, entry int) int64 {
	count := int64(1) << h.bpp
	if used > 0 && used < count {
		count = used
	}
	h.palette = make([][3]byte, 1<<h.bpp) // what the file does not define is black
	for i := range count {
		if at+int64(entry) > int64(len(data)) {
			break
		}
		h.palette[i] = [3]byte{data[at+2], data[at+1], data[at]}
		at += int64(entry)
	}
	return at
}

// row is where a row of the file stands in the picture.
func (h *bmpHeader) row(y int) int {
	if h.topDown {
		return y
	}
	return h.height - 1 - y
}

func (h *bmpHeader) decodeRows(bands int) (*rawPixels, error) {
	stride := (int64(h.width)*int64(h.bpp) + 31) / 32 * 4
	last := (int64(h.width)*int64(h.bpp) + 7) / 8 // some writers leave the padding of the last row out
	if stride*int64(h.height-1)+last > int64(len(h.pixels)) {
		return nil, &Error{Kind: KindTruncated, Msg: "the file ends before its picture does"}
	}
	out := &rawPixels{pix: make([]byte, h.width*h.height*bands), width: h.width, height: h.height, bands: bands}
	for y := range h.height {
		src := h.pixels[int64(y)*stride:]
		dst := out.pix[h.row(y)*h.width*bands:][:h.width*bands]
		switch {
		case h.bpp <= 8:
			h.indexedRow(dst, src)
		case h.bpp == 24:
			for x := 0; x < len(dst); x += 3 {
				dst[x], dst[x+1], dst[x+2] = src[x+2], src[x+1], src[x]
			}
		default:
			h.maskedRow(dst, src, bands)
		}
	}
	if bands == 4 {
		out.dropEmptyAlpha()
	}
	return out, nil
}

func (h *bmpHeader) indexedRow(dst, src []byte) {
	mask := byte(1<<h.bpp - 1)
	for x := range h.width {
		bit := x * h.bpp
		shift := 8 - h.bpp - bit%8
		copy(dst[x*3:][:3], h.palette[src[bit/8]>>shift&mask][:])
	}
}

func (h *bmpHeader) maskedRow(dst, src []byte, bands int) {
	for x := range h.width {
		var v uint32
		if h.bpp == 16 {
			v = uint32(binary.LittleEndian.Uint16(src[x*2:]))
		} else {
			v = binary.LittleEndian.Uint32(src[x*4:])
		}
		for c := range bands {
			dst[x*bands+c] = masked(v, h.masks[c])
		}
	}
}

// masked widens the bits under a mask to eight.
func masked(v, mask uint32) byte {
	if mask == 0 {
		return 0
	}
	shift := bits.TrailingZeros32(mask)
	most := uint64(mask >> shift)
	return byte((uint64(v&mask>>shift)*255 + most/2) / most)
}

// dropEmptyAlpha: programs that know no alpha write zero there and mean an opaque picture.
func (p *rawPixels) dropEmptyAlpha() {
	for i := 3; i < len(p.pix); i += 4 {
		if p.pix[i] != 0 {
			return
		}
	}
	for i := 3; i < len(p.pix); i += 4 {
		p.pix[i] = 255
	}
}

// decodeRuns reads run-length coding, rows from the bottom up. What no run covers has the palette's first colour.
func (h *bmpHeader) decodeRuns() (*rawPixels, error) {
	out := &rawPixels{pix: make([]byte, h.width*h.height*3), width: h.width, height: h.height, bands: 3}
	for i := 0; i < len(out.pix); i += 3 {
		copy(out.pix[i:], h.palette[0][:])
	}
	x, y, src := 0, 0, h.pixels
	put := func(index byte) {
		if x < h.width && y < h.height {
			copy(out.pix[(h.row(y)*h.width+x)*3:][:3], h.palette[index][:])
		}
		x++
	}
	for len(src) >= 2 {
		count, code := int(src[0]), src[1]
		src = src[2:]
		switch {
		case count > 0:
			for i := range count {
				put(h.runIndex(code, i))
			}
		case code == 0:
			x, y = 0, y+1
		case code == 1:
			return out, nil
		case code == 2:
			if len(src) < 2 {
				return nil, &Error{Kind: KindTruncated, Msg: "the file ends before its picture does"}
			}
			x, y, src = x+int(src[0]), y+int(src[1]), src[2:]
		default: // so many pixels as they are, padded to two bytes
			n := (int(code)*h.bpp + 7) / 8
			if len(src) < n {
				return nil, &Error{Kind: KindTruncated, Msg: "the file ends before its picture does"}
			}
			for i := range int(code) {
				put(h.runIndex(src[i*h.bpp/8], i))
			}
			src = src[min(n+n%2, len(src)):]
		}
		if x > h.width+255 || y > h.height {
			return nil, &Error{Kind: KindDamaged, Msg: "a run leaves the picture"}
		}
	}
	return nil, &Error{Kind: KindTruncated, Msg: "the file ends before its picture does"}
}

// runIndex is the i-th pixel's index: bytes of four-bit runs hold two, the high half first.
func (h *bmpHeader) runIndex(code byte, i int) byte {
	switch {
	case h.bpp == 8:
		return code
	case i%2 == 0:
		return code >> 4
	default:
		return code & 15
	}
}
