package format

import (
	"bytes"
	"encoding/binary"
)

// EXIFBlocks are the parts of a raw file that hold EXIF in TIFF's layout, the best one first: the file itself, or the
// blocks inside its maker's own container, and the block of a JPEG within it.
func EXIFBlocks(data []byte) [][]byte {
	var out [][]byte
	switch Detect(data) {
	case TIFF, CR2, ORF, RW2:
		out = append(out, data)
	case MRW:
		if b := mrwBlock(data); b != nil {
			out = append(out, b)
		}
	case CR3:
		for _, name := range []string{"CMT1", "CMT2"} {
			if b := cr3Box(data, name); b != nil {
				out = append(out, b)
			}
		}
	}
	if b := previewBlock(data); b != nil {
		out = append(out, b)
	}
	return out
}

// previewBlock is the EXIF segment of the first JPEG that has one; in Fuji's and Sigma's files it is all there is.
func previewBlock(data []byte) []byte {
	head := data[:min(len(data), 1<<20)]
	for from := 0; ; {
		i := bytes.Index(head[from:], []byte("\xff\xd8\xff\xe1"))
		if i < 0 {
			return nil
		}
		i += from + 4
		if i+8 <= len(data) && string(data[i+2:i+8]) == "Exif\x00\x00" {
			n := int(data[i])<<8 | int(data[i+1])
			return data[i+2 : min(i+max(n, 8), len(data))]
		}
		from = i
	}
}

// GPSBlock is a block whose first directory is the GPS one, where a raw file has it apart.
func GPSBlock(data []byte) []byte {
	if Detect(data) == CR3 {
		return cr3Box(data, "CMT4")
	}
	return nil
}

// cr3Box finds one of Canon's metadata boxes. They lie in a uuid box near the beginning of the file; their names occur
// nowhere else there, so that they are searched and not walked to.
func cr3Box(data []byte, name string) []byte {
	head := data[:min(len(data), 1<<20)]
	for from := 0; ; {
		i := bytes.Index(head[from:], []byte(name))
		if i < 0 {
			return nil
		}
		i += from
		if i >= 4 {
			n := int64(binary.BigEndian.Uint32(data[i-4:]))
			end := int64(i) - 4 + n
			if n > 16 && end <= int64(len(data)) {
				body := data[i+4 : end]
				if _, ok := OpenTIFF(body); ok {
					return body
				}
			}
		}
		from = i + 4
	}
}

// mrwBlock finds the TIFF block of a Minolta file: a list of blocks, each of a name and a length.
func mrwBlock(data []byte) []byte {
	for i := 8; i+8 <= len(data); {
		n := int64(binary.BigEndian.Uint32(data[i+4:]))
		end := int64(i) + 8 + n
		if end > int64(len(data)) {
			return nil
		}
		if string(data[i:i+4]) == "\x00TTW" {
			return data[i+8 : end]
		}
		i = int(end)
	}
	return nil
}
