package scan

import "testing"

func TestIsPhotoExt(t *testing.T) {
	for name, want := range map[string]bool{
		"a.jpg": true, "a.JPEG": true, "a.b.HeIc": true, ".jpg": true, "x.CR3": true, "a.avifs": true,
		"jpg": false, "a.": false, "a": false, "": false, "a.jpgx": false, "a.mov": false, "a.xmp": false, "a.jpg.xmp": false, "a.toolong": false, "a.jp\x00": false,
	} {
		if got := IsPhotoExt(name); got != want {
			t.Errorf("%q: got %v", name, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { IsPhotoExt("IMG_0001.JPG") }); n != 0 {
		t.Errorf("%v allocations a name", n)
	}
}

func TestSniff(t *testing.T) {
	ftyp := func(brands string) string { return "\x00\x00\x00" + string(rune(8+len(brands))) + "ftyp" + brands }
	bmp := "BM\x00\x01\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00"
	for name, c := range map[string]struct {
		first string
		want  bool
	}{
		"jpeg":                   {"\xff\xd8\xff\xe1", true},
		"png":                    {"\x89PNG\r\n\x1a\n\x00\x00", true},
		"gif":                    {"GIF89a\x01\x00", true},
		"webp":                   {"RIFF\x10\x00\x00\x00WEBPVP8 ", true},
		"bmp":                    {bmp, true},
		"tiff":                   {"II*\x00\x08\x00\x00\x00", true},
		"big tiff":               {"MM\x00+\x00\x08\x00\x00", true},
		"heic":                   {ftyp("heic\x00\x00\x00\x00mif1heic"), true},
		"avif":                   {ftyp("avif\x00\x00\x00\x00avifmif1"), true},
		"heif by compatibility":  {ftyp("XXXX\x00\x00\x00\x00zzzzmif1"), true},
		"cr3":                    {ftyp("crx \x00\x00\x00\x01crx isom"), true},
		"jxl":                    {"\xff\x0a\xfa\x7f", true},
		"jxl box":                {"\x00\x00\x00\x0cJXL \r\n\x87\n", true},
		"raf":                    {"FUJIFILMCCD-RAW 0201", true},
		"rw2":                    {"IIU\x00\x18\x00\x00\x00", true},
		"orf":                    {"IIRO\x08\x00\x00\x00", true},
		"crw":                    {"II\x1a\x00\x00\x00HEAPCCDR", true},
		"mrw":                    {"\x00MRM\x00\x00", true},
		"x3f":                    {"FOVb\x00\x00", true},
		"empty":                  {"", false},
		"short":                  {"\xff\xd8", false},
		"text that begins as BM": {"BMW R 80, 1985: to be sold", false},
		"wav":                    {"RIFF\x10\x00\x00\x00WAVEfmt ", false},
		"mov":                    {ftyp("qt  \x00\x00\x00\x00qt  "), false},
		"mp4 that claims mif1":   {ftyp("isom\x00\x00\x00\x00mif1"), false},
		"3gp":                    {ftyp("3gp5\x00\x00\x00\x00heic"), false},
		"ftyp with a huge size":  {"\xff\xff\xff\xffftypXXXX\x00\x00\x00\x00zzzz", false},
		"pdf":                    {"%PDF-1.7", false},
		"svg":                    {"<svg xmlns=", false},
		"xmp":                    {"<x:xmpmeta", false},
	} {
		if got := Sniff([]byte(c.first)); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
