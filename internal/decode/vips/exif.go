package vips

import (
	"bytes"
	"encoding/binary"
)

// maxEXIFBytes bounds what is handed out as an EXIF block.
const maxEXIFBytes = 8 << 20

// exifOf finds the EXIF block of the containers that hold it in the open; nil where libvips has to be asked. A TIFF file
// is its own EXIF block. The result shares memory with data.
func exifOf(data []byte, format string) []byte {
	switch format {
	case "tiff":
		return data
	case "png":
		return pngChunk(data, "eXIf")
	case "webp":
		return webpChunk(data, "EXIF")
	case "jxl":
		return jxlEXIF(data)
	default:
		return nil
	}
}

// pngChunk is the payload of the first chunk of that name.
func pngChunk(data []byte, name string) []byte {
	for pos := 8; pos+12 <= len(data); {
		n := int64(binary.BigEndian.Uint32(data[pos:]))
		if n > int64(len(data)-pos-12) {
			return nil
		}
		if string(data[pos+4:pos+8]) == name {
			return data[pos+8 : pos+8+int(n)]
		}
		pos += 12 + int(n)
	}
	return nil
}

// webpChunk is the payload of the first RIFF chunk of that name.
func webpChunk(data []byte, name string) []byte {
	for pos := 12; pos+8 <= len(data); {
		n := int64(binary.LittleEndian.Uint32(data[pos+4:]))
		if n > int64(len(data)-pos-8) {
			return nil
		}
		if string(data[pos:pos+4]) == name {
			return data[pos+8 : pos+8+int(n)]
		}
		pos += 8 + int(n+n&1)
	}
	return nil
}

// jxlEXIF is the uncompressed Exif box of a JPEG XL container, without the four bytes that say where TIFF's header begins.
func jxlEXIF(data []byte) []byte {
	if !bytes.HasPrefix(data, []byte("\x00\x00\x00\x0cJXL \r\n\x87\n")) {
		return nil
	}
	for pos := 12; pos+8 <= len(data); {
		size, head := uint64(binary.BigEndian.Uint32(data[pos:])), 8
		switch {
		case size == 1 && pos+16 <= len(data):
			size, head = binary.BigEndian.Uint64(data[pos+8:]), 16
		case size == 0:
			size = uint64(len(data) - pos)
		}
		if size < uint64(head) || size > uint64(len(data)-pos) {
			return nil
		}
		body := data[pos+head : pos+int(size)]
		if string(data[pos+4:pos+8]) == "Exif" && len(body) > 4 && len(body) <= maxEXIFBytes {
			return body[4:]
		}
		pos += int(size)
	}
	return nil
}

// turnsByEXIF says in which formats EXIF's orientation is what turns the picture. HEIC, AVIF and JPEG XL have a field of
// their own, which the libraries obey; EXIF's value in them is a copy of it and would turn the picture twice.
func turnsByEXIF(format string) bool {
	switch format {
	case "png", "webp", "tiff", "jpeg":
		return true
	}
	return false
}

const (
	tagOrientation = 0x0112
	typeShort      = 3
)

// Orientation reads the orientation from the first directory of an EXIF block; 1 where there is none that makes sense.
func Orientation(exif []byte) int {
	b := bytes.TrimPrefix(exif, []byte("Exif\x00\x00"))
	if len(b) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(b[:4]) {
	case "II*\x00":
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	n := int64(order.Uint16(b[at:]))
	for i := range n {
		e := at + 2 + i*12
		if e+12 > int64(len(b)) {
			return 1
		}
		if order.Uint16(b[e:]) != tagOrientation || order.Uint16(b[e+2:]) != typeShort || order.Uint32(b[e+4:]) != 1 {
			continue
		}
		if v := int(order.Uint16(b[e+8:])); v >= 1 && v <= 8 {
			return v
		}
		return 1
	}
	return 1
}
