package turbo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// picture has edges, gradients and noise, so that its coded data is long and no two blocks are alike.
func picture(w, h int) *image.RGBA {
	r := rand.New(rand.NewPCG(1, 2))
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{R: uint8(x * 255 / w), G: uint8(y * 255 / h), B: uint8(128 + r.IntN(40)), A: 255}
			if (x/37+y/23)%5 == 0 {
				c.R, c.G = 255-c.R, 255-c.G
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

func encode(t testing.TB, img image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// insert puts bytes before the first marker of that code.
func insert(t testing.TB, data []byte, marker byte, more []byte) []byte {
	t.Helper()
	at := bytes.Index(data, []byte{0xFF, marker})
	if marker == markerEOI {
		at = bytes.LastIndex(data, []byte{0xFF, marker})
	}
	if at < 0 {
		t.Fatalf("no marker %#x", marker)
	}
	return slices.Concat(data[:at], more, data[at:])
}

// appSegment is a whole segment with its marker and length.
func appSegment(marker byte, payload ...[]byte) []byte {
	body := slices.Concat(payload...)
	return append(binary.BigEndian.AppendUint16([]byte{0xFF, marker}, uint16(len(body)+2)), body...)
}

func wantKind(t *testing.T, err error, kinds ...string) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || !slices.Contains(kinds, e.Kind) {
		t.Errorf("got error %v, want one of %v", err, kinds)
	}
}

func TestDecodeChoosesTheScale(t *testing.T) {
	tests := []struct {
		name                     string
		w, h, wantPixW, wantPixH int
	}{
		{"eighth", 776, 768, 97, 96},
		{"one side too short for an eighth", 776, 760, 194, 190},
		{"half", 200, 300, 100, 150},
		{"full", 191, 300, 191, 300},
		{"smaller than a tile", 40, 30, 40, 30},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img, err := Decode(encode(t, picture(tt.w, tt.h), 75), Options{TileSize: 64, MinScaleTiles: 1.5})
			if err != nil {
				t.Fatal(err)
			}
			if img.Width != tt.w || img.Height != tt.h || img.PixWidth != tt.wantPixW || img.PixHeight != tt.wantPixH {
				t.Errorf("got %dx%d as %dx%d, want %dx%d as %dx%d", img.Width, img.Height, img.PixWidth, img.PixHeight,
					tt.w, tt.h, tt.wantPixW, tt.wantPixH)
			}
			if len(img.Pix) != img.PixWidth*img.PixHeight*3 {
				t.Errorf("got %d bytes of pixels", len(img.Pix))
			}
		})
	}
}

