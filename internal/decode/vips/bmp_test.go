package vips

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

// bmpFile is a file of 4 x 2 pixels: the info header's fields, what stands behind the header, and the pixels.
func bmpFile(headerSize, bpp int, compression uint32, height int32, behind, pixels []byte) []byte {
	le := binary.LittleEndian
	offset := 14 + headerSize + len(behind)
	b := le.AppendUint32([]byte("BM"), uint32(offset+len(pixels)))
	b = le.AppendUint32(le.AppendUint32(b, 0), uint32(offset))
	info := le.AppendUint32(nil, uint32(headerSize))
	if headerSize == 12 {
		info = le.AppendUint16(le.AppendUint16(info, 4), uint16(height))
		info = le.AppendUint16(le.AppendUint16(info, 1), uint16(bpp))
	} else {
		info = le.AppendUint32(le.AppendUint32(info, 4), uint32(height))
		info = le.AppendUint16(le.AppendUint16(info, 1), uint16(bpp))
		info = le.AppendUint32(info, compression)
		info = append(info, make([]byte, max(0, headerSize-len(info)))...)[:headerSize]
	}
	return slices.Concat(b, info, behind, pixels)
}

func words(values ...uint16) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

func longs(values ...uint32) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// The picture of every test: red green blue white above black red green blue.
var (
	red, green, blue, white, black = []byte{255, 0, 0}, []byte{0, 255, 0}, []byte{0, 0, 255}, []byte{255, 255, 255}, []byte{0, 0, 0}

	bmpWant    = slices.Concat(red, green, blue, white, black, red, green, blue)
	bmpPalette = longs(0, 0xFF0000, 0x00FF00, 0x0000FF, 0xFFFFFF) // black red green blue white
)

func palette(entries int) []byte {
	return append(slices.Clone(bmpPalette), make([]byte, entries*4-len(bmpPalette))...)
}

func TestDecodeBMP(t *testing.T) {
	fields565 := longs(0xF800, 0x07E0, 0x001F)
	tests := map[string][]byte{
		"24 bits": bmpFile(40, 24, bmpRGB, 2, nil, []byte{
			0, 0, 0, 0, 0, 255, 0, 255, 0, 255, 0, 0,
			0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 255}),
		"24 bits, top down": bmpFile(40, 24, bmpRGB, -2, nil, []byte{
			0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 255,
			0, 0, 0, 0, 0, 255, 0, 255, 0, 255, 0, 0}),
		"the oldest header": bmpFile(12, 24, 0, 2, nil, []byte{
			0, 0, 0, 0, 0, 255, 0, 255, 0, 255, 0, 0,
			0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 255}),
		"32 bits":             bmpFile(40, 32, bmpRGB, 2, nil, longs(0, 0xFF0000, 0xFF00, 0xFF, 0xFF0000, 0xFF00, 0xFF, 0xFFFFFF)),
		"32 bits, own masks":  bmpFile(40, 32, bmpFields, 2, longs(0xFF, 0xFF00, 0xFF0000), longs(0, 0xFF, 0xFF00, 0xFF0000, 0xFF, 0xFF00, 0xFF0000, 0xFFFFFF)),
		"15 bits":             bmpFile(40, 16, bmpRGB, 2, nil, words(0, 0x7C00, 0x03E0, 0x1F, 0x7C00, 0x03E0, 0x1F, 0x7FFF)),
		"16 bits, own masks":  bmpFile(40, 16, bmpFields, 2, fields565, words(0, 0xF800, 0x07E0, 0x1F, 0xF800, 0x07E0, 0x1F, 0xFFFF)),
		"8 bits":              bmpFile(40, 8, bmpRGB, 2, palette(256), []byte{0, 1, 2, 3, 1, 2, 3, 4}),
		"4 bits":              bmpFile(40, 4, bmpRGB, 2, palette(16), []byte{0x01, 0x23, 0, 0, 0x12, 0x34, 0, 0}),
		"4 bits, no last pad": bmpFile(40, 4, bmpRGB, 2, palette(16), []byte{0x01, 0x23, 0, 0, 0x12, 0x34}),
		"runs of 8 bits":      bmpFile(40, 8, bmpRLE8, 2, palette(256), []byte{1, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 1}),
		"runs of 4 bits":      bmpFile(40, 4, bmpRLE4, 2, palette(16), []byte{2, 0x01, 2, 0x23, 0, 0, 0, 4, 0x12, 0x34, 0, 1}),
		"a run with a jump":   bmpFile(40, 8, bmpRLE8, 2, palette(256), []byte{0, 2, 1, 0, 1, 1, 1, 2, 1, 3, 0, 0, 0, 4, 1, 2, 3, 4, 0, 1}),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			got := decode(t, data, "bmp", Options{})
			if got.Width != 4 || got.Height != 2 || !bytes.Equal(got.Pix, bmpWant) {
				t.Errorf("got %dx%d, %v, want %v", got.Width, got.Height, got.Pix, bmpWant)
			}
		})
	}
}

