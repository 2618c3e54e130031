package format

import (
	"encoding/binary"
	"strings"
)

// Dirs is a file in TIFF's layout: a tree of directories of tags.
type Dirs struct {
	data  []byte
	order binary.ByteOrder
	first uint32
}

// Entry is one tag. Value holds all of its bytes and is nil where they lie outside the file.
type Entry struct {
	Tag, Type uint16
	Count     uint32
	Value     []byte
	order     binary.ByteOrder
}

// Tags that tell one directory from another.
const (
	tagNewSubfile   = 0x00fe
	tagWidth        = 0x0100
	tagHeight       = 0x0101
	tagCompression  = 0x0103
	tagPhotometric  = 0x0106
	tagMake         = 0x010f
	tagStripOffsets = 0x0111
	tagStripCounts  = 0x0117
	tagTileOffsets  = 0x0144
	tagTileCounts   = 0x0145
	tagSubIFDs      = 0x014a
	// TagExifIFD and TagGPSIFD point at directories.
	TagExifIFD    = 0x8769
	TagGPSIFD     = 0x8825
	tagPixelX     = 0xa002
	tagPixelY     = 0xa003
	tagDNGVersion = 0xc612
	tagCropSize   = 0xc620
)

const (
	// maxEntries of a directory and maxDirs of a file are far above what cameras write and far below what hurts.
	maxEntries = 2000
	maxDirs    = 100
)

// typeBytes is the size of one value of each TIFF type.
var typeBytes = [...]uint32{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4}

// OpenTIFF reads the header. Makers' own magic numbers (ORF, RW2) are taken for TIFF's.
func OpenTIFF(data []byte) (Dirs, bool) {
	if len(data) < 8 {
		return Dirs{}, false
	}
	d := Dirs{data: data}
	switch string(data[:4]) {
	case "II*\x00", "IIRO", "IIRS", "IIU\x00":
		d.order = binary.LittleEndian
	case "MM\x00*", "MMOR":
		d.order = binary.BigEndian
	default:
		return Dirs{}, false
	}
	d.first = d.order.Uint32(data[4:])
	return d, true
}

// Order is the file's byte order.
func (d Dirs) Order() binary.ByteOrder { return d.order }

// First is where the first directory lies.
func (d Dirs) First() uint32 { return d.first }

// At reads the directory at off: as many of its entries as there are in the file, and where the next one lies.
func (d Dirs) At(off uint32) (entries []Entry, next uint32) {
	if off < 8 || uint64(off)+2 > uint64(len(d.data)) {
		return nil, 0
	}
	n := int(d.order.Uint16(d.data[off:]))
	rest := d.data[off+2:]
	if n > maxEntries {
		return nil, 0
	}
	entries = make([]Entry, 0, min(n, len(rest)/12))
	for ; n > 0 && len(rest) >= 12; n-- {
		entries = append(entries, d.entry(rest[:12]))
		rest = rest[12:]
	}
	if n == 0 && len(rest) >= 4 {
		next = d.order.Uint32(rest)
	}
	return entries, next
}

func (d Dirs) entry(b []byte) Entry {
	e := Entry{Tag: d.order.Uint16(b), Type: d.order.Uint16(b[2:]), Count: d.order.Uint32(b[4:]), order: d.order}
	if int(e.Type) >= len(typeBytes) {
		return e
	}
	n := uint64(typeBytes[e.Type]) * uint64(e.Count)
	if n <= 4 {
		e.Value = b[8 : 8+n : 8+n]
		return e
	}
	if off := uint64(d.order.Uint32(b[8:])); off+n <= uint64(len(d.data)) {
		e.Value = d.data[off : off+n : off+n]
	}
	return e
}

// Uint returns the i-th value of an entry of unsigned whole numbers.
func (e Entry) Uint(i int) (uint32, bool) {
	switch {
	case e.Type == 1 && i < len(e.Value):
		return uint32(e.Value[i]), true
	case e.Type == 3 && 2*i+2 <= len(e.Value):
		return uint32(e.order.Uint16(e.Value[2*i:])), true
	case (e.Type == 4 || e.Type == 13) && 4*i+4 <= len(e.Value):
		return e.order.Uint32(e.Value[4*i:]), true
	}
	return 0, false
}

// dir is one directory as the tree is walked.
type dir []Entry

