package vips

import (
	"encoding/binary"
	"slices"
)

// checkComplete finds files that end before their container says so. The libraries notice only where the first picture
// lacks data, and some not even then: a PNG without its last chunk, a GIF cut within its second frame, an AVIF whose
// thumbnail is there. What is no sound container at all is left for the library to judge.
func checkComplete(data []byte, format string) error {
	whole := true
	switch format {
	case "png":
		whole = pngComplete(data)
	case "gif":
		whole = gifComplete(data)
	case "webp":
		whole = len(data) >= 12 && uint64(binary.LittleEndian.Uint32(data[4:]))+8 <= uint64(len(data))
	case "heic", "avif":
		whole = boxesComplete(data, []string{"ftyp", "meta", "mdat", "moov", "free", "skip", "idat"})
	case "jxl":
		whole = boxesComplete(data, []string{"JXL ", "ftyp", "jxlc", "jxlp", "jbrd", "Exif", "xml ", "brob"})
	}
	if !whole {
		return &Error{Kind: KindTruncated, Msg: "the file ends before its picture does"}
	}
	return nil
}

// pngComplete looks for the chunk that ends the picture.
func pngComplete(data []byte) bool {
	for pos := 8; ; {
		if pos+8 > len(data) {
			return false
		}
		n := int64(binary.BigEndian.Uint32(data[pos:]))
		if !isChunkName(data[pos+4 : pos+8]) {
			return true // not for us to judge
		}
		if n+12 > int64(len(data)-pos) {
			return false
		}
		if string(data[pos+4:pos+8]) == "IEND" {
			return true
		}
		pos += int(n) + 12
	}
}

func isChunkName(name []byte) bool {
	return !slices.ContainsFunc(name, func(c byte) bool { return c|0x20 < 'a' || c|0x20 > 'z' })
}

// gifComplete looks for the trailer.
func gifComplete(data []byte) bool {
	if len(data) < 13 {
		return false
	}
	pos := 13 + colourTableBytes(data[10])
	for pos < len(data) {
		switch data[pos] {
		case 0x3B: // trailer
			return true
		case 0x21: // extension: its label, then blocks
			pos += 2
		case 0x2C: // frame: its place, a colour table, the code size, then blocks
			if pos+10 > len(data) {
				return false
			}
			pos += 11 + colourTableBytes(data[pos+9])
		default:
			return true // not for us to judge
		}
		for pos < len(data) && data[pos] != 0 {
			pos += 1 + int(data[pos])
		}
		pos++
	}
	return false
}

func colourTableBytes(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// boxesComplete walks the outermost boxes of an ISO base media file. Only boxes of known kinds count: makers append what
// they like after the last one.
func boxesComplete(data []byte, kinds []string) bool {
	for pos := 0; pos+8 <= len(data); {
		size, head := uint64(binary.BigEndian.Uint32(data[pos:])), uint64(8)
		if !slices.Contains(kinds, string(data[pos+4:pos+8])) {
			return true
		}
		if size == 1 {
			if pos+16 > len(data) {
				return false
			}
			size, head = binary.BigEndian.Uint64(data[pos+8:]), 16
		}
		switch {
		case size == 0:
			return true // reaches to the end, wherever that is
		case size < head:
			return true // not for us to judge
		case size > uint64(len(data)-pos):
			return false
		}
		pos += int(size)
	}
	return true
}
