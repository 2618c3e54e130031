package vips

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"os"
	"slices"
	"testing"
)

// everyFormat is one picture in each, with the largest mean difference that its coding may make.
func everyFormat(t testing.TB, img *image.NRGBA) []struct {
	name, format string
	data         []byte
	tolerance    float64
} {
	t.Helper()
	return []struct {
		name, format string
		data         []byte
		tolerance    float64
	}{
		{"png", "png", asPNG(t, img), 0},
		{"tiff", "tiff", saved(t, img, "tiff"), 0},
		{"webp lossless", "webp", saved(t, img, "webp"), 0},
		{"gif", "gif", asGIF(t, img), 0},
		{"bmp", "bmp", asBMP(img), 0},
		{"jxl lossless", "jxl", saved(t, img, "jxl, lossless"), 0},
		{"jxl", "jxl", saved(t, img, "jxl"), 3},
		{"webp", "webp", saved(t, img, "webp, lossy"), 6},
		{"avif", "avif", saved(t, img, "avif"), 4},
		{"heic", "heic", saved(t, img, "heic"), 4},
		{"jpeg", "jpeg", asJPEG(t, img), 6},
	}
}

func TestDecodeEveryFormat(t *testing.T) {
	img := picture(96, 64)
	want := rgb(img)
	for _, f := range everyFormat(t, img) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			got := decode(t, f.data, f.format, Options{TileSize: 224})
			if got.Width != 96 || got.Height != 64 || got.PixWidth != 96 || got.PixHeight != 64 || got.Format != f.format {
				t.Errorf("got %s of %dx%d as %dx%d", got.Format, got.Width, got.Height, got.PixWidth, got.PixHeight)
			}
			if diff := meanDifference(got.Pix, want); diff > f.tolerance {
				t.Errorf("mean difference %.2f, want at most %.2f", diff, f.tolerance)
			}
		})
	}
}

func TestDecodeRefusesEveryCut(t *testing.T) {
	img := picture(96, 64)
	for _, f := range everyFormat(t, img) {
		t.Run(f.name, func(t *testing.T) {
			n := len(f.data)
			for _, keep := range []int{0, 1, 11, n / 10, n / 3, n / 2, n * 3 / 4, n * 9 / 10, n - 20, n - 1} {
				if f.format == "tiff" && keep == n-1 {
					continue // the last byte of libvips' TIFF files is padding that no tag needs
				}
				if _, err := Decode(f.data[:keep], f.format, Options{}); err == nil {
					t.Errorf("cut to %d of %d bytes: no error", keep, n)
				}
			}
		})
	}
}

func TestDecodeRefusesDamage(t *testing.T) {
	whole := asPNG(t, picture(96, 64))
	badCRC := slices.Clone(whole)
	badCRC[bytes.Index(whole, []byte("IDAT"))+40] ^= 0xFF
	tests := []struct {
		name, format string
		data         []byte
		kind         string
	}{
		{"bad checksum", "png", badCRC, KindDamaged},
		{"other format's bytes", "webp", whole, KindTruncated}, // its length field says so
		{"other format's bytes, TIFF", "tiff", whole, KindDamaged},
		{"SVG is not read", "svg", []byte("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"), KindUnsupported},
		{"SVG under another name", "png", []byte("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"), KindTruncated},
		{"PDF under another name", "bmp", []byte("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>"), KindDamaged},
		{"nothing", "png", nil, KindTruncated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode(tt.data, tt.format, Options{})
			wantKind(t, err, tt.kind)
		})
	}
}

func TestDecodeLimits(t *testing.T) {
	for _, f := range everyFormat(t, picture(96, 64)) {
		t.Run(f.name, func(t *testing.T) {
			_, err := Decode(f.data, f.format, Options{MaxPixels: 96*64 - 1})
			wantKind(t, err, KindTooLarge)
			decode(t, f.data, f.format, Options{MaxPixels: 96 * 64})
		})
	}
}

