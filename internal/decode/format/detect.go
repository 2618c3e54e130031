package format

import (
	"bytes"
	"encoding/binary"
	"path"
	"strings"
	"unicode/utf8"
)

// Kind is a kind of file: a photo's format, or Unknown, or one of those that are known not to be decodable.
type Kind string

// The kinds.
const (
	Unknown Kind = ""
	JPEG    Kind = "jpeg"
	PNG     Kind = "png"
	WebP    Kind = "webp"
	TIFF    Kind = "tiff"
	GIF     Kind = "gif"
	BMP     Kind = "bmp"
	HEIC    Kind = "heic"
	AVIF    Kind = "avif"
	JXL     Kind = "jxl"
	CR2     Kind = "cr2"
	CR3     Kind = "cr3"
	CRW     Kind = "crw"
	NEF     Kind = "nef"
	ARW     Kind = "arw"
	ORF     Kind = "orf"
	RW2     Kind = "rw2"
	RAF     Kind = "raf"
	DNG     Kind = "dng"
	MRW     Kind = "mrw"
	X3F     Kind = "x3f"
	PEF     Kind = "pef"
	SRW     Kind = "srw"
	RAW     Kind = "raw" // a raw format of another maker
)

// HeadBytes is how much of a file's beginning Detect wants to see.
const HeadBytes = 64 << 10

// IsRaw says whether the kind is a camera's raw format.
func (k Kind) IsRaw() bool {
	switch k {
	case CR2, CR3, CRW, NEF, ARW, ORF, RW2, RAF, DNG, MRW, X3F, PEF, SRW, RAW:
		return true
	}
	return false
}

// magics are the kinds whose first bytes are fixed.
var magics = []struct {
	kind  Kind
	magic string
}{
	{JPEG, "\xff\xd8\xff"},
	{PNG, "\x89PNG\r\n\x1a\n"},
	{GIF, "GIF87a"},
	{GIF, "GIF89a"},
	{JXL, "\xff\x0a"},
	{JXL, "\x00\x00\x00\x0cJXL \r\n\x87\n"},
	{CRW, "II\x1a\x00\x00\x00HEAPCCDR"},
	{CR2, "II*\x00\x10\x00\x00\x00CR"},
	{ORF, "IIRO"},
	{ORF, "IIRS"},
	{ORF, "MMOR"},
	{RW2, "IIU\x00"},
	{RAF, "FUJIFILMCCD-RAW"},
	{MRW, "\x00MRM"},
	{X3F, "FOVb"},
	{TIFF, "II*\x00"},
	{TIFF, "MM\x00*"},
	{TIFF, "II+\x00"}, // BigTIFF
	{TIFF, "MM\x00+"},
}

// Detect tells the kind by the first bytes. TIFF may turn out to be raw: ask TIFFKind once the whole file is read.
func Detect(head []byte) Kind {
	for _, m := range magics {
		if len(head) >= len(m.magic) && string(head[:len(m.magic)]) == m.magic {
			return m.kind
		}
	}
	switch {
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return WebP
	case isBMP(head):
		return BMP
	}
	return isoKind(head)
}

// isBMP wants more than the two letters that begin a BMP: the header's length must be one that exists.
func isBMP(head []byte) bool {
	if len(head) < 18 || head[0] != 'B' || head[1] != 'M' {
		return false
	}
	switch binary.LittleEndian.Uint32(head[14:]) {
	case 12, 16, 40, 52, 56, 64, 108, 124:
		return true
	}
	return false
}

// isoKind reads the brands of an ISO base media file: the major one, then the compatible ones, because mif1 alone says
// only that there is a picture.
func isoKind(head []byte) Kind {
	if len(head) < 16 || string(head[4:8]) != "ftyp" {
		return Unknown
	}
	size := binary.BigEndian.Uint32(head)
	if size < 16 || uint64(size) > uint64(len(head)) {
		size = min(uint32(len(head)), 64)
	}
	brands := []string{string(head[8:12])}
	for i := 16; i+4 <= int(size) && len(brands) < 64; i += 4 {
		brands = append(brands, string(head[i:i+4]))
	}
	for _, b := range brands {
		switch b {
		case "crx ":
			return CR3
		case "avif", "avis":
			return AVIF
		case "heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs":
			return HEIC
		}
	}
	if brands[0] == "mif1" || brands[0] == "msf1" {
		return HEIC // libheif will say which codec is inside
	}
	return Unknown
}