func TestDecodePixels(t *testing.T) {
	src := picture(200, 150)
	img, err := Decode(encode(t, src, 95), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var sum int
	for i := range 200 * 150 {
		for c := range 3 {
			sum += abs(int(img.Pix[i*3+c]) - int(src.Pix[i*4+c]))
		}
	}
	if mean := float64(sum) / float64(len(img.Pix)); mean > 6 {
		t.Errorf("mean difference from the picture is %.1f grey levels", mean)
	}
}

func TestDecodeGreyAndProgressive(t *testing.T) {
	grey := image.NewGray(image.Rect(0, 0, 50, 40))
	for i := range grey.Pix {
		grey.Pix[i] = uint8(i)
	}
	img, err := Decode(encode(t, grey, 90), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if img.Progressive || len(img.Pix) != 50*40*3 || img.Pix[0] != img.Pix[1] || img.Pix[1] != img.Pix[2] {
		t.Errorf("grey picture came as %+v", img)
	}
	img, err = Decode(readFile(t, "testdata/progressive.jpg"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !img.Progressive || img.Width != 128 || img.Height != 96 || img.Quality != 80 {
		t.Errorf("got progressive %v, %dx%d, quality %d", img.Progressive, img.Width, img.Height, img.Quality)
	}
}

func TestDecodeRefusesEveryCut(t *testing.T) {
	for _, data := range [][]byte{encode(t, picture(100, 80), 80), readFile(t, "testdata/progressive.jpg")} {
		for n := 0; n < len(data); n += 1 + n/40 {
			if _, err := Decode(data[:n], Options{}); err == nil {
				t.Errorf("cut to %d of %d bytes: no error", n, len(data))
			} else {
				wantKind(t, err, KindTruncated)
			}
		}
		_, err := Decode(data[:len(data)-1], Options{})
		wantKind(t, err, KindTruncated)
	}
}

func TestDecodeAcceptsHarmlessBytes(t *testing.T) {
	data := encode(t, picture(100, 80), 80)
	want, err := Decode(data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 3000)
	for i := range random {
		random[i] = uint8(rand.IntN(255)) // never 0xFF, which would begin a marker
	}
	tests := map[string][]byte{
		"stray bytes before a table":  insert(t, data, 0xDB, random[:14]),
		"a few before the end marker": insert(t, data, markerEOI, random[:20]),
		"padding before the end":      insert(t, data, markerEOI, make([]byte, 500)),
		"fill bytes":                  insert(t, data, 0xC4, []byte{0xFF, 0xFF}),
		"rest behind the end":         slices.Concat(data, random),
		"a second picture behind it":  slices.Concat(data, data),
		"an unknown segment":          insert(t, data, 0xDB, appSegment(0xE7, random[:100])),
	}
	for name, with := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Decode(with, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Pix, want.Pix) {
				t.Error("other pixels")
			}
		})
	}
}

func TestDecodeRefusesDamage(t *testing.T) {
	data := encode(t, picture(300, 200), 80)
	sos := bytes.Index(data, []byte{0xFF, markerSOS})
	leftOver := slices.Clone(data[sos+200 : sos+400])
	for i, c := range leftOver {
		if c == 0xFF {
			leftOver[i] = 0
		}
	}
	tests := map[string]struct {
		data []byte
		kind string
	}{
		"coded data left over":         {insert(t, data, markerEOI, leftOver), KindDamaged},
		"end marker in the coded data": {slices.Concat(data[:sos+2000], []byte{0xFF, markerEOI}), KindDamaged},
		"no quantisation table":        {slices.Concat(data[:2], data[bytes.Index(data, []byte{0xFF, 0xC0}):]), KindDamaged},
		"not a JPEG":                   {[]byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), KindDamaged},
		"CMYK":                         {readFile(t, "testdata/cmyk.jpg"), KindCMYK},
		"12 bits":                      {patchSOF(t, data, 0, 12), KindUnsupported},
		"no height":                    {patchSOF(t, data, 1, 0, 0), KindDamaged},
		"a size that cannot be":        {patchSOF(t, data, 1, 0xEA, 0x60, 0xEA, 0x60), KindTruncated},
		"over the library's limit":     {patchSOF(t, data, 1, 0xFF, 0xFF, 0xFF, 0xFF), KindTooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(tt.data, Options{TileSize: 64, MinScaleTiles: 1.5})
			wantKind(t, err, tt.kind)
		})
	}
}

// patchSOF overwrites bytes of the frame header: precision, height, width.
func patchSOF(t testing.TB, data []byte, at int, with ...byte) []byte {
	t.Helper()
	out := slices.Clone(data)
	sof := bytes.Index(out, []byte{0xFF, 0xC0})
	if sof < 0 {
		t.Fatal("no frame header")
	}
	copy(out[sof+4+at:], with)
	return out
}