func (d dir) find(tag uint16) (Entry, bool) {
	for _, e := range d {
		if e.Tag == tag {
			return e, true
		}
	}
	return Entry{}, false
}

func (d dir) uint(tag uint16) uint32 {
	e, _ := d.find(tag)
	v, _ := e.Uint(0)
	return v
}

// text is the value of a tag as upper case text up to its first zero byte.
func (d dir) text(tag uint16) string {
	e, _ := d.find(tag)
	s, _, _ := strings.Cut(string(e.Value[:min(len(e.Value), 64)]), "\x00")
	return strings.ToUpper(s)
}

// walk visits every directory once, whatever points at it: the chain of the first one, sub-directories, and EXIF's.
func (d Dirs) walk(visit func(dir)) {
	seen := map[uint32]bool{}
	todo := []uint32{d.first}
	for len(todo) > 0 && len(seen) < maxDirs {
		off := todo[0]
		todo = todo[1:]
		if off == 0 || seen[off] {
			continue
		}
		seen[off] = true
		entries, next := d.At(off)
		visit(entries)
		for _, e := range entries {
			if e.Tag != tagSubIFDs && e.Tag != TagExifIFD {
				continue
			}
			for i := range min(int(e.Count), maxDirs) {
				if v, ok := e.Uint(i); ok {
					todo = append(todo, v)
				}
			}
		}
		todo = append(todo, next)
		todo = todo[:min(len(todo), 4*maxDirs)]
	}
}

// isSensor says whether the directory's picture is what a sensor saw, and not a developed picture.
func (d dir) isSensor() bool {
	switch d.uint(tagPhotometric) {
	case 32803, 34892: // colour filter array, linear raw
		return true
	}
	switch d.uint(tagCompression) {
	case 34713, 32767, 65535, 32769, 32770, 34892: // Nikon, Sony, Pentax, Epson, Samsung, lossy DNG
		return true
	}
	return false
}

// TIFFKind tells plain TIFF from the raw formats that are TIFF from outside: by DNG's version tag, by a directory with a
// sensor's picture, or by a raw format's name together with a camera's maker.
func TIFFKind(data []byte, name string) Kind {
	d, ok := OpenTIFF(data)
	if !ok {
		return TIFF
	}
	var dng, sensor bool
	var brand string
	d.walk(func(e dir) {
		if _, ok := e.find(tagDNGVersion); ok {
			dng = true
		}
		sensor = sensor || e.isSensor()
		if brand == "" {
			brand = e.text(tagMake)
		}
	})
	byName := nameKind(name)
	switch {
	case dng:
		return DNG
	case !sensor && (byName == Unknown || brand == ""):
		return TIFF
	case strings.HasPrefix(brand, "NIKON"):
		return NEF
	case strings.HasPrefix(brand, "SONY"):
		return ARW
	case strings.HasPrefix(brand, "CANON"):
		return CR2
	case strings.HasPrefix(brand, "PENTAX"), strings.HasPrefix(brand, "RICOH"):
		return PEF
	case strings.HasPrefix(brand, "SAMSUNG"):
		return SRW
	case byName != Unknown:
		return byName
	}
	return RAW
}

// Declared is the size of the raw picture as a TIFF-like raw file states it, before orientation; zero where it does not.
func Declared(data []byte) (width, height int) {
	d, ok := OpenTIFF(data)
	if !ok {
		return 0, 0
	}
	var sensor, other [2]uint32
	larger := func(a *[2]uint32, w, h uint32) {
		if w < 1<<17 && h < 1<<17 && uint64(w)*uint64(h) > uint64(a[0])*uint64(a[1]) {
			*a = [2]uint32{w, h}
		}
	}
	d.walk(func(e dir) {
		switch {
		case e.isSensor():
			w, h := e.uint(tagWidth), e.uint(tagHeight)
			if c, ok := e.find(tagCropSize); ok && c.Count == 2 {
				if cw, ok := c.Uint(0); ok && cw > w/2 && cw <= w {
					if ch, ok := c.Uint(1); ok && ch > h/2 && ch <= h {
						w, h = cw, ch
					}
				}
			}
			larger(&sensor, w, h)
		default:
			larger(&other, e.uint(tagWidth), e.uint(tagHeight))
			larger(&other, e.uint(tagPixelX), e.uint(tagPixelY))
		}
	})
	if sensor[0] > 0 {
		return int(sensor[0]), int(sensor[1])
	}
	return int(other[0]), int(other[1])
}