// others are files that a person may take for photos, or that are found under a photo's name. The text completes
// "the file is ...".
var others = []struct {
	magic  string
	offset int
	text   string
	photo  bool // a picture, of a kind that is not decoded
}{
	{"8BPS", 0, "a Photoshop document", true},
	{"\x00\x00\x01\x00", 0, "an icon", true},
	{"\x00\x00\x00\x0cjP  \r\n\x87\n", 0, "a JPEG 2000 picture", true},
	{"\xff\x4f\xff\x51", 0, "a JPEG 2000 picture", true},
	{"\xff\xd8\xf7", 0, "a JPEG-LS picture", true},
	{"v/1\x01", 0, "an OpenEXR picture", true},
	{"#?RADIANCE", 0, "a Radiance HDR picture", true},
	{"gimp xcf", 0, "a GIMP document", true},
	{"qoif", 0, "a QOI picture", true},
	{"IIBC", 0, "a JPEG XR picture", true},
	{"II\xbc", 0, "a JPEG XR picture", true},
	{"%PDF", 0, "a PDF document", false},
	{"PK\x03\x04", 0, "a ZIP archive", false},
	{"<svg", 0, "an SVG drawing", false},
	{"<?xml", 0, "an XML document", false},
	{"<!DOCTYPE", 0, "a web page", false},
	{"<html", 0, "a web page", false},
	{"\x1a\x45\xdf\xa3", 0, "a video (Matroska)", false},
	{"ftyp", 4, "a video", false},
	{"moov", 4, "a video", false},
	{"mdat", 4, "a video", false},
	{"wide", 4, "a video", false},
	{"AVI ", 8, "a video (AVI)", false},
	{"WAVE", 8, "a sound (WAV)", false},
	{"ID3", 0, "a sound (MP3)", false},
}

// Describe says what a file is that Detect does not know, as far as it can be told: text completes "the file is ...",
// picture says whether it is a picture after all, of a kind that cannot be decoded or with too little left of it.
func Describe(head []byte) (text string, picture bool) {
	for _, o := range others {
		if len(head) >= o.offset+len(o.magic) && bytes.EqualFold(head[o.offset:o.offset+len(o.magic)], []byte(o.magic)) {
			return o.text, o.photo
		}
	}
	for _, m := range magics {
		if len(head) < len(m.magic) && strings.HasPrefix(m.magic, string(head)) {
			return "cut off within its first bytes", true
		}
	}
	if allZero(head) {
		return "nothing but zero bytes", false
	}
	if isText(head) {
		return "text", false
	}
	return "of no known kind", false
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func isText(b []byte) bool {
	for cut := 0; !utf8.Valid(b); cut++ { // the head may end within a character
		if cut == utf8.UTFMax || len(b) == 0 {
			return false
		}
		b = b[:len(b)-1]
	}
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' {
			return false
		}
	}
	return true
}

// rawNames are the raw formats that look like plain TIFF from outside, by the names that their makers give.
var rawNames = map[string]Kind{
	".nef": NEF, ".nrw": NEF, ".arw": ARW, ".sr2": ARW, ".srf": ARW, ".dng": DNG, ".pef": PEF, ".srw": SRW, ".cr2": CR2,
	".orf": ORF, ".rw2": RW2, ".raw": RAW, ".rwl": RAW, ".3fr": RAW, ".fff": RAW, ".iiq": RAW, ".erf": RAW, ".mef": RAW,
	".mos": RAW, ".kdc": RAW, ".dcr": RAW, ".k25": RAW, ".gpr": RAW,
}

func nameKind(name string) Kind { return rawNames[strings.ToLower(path.Ext(name))] }