func TestDecodeLimits(t *testing.T) {
	data := encode(t, picture(300, 200), 80)
	if _, err := Decode(data, Options{MaxPixels: 60000}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	_, err := Decode(data, Options{MaxPixels: 59999})
	wantKind(t, err, KindTooLarge)

	progressive := readFile(t, "testdata/progressive.jpg")
	_, err = decode(progressive, Options{}, 5)
	wantKind(t, err, KindDamaged)
	if _, err = decode(progressive, Options{}, 10); err != nil {
		t.Errorf("ten scans: %v", err)
	}
}

func TestDecodeSurvivesFlippedBits(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, data := range [][]byte{encode(t, picture(100, 80), 80), readFile(t, "testdata/progressive.jpg")} {
		refused := 0
		for range 400 {
			bad := slices.Clone(data)
			for range 1 + r.IntN(3) {
				bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
			}
			if _, err := Decode(bad, Options{TileSize: 32, MinScaleTiles: 1, MaxPixels: 1 << 24}); err != nil {
				refused++
			}
		}
		if refused == 0 {
			t.Error("no damage was noticed")
		}
	}
}

func TestQuality(t *testing.T) {
	for _, q := range []int{1, 10, 49, 50, 75, 90, 95, 100} {
		img, err := Decode(encode(t, picture(64, 64), q), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if img.Quality != q {
			t.Errorf("quality %d was taken for %d", q, img.Quality)
		}
	}
}

func TestMetadata(t *testing.T) {
	data := encode(t, picture(64, 64), 80)
	exif := []byte("Exif\x00\x00II*\x00\x08\x00\x00\x00")
	chunk := func(number, count byte, part string) []byte {
		return appSegment(markerAPP2, iccHeader, []byte{number, count}, []byte(part))
	}
	tests := []struct {
		name     string
		segments [][]byte
		wantEXIF bool
		wantICC  string
	}{
		{"none", nil, false, ""},
		{"EXIF after XMP", [][]byte{appSegment(markerAPP1, []byte("http://ns.adobe.com/xap/1.0/\x00<x/>")), appSegment(markerAPP1, exif)}, true, ""},
		{"profile in three, out of order", [][]byte{chunk(2, 3, "bb"), chunk(3, 3, "c"), chunk(1, 3, "aa")}, false, "aabbc"},
		{"a part missing", [][]byte{chunk(1, 3, "aa"), chunk(3, 3, "c")}, false, ""},
		{"a part twice", [][]byte{chunk(1, 2, "aa"), chunk(1, 2, "aa")}, false, ""},
		{"a number past the count", [][]byte{chunk(1, 1, "aa"), chunk(2, 1, "b")}, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img, err := Decode(insert(t, data, 0xDB, slices.Concat(tt.segments...)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := bytes.Equal(img.EXIF, exif); got != tt.wantEXIF {
				t.Errorf("got EXIF %q", img.EXIF)
			}
			if string(img.ICC) != tt.wantICC {
				t.Errorf("got profile %q, want %q", img.ICC, tt.wantICC)
			}
		})
	}
}

func TestEncodeThumb(t *testing.T) {
	src := picture(224, 150)
	pix := make([]byte, 0, 224*150*3)
	for i := range 224 * 150 {
		pix = append(pix, src.Pix[i*4:i*4+3]...)
	}
	thumb, err := EncodeThumb(pix, 224, 150, 80)
	if err != nil {
		t.Fatal(err)
	}
	back, err := jpeg.Decode(bytes.NewReader(thumb))
	if err != nil {
		t.Fatal(err)
	}
	if back.Bounds().Dx() != 224 || back.Bounds().Dy() != 150 {
		t.Errorf("got %v", back.Bounds())
	}
	if _, err := EncodeThumb(pix[1:], 224, 150, 80); err == nil {
		t.Error("too few pixels: no error")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, picture(24, 20), 60))
	f.Add(readFile(f, "testdata/progressive.jpg"))
	f.Add(readFile(f, "testdata/cmyk.jpg"))
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := Decode(data, Options{TileSize: 16, MinScaleTiles: 1.5, MaxPixels: 1 << 20})
		if err != nil {
			return
		}
		if len(img.Pix) != img.PixWidth*img.PixHeight*3 {
			t.Errorf("%d bytes for %dx%d pixels", len(img.Pix), img.PixWidth, img.PixHeight)
		}
		_, _ = CodedDigest(data) // for the crash only
	})
}

// The last column of a picture of 777 pixels at an eighth stands for one pixel, not for eight.
func TestTileOfAPartialPixel(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 777, 777))
	for i := range img.Pix {
		img.Pix[i] = uint8(i % 777 * 255 / 776) // from black on the left to white on the right
	}
	data := encode(t, img, 95)
	full, err := Decode(data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	small, err := Decode(data, Options{TileSize: 64, MinScaleTiles: 1.5})
	if err != nil {
		t.Fatal(err)
	}
	if full.Scale != 1 || small.Scale != 8 || small.PixWidth != 98 {
		t.Fatalf("got scales %d and %d, %d pixels wide", full.Scale, small.Scale, small.PixWidth)
	}
	want := full.Tile(1, 64, 64)
	off := func(tile []byte) (sum int) {
		for i := range tile {
			sum += abs(int(tile[i]) - int(want[i]))
		}
		return sum
	}
	exact, rounded := off(small.Tile(1, 64, 64)), off(Resample(small.Pix, 98, 98, 1, 64, 64))
	if exact*2 > rounded || exact > len(want)/2 {
		t.Errorf("%d grey levels off over %d values, %d by whole pixels", exact, len(want), rounded)
	}
}
