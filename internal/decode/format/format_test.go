package format

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
	"testing"
	"time"
)

func jpegOf(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		head string
		want Kind
	}{
		{"\xff\xd8\xff\xe0\x00\x10JFIF", JPEG},
		{"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", PNG},
		{"GIF89a\x01\x00", GIF},
		{"GIF88a\x01\x00", Unknown},
		{"RIFF\x00\x00\x00\x00WEBPVP8 ", WebP},
		{"RIFF\x00\x00\x00\x00WAVEfmt ", Unknown},
		{"BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00", BMP},
		{"BM is a motor company\x00\x00", Unknown},
		{"II*\x00\x08\x00\x00\x00", TIFF},
		{"MM\x00*\x00\x00\x00\x08", TIFF},
		{"II+\x00\x08\x00\x00\x00", TIFF},
		{"II*\x00\x10\x00\x00\x00CR\x02\x00", CR2},
		{"IIRO\x08\x00\x00\x00", ORF},
		{"IIU\x00\x18\x00\x00\x00", RW2},
		{"FUJIFILMCCD-RAW 0201", RAF},
		{"\x00MRM\x00\x00", MRW},
		{"FOVb\x00\x00", X3F},
		{"II\x1a\x00\x00\x00HEAPCCDR", CRW},
		{"\xff\x0a\x00", JXL},
		{"\x00\x00\x00\x0cJXL \r\n\x87\n", JXL},
		{"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", HEIC},
		{"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avifmiaf", AVIF},
		{"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1miaf", HEIC},
		{"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom", CR3},
		{"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42", Unknown},
		{"\xff\xff\xff\xffftypavif\x00\x00\x00\x00", AVIF},
		{"", Unknown},
		{"\xff", Unknown},
	} {
		if got := Detect([]byte(c.head)); got != c.want {
			t.Errorf("%q: got %q, want %q", c.head, got, c.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	for head, want := range map[string]string{
		"%PDF-1.4 xxxxxxxx":        "a PDF document",
		"<?xml version=\"1.0\"?>":  "an XML document",
		"<!doctype html><p>":       "a web page",
		"hello wörld, hello":       "text",
		"hello world, hello w\xc3": "text",
		"\x00\x00\x00\x00\x00\x00": "nothing but zero bytes",
		"\x01\x02\x03\x04\x05":     "of no known kind",
		"\xff\xd8":                 "cut off within its first bytes",
		"\xff\xd8\xffx"[:3]:        "of no known kind", // is JPEG: Detect's affair
		"\x00\x00\x00\x18ftypisom": "a video",
		"8BPS\x00\x01":             "a Photoshop document",
	} {
		if got, _ := Describe([]byte(head)); got != want && Detect([]byte(head)) == Unknown {
			t.Errorf("%q: got %q, want %q", head, got, want)
		}
	}
}

// tiffOf writes directories one after the other, each chained to the next.
func tiffOf(dirs ...[]Entry) []byte {
	le := binary.LittleEndian
	b := []byte("II*\x00\x08\x00\x00\x00")
	for i, d := range dirs {
		b = le.AppendUint16(b, uint16(len(d)))
		for _, e := range d {
			b = le.AppendUint16(b, e.Tag)
			b = le.AppendUint16(b, e.Type)
			b = le.AppendUint32(b, e.Count)
			b = append(b, append(bytes.Clone(e.Value), make([]byte, 4)...)[:4]...)
		}
		next := uint32(0)
		if i+1 < len(dirs) {
			next = uint32(len(b) + 4)
		}
		b = le.AppendUint32(b, next)
	}
	return b
}

func long(tag uint16, v uint32) Entry {
	return Entry{Tag: tag, Type: 4, Count: 1, Value: binary.LittleEndian.AppendUint32(nil, v)}
}

func word(tag uint16, s string) Entry {
	return Entry{Tag: tag, Type: 2, Count: uint32(len(s)), Value: []byte(s)}
}

func TestTIFFKind(t *testing.T) {
	sensor := []Entry{long(tagWidth, 6000), long(tagHeight, 4000), long(tagPhotometric, 32803)}
	plain := []Entry{long(tagWidth, 60), long(tagHeight, 40), long(tagPhotometric, 2)}
	for _, c := range []struct {
		name string
		data []byte
		want Kind
	}{
		{"a.tif", tiffOf(plain), TIFF},
		{"a.tif", tiffOf([]Entry{word(tagMake, "SONY"), long(tagWidth, 5)}), TIFF}, // a developed photo keeps the camera's name
		{"a.tif", tiffOf([]Entry{long(tagDNGVersion, 0x0401)}), DNG},
		{"a.nef", tiffOf(append([]Entry{word(tagMake, "NIKO")}, plain...)), NEF},
		{"a.nef", tiffOf(plain), TIFF}, // a name alone is nothing
		{"a.tif", tiffOf([]Entry{word(tagMake, "SONY")}, sensor), ARW},
		{"a.xyz", tiffOf(sensor), RAW},
		{"a.arw", tiffOf([]Entry{word(tagMake, "SONY")}), ARW},
		{"a.tif", []byte("II+\x00"), TIFF},
	} {
		if got := TIFFKind(c.data, c.name); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if w, h := Declared(tiffOf(plain, sensor)); w != 6000 || h != 4000 {
		t.Errorf("declared %d x %d", w, h)
	}
	if w, h := Declared(jpegOf(t, 8, 8)); w != 0 || h != 0 {
		t.Errorf("a JPEG declares %d x %d", w, h)
	}
}

func TestPreviewsLargestFirst(t *testing.T) {
	lossless := bytes.Replace(jpegOf(t, 4000, 3000)[:700], []byte{0xff, 0xc0}, []byte{0xff, 0xc3}, 1)
	data := []byte("FUJIFILMCCD-RAW ")
	data = append(data, jpegOf(t, 160, 120)...)
	data = append(data, "\xff\xd8\xff\x00 no picture \xff\xd8\xff\xe0\x00"...)
	data = append(data, lossless...)
	want := len(data)
	data = append(data, jpegOf(t, 640, 480)...)
	got := Previews(data)
	if len(got) != 2 || got[0] != (Preview{want, 640, 480}) || got[1].Width != 160 {
		t.Errorf("got %+v", got)
	}
}

// The tiles of a lossy DNG are ordinary JPEG, but no preview.
func TestSensorDataIsNoPreview(t *testing.T) {
	tile, preview := jpegOf(t, 1024, 1024), jpegOf(t, 256, 170)
	at := uint32(len(tiffOf([]Entry{long(tagDNGVersion, 1)}, make([]Entry, 3))))
	data := tiffOf([]Entry{long(tagDNGVersion, 1)}, []Entry{long(tagPhotometric, 34892), long(tagTileOffsets, at), long(tagTileCounts, uint32(len(tile)))})
	data = append(data, tile...)
	data = append(data, preview...)
	if got := Previews(data); len(got) != 1 || got[0].Width != 256 {
		t.Errorf("got %+v", got)
	}
}

func TestFindJPEG(t *testing.T) {
	j := jpegOf(t, 20, 10)
	if i, ok := FindJPEG(append([]byte("garbage\xff\xd8\xff\xe0"), j...)); !ok || i != 11 {
		t.Errorf("got %d, %v", i, ok)
	}
	if _, ok := FindJPEG(append(make([]byte, 100_000), j...)); ok {
		t.Error("found too far in")
	}
	if w, h := JPEGSize(j); w != 20 || h != 10 {
		t.Errorf("size %d x %d", w, h)
	}
}

// Files made to waste time are done with in time: many starts, long chains, loops.
func TestHostileFilesEnd(t *testing.T) {
	chain := append([]byte("\xff\xd8"), bytes.Repeat([]byte("\xff\xe0\x00\x02"), 1<<20)...)
	starts := bytes.Repeat([]byte("\xff\xd8\xff\xe1\x00\x04xx"), 1<<20)
	loop := []byte("II*\x00\x08\x00\x00\x00\x00\x00\x0e\x00\x00\x00\x00\x00\x08\x00\x00\x00")
	start := time.Now()
	for _, b := range [][]byte{chain, starts, loop, append(loop, starts...)} {
		Previews(b)
		FindJPEG(b)
		EXIFBlocks(b)
		TIFFKind(b, "a.nef")
		Declared(b)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
}

func FuzzFormat(f *testing.F) {
	f.Add(jpegOf(f, 20, 10))
	f.Add(tiffOf([]Entry{word(tagMake, "NIKO"), long(tagSubIFDs, 8)}, []Entry{long(tagPhotometric, 32803), long(tagStripOffsets, 8), long(tagStripCounts, 9)}))
	f.Add([]byte("\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom\x00\x00\x00\x20CMT1II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x00MRM\x00\x00\x00\x10\x00TTW\x00\x00\x00\x08II*\x00\x08\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		Detect(b)
		if text, _ := Describe(b); text == "" {
			t.Fatal("no description")
		}
		if i, ok := FindJPEG(b); ok && (i < 0 || i >= len(b)) {
			t.Fatalf("JPEG at %d of %d", i, len(b))
		}
		last := 1 << 60
		for _, p := range Previews(b) {
			if p.Offset < 0 || p.Offset+4 > len(b) || p.Width < 1 || p.Height < 1 || p.Width*p.Height > last {
				t.Fatalf("preview %+v of %d bytes", p, len(b))
			}
			last = p.Width * p.Height
		}
		for _, e := range EXIFBlocks(b) {
			if len(e) > len(b) {
				t.Fatal("a block longer than the file")
			}
		}
		GPSBlock(b)
		if k := TIFFKind(b, "x.arw"); k != TIFF && !k.IsRaw() {
			t.Fatalf("kind %q", k)
		}
		if w, h := Declared(b); w < 0 || h < 0 || w >= 1<<17 || h >= 1<<17 {
			t.Fatalf("declared %d x %d", w, h)
		}
	})
}