func TestDecodeBMPAlpha(t *testing.T) {
	masks := longs(0xFF0000, 0xFF00, 0xFF, 0xFF000000)
	file := func(pixels []byte) []byte {
		data := bmpFile(124, 32, bmpFields, 2, nil, pixels)
		copy(data[14+40:], masks)
		return data
	}
	clear := decode(t, file(longs(0, 0, 0, 0, 0, 0, 0, 0xFF000000)), "bmp", Options{})
	if want := slices.Concat(white, white, white, black, white, white, white, white); !bytes.Equal(clear.Pix, want) {
		t.Errorf("transparent: got %v, want %v", clear.Pix, want)
	}
	opaque := decode(t, file(longs(0, 0xFF0000, 0xFF00, 0xFF, 0xFF0000, 0xFF00, 0xFF, 0xFFFFFF)), "bmp", Options{})
	if !bytes.Equal(opaque.Pix, bmpWant) {
		t.Errorf("alpha that was never written: got %v, want %v", opaque.Pix, bmpWant)
	}
}

func TestDecodeBMPRefuses(t *testing.T) {
	good := bmpFile(40, 8, bmpRGB, 2, palette(256), []byte{0, 1, 2, 3, 1, 2, 3, 4})
	patch := func(at int, v ...byte) []byte {
		out := slices.Clone(good)
		copy(out[at:], v)
		return out
	}
	tests := map[string]struct {
		data []byte
		kind string
	}{
		"no width":             {patch(18, 0, 0, 0, 0), KindDamaged},
		"negative width":       {patch(18, 255, 255, 255, 255), KindDamaged},
		"the smallest height":  {patch(22, 0, 0, 0, 0x80), KindTooLarge},
		"a huge size":          {patch(18, 0, 0, 1, 0, 0, 0, 1, 0), KindTooLarge},
		"more than is there":   {patch(18, 0, 1, 0, 0), KindTruncated},
		"pixels past the end":  {patch(10, 0, 0, 0, 1), KindTruncated},
		"seven bits":           {patch(28, 7), KindDamaged},
		"runs of 24 bits":      {bmpFile(40, 24, bmpRLE8, 2, nil, make([]byte, 24)), KindDamaged},
		"a JPEG inside":        {bmpFile(40, 24, bmpJPEG, 2, nil, make([]byte, 24)), KindUnsupported},
		"masks that are cut":   {bmpFile(40, 32, bmpFields, 2, nil, nil), KindTruncated},
		"runs without an end":  {bmpFile(40, 8, bmpRLE8, 2, palette(256), []byte{4, 1, 0, 0}), KindTruncated},
		"a run that goes away": {bmpFile(40, 8, bmpRLE8, 2, palette(256), bytes.Repeat([]byte{0, 2, 9, 9}, 40)), KindDamaged},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(tt.data, "bmp", Options{MaxPixels: 1 << 28})
			wantKind(t, err, tt.kind)
		})
	}
}

func FuzzBMP(f *testing.F) {
	f.Add(bmpFile(40, 8, bmpRLE8, 2, palette(256), []byte{1, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 1}))
	f.Add(bmpFile(40, 4, bmpRLE4, 2, palette(16), []byte{2, 0x01, 2, 0x23, 0, 0, 0, 4, 0x12, 0x34, 0, 1}))
	f.Add(bmpFile(124, 32, bmpFields, 2, nil, longs(0, 0, 0, 0, 0, 0, 0, 0xFF000000)))
	f.Add(bmpFile(12, 24, 0, 2, nil, make([]byte, 24)))
	f.Fuzz(func(t *testing.T, data []byte) {
		raw, err := decodeBMP(data, 1<<20)
		if err == nil && len(raw.pix) != raw.width*raw.height*raw.bands {
			t.Errorf("%d bytes for %dx%d pixels of %d bands", len(raw.pix), raw.width, raw.height, raw.bands)
		}
	})
}