func TestDecodeShrinksLargePictures(t *testing.T) {
	tests := []struct {
		w, h, tile, wantW, wantH int
	}{
		{799, 600, 50, 266, 200},
		{399, 399, 50, 399, 399},
		{600, 799, 50, 200, 266},
		{20000, 60, 4, 6667, 20}, // squashed along the long side as well, so that memory stays bounded
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%dx%d", tt.w, tt.h), func(t *testing.T) {
			img := image.NewNRGBA(image.Rect(0, 0, tt.w, tt.h))
			for i := range img.Pix {
				img.Pix[i] = 200
				if i%4 == 3 {
					img.Pix[i] = 255
				}
			}
			got := decode(t, asPNG(t, img), "png", Options{TileSize: tt.tile})
			if got.Width != tt.w || got.Height != tt.h || got.PixWidth != tt.wantW || got.PixHeight != tt.wantH {
				t.Errorf("got %dx%d as %dx%d, want %dx%d", got.Width, got.Height, got.PixWidth, got.PixHeight, tt.wantW, tt.wantH)
			}
			if !bytes.Equal(got.Pix, bytes.Repeat([]byte{200}, len(got.Pix))) {
				t.Error("a flat picture did not stay flat")
			}
		})
	}
}

func TestDecodeAlphaOnWhite(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 3, 1))
	img.SetNRGBA(0, 0, color.NRGBA{R: 10, G: 20, B: 30, A: 255})
	img.SetNRGBA(1, 0, color.NRGBA{R: 10, G: 20, B: 30, A: 0})
	img.SetNRGBA(2, 0, color.NRGBA{R: 0, G: 0, B: 0, A: 127})
	want := []byte{10, 20, 30, 255, 255, 255, 128, 128, 128}
	for _, format := range []string{"png", "tiff"} {
		data := asPNG(t, img)
		if format == "tiff" {
			data = saved(t, img, format)
		}
		if got := decode(t, data, format, Options{}); meanDifference(got.Pix, want) > 1 {
			t.Errorf("%s: got %v, want %v", format, got.Pix, want)
		}
	}
}

// The file is turbo's: red grows to the right, green downwards.
func TestDecodeCMYK(t *testing.T) {
	data, err := os.ReadFile("../turbo/testdata/cmyk.jpg")
	if err != nil {
		t.Fatal(err)
	}
	got := decode(t, data, "jpeg", Options{})
	if got.Width != 32 || got.Height != 24 {
		t.Fatalf("got %dx%d, want 32x24", got.Width, got.Height)
	}
	for _, tt := range []struct{ x, y, red, green int }{{0, 0, 0, 0}, {31, 0, 250, 0}, {0, 23, 0, 186}, {31, 23, 250, 186}} {
		p := got.Pix[(tt.y*32+tt.x)*3:]
		if want := []byte{byte(tt.red), byte(tt.green)}; meanDifference(p[:2], want) > 20 {
			t.Errorf("at %d,%d: got %v, want about %v", tt.x, tt.y, p[:2], want)
		}
	}
}

func TestDecodeDepths(t *testing.T) {
	img := picture(40, 30)
	deep, grey, grey16 := image.NewNRGBA64(img.Rect), image.NewGray(img.Rect), image.NewGray16(img.Rect)
	for y := range 30 {
		for x := range 40 {
			deep.Set(x, y, img.At(x, y))
			grey.Set(x, y, img.At(x, y))
			grey16.SetGray16(x, y, color.Gray16{Y: uint16(grey.GrayAt(x, y).Y) * 257})
		}
	}
	if got := decode(t, asPNG(t, deep), "png", Options{}); !bytes.Equal(got.Pix, rgb(img)) {
		t.Error("16 bits: other pixels than 8 bits")
	}
	one := decode(t, asPNG(t, grey), "png", Options{})
	if one.Pix[0] != one.Pix[1] || one.Pix[1] != one.Pix[2] || one.Pix[0] != grey.Pix[0] {
		t.Errorf("grey: got %v, want %d", one.Pix[:3], grey.Pix[0])
	}
	if two := decode(t, asPNG(t, grey16), "png", Options{}); !bytes.Equal(one.Pix, two.Pix) {
		t.Error("16 bits of grey: other pixels than 8 bits")
	}
}

