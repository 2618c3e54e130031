package vips

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"slices"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
)

// picture has three flat fields and a gradient, in few enough colours for a palette.
func picture(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{R: uint8(x * 255 / w &^ 31), G: uint8(y * 255 / h &^ 63), B: 90, A: 255}
			if x < w/4 && y < h/4 {
				c = color.NRGBA{R: 250, G: 10, B: 20, A: 255} // the first corner, so that turns show
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

// rgb drops alpha from a picture's pixels.
func rgb(img *image.NRGBA) []byte {
	var out []byte
	for i := 0; i < len(img.Pix); i += 4 {
		out = append(out, img.Pix[i:i+3]...)
	}
	return out
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asGIF(t testing.TB, frames ...*image.NRGBA) []byte {
	t.Helper()
	g := &gif.GIF{}
	for _, f := range frames {
		var palette color.Palette
		for y := range f.Rect.Dy() {
			for x := range f.Rect.Dx() {
				if c := f.At(x, y); !slices.Contains(palette, c) {
					palette = append(palette, c)
				}
			}
		}
		p := image.NewPaletted(f.Rect, palette)
		for y := range f.Rect.Dy() {
			for x := range f.Rect.Dx() {
				p.Set(x, y, f.At(x, y))
			}
		}
		g.Image, g.Delay = append(g.Image, p), append(g.Delay, 10)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// saved is a picture written by libvips in a format that Go's library cannot write.
func saved(t testing.TB, img image.Image, format string) []byte {
	t.Helper()
	Startup()
	ref, err := vips.NewImageFromBuffer(asPNG(t, img))
	if err != nil {
		t.Fatal(err)
	}
	defer ref.Close()
	var out []byte
	switch format {
	case "tiff":
		out, _, err = ref.ExportTiff(vips.NewTiffExportParams())
	case "webp":
		p := vips.NewWebpExportParams()
		p.Lossless = true
		out, _, err = ref.ExportWebp(p)
	case "webp, lossy":
		out, _, err = ref.ExportWebp(vips.NewWebpExportParams())
	case "jxl":
		out, _, err = ref.ExportJxl(vips.NewJxlExportParams())
	case "jxl, lossless":
		p := vips.NewJxlExportParams()
		p.Lossless = true
		out, _, err = ref.ExportJxl(p)
	case "avif":
		out, _, err = ref.ExportAvif(vips.NewAvifExportParams())
	case "heic":
		out, _, err = ref.ExportHeif(vips.NewHeifExportParams())
	default:
		t.Fatalf("no writer for %q", format)
	}
	if err != nil {
		t.Fatalf("write %s: %v", format, err)
	}
	return out
}

// asBMP writes 24 bits a pixel, bottom row first.
func asBMP(img *image.NRGBA) []byte {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	stride := (w*3 + 3) &^ 3
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("BM"), uint32(54+stride*h))
	b = le.AppendUint32(le.AppendUint32(b, 0), 54)
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, 40), uint32(w)), uint32(h))
	b = le.AppendUint16(le.AppendUint16(b, 1), 24)
	b = append(b, make([]byte, 24)...)
	for y := h - 1; y >= 0; y-- {
		row := make([]byte, stride)
		for x := range w {
			c := img.NRGBAAt(x, y)
			row[x*3], row[x*3+1], row[x*3+2] = c.B, c.G, c.R
		}
		b = append(b, row...)
	}
	return b
}

// withChunk puts a chunk into a PNG, behind its header.
func withChunk(data []byte, name string, payload []byte) []byte {
	const afterIHDR = 8 + 25
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
	chunk = append(append(chunk, name...), payload...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	return slices.Concat(data[:afterIHDR], chunk, data[afterIHDR:])
}

// exifBlock is a TIFF header with one directory of one tag, the orientation.
func exifBlock(orientation uint16) []byte {
	b := []byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01")
	b = binary.BigEndian.AppendUint16(b, orientation)
	return append(b, 0, 0, 0, 0, 0, 0)
}

func decode(t *testing.T, data []byte, format string, o Options) *Image {
	t.Helper()
	img, err := Decode(data, format, o)
	if err != nil {
		t.Fatalf("decode %s: %v", format, err)
	}
	if len(img.Pix) != img.PixWidth*img.PixHeight*3 {
		t.Fatalf("got %d bytes for %dx%d pixels", len(img.Pix), img.PixWidth, img.PixHeight)
	}
	return img
}

func digest(t *testing.T, data []byte, format string) [32]byte {
	t.Helper()
	d, err := PixelDigest(data, format, Options{})
	if err != nil {
		t.Fatalf("digest of %s: %v", format, err)
	}
	return d
}

func wantKind(t *testing.T, err error, kind string) {
	t.Helper()
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != kind {
		t.Errorf("got error %v, want one that says %q", err, kind)
	}
}

func meanDifference(a, b []byte) float64 {
	if len(a) != len(b) {
		return 255
	}
	sum := 0
	for i := range a {
		sum += max(int(a[i])-int(b[i]), int(b[i])-int(a[i]))
	}
	return float64(sum) / float64(len(a))
}