func TestDecodeFirstFrame(t *testing.T) {
	first, second := picture(30, 20), image.NewNRGBA(image.Rect(0, 0, 30, 20))
	got := decode(t, asGIF(t, first, second), "gif", Options{})
	if got.Height != 20 || !bytes.Equal(got.Pix, rgb(first)) {
		t.Errorf("got %dx%d, not the first frame", got.Width, got.Height)
	}
}

// turned is img as a camera would store it that says it has to be turned by that orientation.
func turned(img *image.NRGBA, orientation int) *image.NRGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	if orientation >= 5 {
		out = image.NewNRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			sx, sy := x, y
			switch orientation {
			case 2:
				sx = w - 1 - x
			case 3:
				sx, sy = w-1-x, h-1-y
			case 4:
				sy = h - 1 - y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, w-1-x
			case 7:
				sx, sy = h-1-y, w-1-x
			case 8:
				sx, sy = h-1-y, x
			}
			out.SetNRGBA(sx, sy, img.NRGBAAt(x, y))
		}
	}
	return out
}

func TestDecodeTurnsUpright(t *testing.T) {
	img := picture(40, 24)
	plain := digest(t, asPNG(t, img), "png")
	for orientation := 1; orientation <= 8; orientation++ {
		t.Run(fmt.Sprint(orientation), func(t *testing.T) {
			data := withChunk(asPNG(t, turned(img, orientation)), "eXIf", exifBlock(uint16(orientation)))
			got := decode(t, data, "png", Options{})
			if got.Width != 40 || got.Height != 24 || !bytes.Equal(got.Pix, rgb(img)) {
				t.Errorf("got %dx%d, not upright", got.Width, got.Height)
			}
			if digest(t, data, "png") != plain {
				t.Error("another digest than the upright file")
			}
			if !bytes.Equal(got.EXIF, exifBlock(uint16(orientation))) {
				t.Errorf("got EXIF %q", got.EXIF)
			}
		})
	}
}

func TestOrientation(t *testing.T) {
	tests := map[string]struct {
		exif []byte
		want int
	}{
		"none":           {nil, 1},
		"three":          {exifBlock(3), 3},
		"with a prefix":  {append([]byte("Exif\x00\x00"), exifBlock(6)...), 6},
		"little-endian":  {[]byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x08\x00\x00\x00"), 8},
		"out of range":   {exifBlock(9), 1},
		"cut":            {exifBlock(6)[:15], 1},
		"past the end":   {[]byte("MM\x00*\xFF\xFF\xFF\xFF\x00\x01\x01\x12"), 1},
		"another type":   {bytes.Replace(exifBlock(6), []byte{1, 0x12, 0, 3}, []byte{1, 0x12, 0, 4}, 1), 1},
		"no TIFF header": {[]byte("Exif\x00\x00garbage garbage"), 1},
		"65535 entries":  {[]byte("MM\x00*\x00\x00\x00\x08\xFF\xFF\x01\x13\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"), 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Orientation(tt.exif); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestFormats(t *testing.T) {
	got := Formats()
	for _, format := range []string{"jpeg", "png", "webp", "tiff", "gif", "bmp", "heic", "avif", "jxl"} {
		if ok, known := got[format]; !ok || !known {
			t.Errorf("%s: readable %v, known %v", format, ok, known)
		}
	}
	if len(got) != 9 {
		t.Errorf("got %d formats, want 9", len(got))
	}
}
