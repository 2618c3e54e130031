package turbo

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
)

// Marker codes, the second byte after 0xFF.
const (
	markerTEM   = 0x01
	markerRST0  = 0xD0
	markerRST7  = 0xD7
	markerSOI   = 0xD8
	markerEOI   = 0xD9
	markerSOS   = 0xDA
	markerAPP0  = 0xE0
	markerAPP1  = 0xE1
	markerAPP2  = 0xE2
	markerAPP14 = 0xEE
	markerAPP15 = 0xEF
	markerCOM   = 0xFE
)

// A segment is one marker with its payload; for a start of scan, coded holds the entropy-coded data up to the next marker
// that is no restart marker. All slices share memory with the file's bytes.
type segment struct {
	marker  byte
	payload []byte
	coded   []byte
}

// walkSegments calls yield for each segment from the start-of-image to the end-of-image marker, both excluded. Like the
// decoder it skips stray bytes between segments. It ends with an [Error] where the file does not reach the end marker.
func walkSegments(data []byte, yield func(segment) bool) error {
	if len(data) < 2 || data[0] != 0xFF || data[1] != markerSOI {
		return &Error{Kind: KindDamaged, Msg: "no start-of-image marker"}
	}
	for pos := 2; ; {
		at := bytes.IndexByte(data[pos:], 0xFF)
		if at < 0 {
			return &Error{Kind: KindTruncated, Msg: "no end-of-image marker"}
		}
		pos += at
		for pos < len(data) && data[pos] == 0xFF { // fill bytes
			pos++
		}
		if pos == len(data) {
			return &Error{Kind: KindTruncated, Msg: "no end-of-image marker"}
		}
		marker := data[pos]
		pos++
		switch {
		case marker == markerEOI:
			return nil
		case marker == 0, marker == markerTEM, marker >= markerRST0 && marker <= markerSOI:
			continue // stray, no length follows
		}
		if len(data)-pos < 2 {
			return &Error{Kind: KindTruncated, Msg: "the file ends within a segment"}
		}
		n := int(binary.BigEndian.Uint16(data[pos:]))
		if n < 2 {
			return &Error{Kind: KindDamaged, Msg: fmt.Sprintf("segment %#x of length %d", marker, n)}
		}
		if len(data)-pos < n {
			return &Error{Kind: KindTruncated, Msg: "the file ends within a segment"}
		}
		s := segment{marker: marker, payload: data[pos+2 : pos+n]}
		pos += n
		if marker == markerSOS {
			end := codedEnd(data, pos)
			s.coded = data[pos:end]
			pos = end
		}
		if !yield(s) {
			return nil
		}
	}
}

// codedEnd is where the entropy-coded data that starts at pos ends: at the next marker but restart markers and stuffed zeros.
func codedEnd(data []byte, pos int) int {
	for {
		at := bytes.IndexByte(data[pos:], 0xFF)
		if at < 0 || pos+at+1 >= len(data) {
			return len(data)
		}
		pos += at
		next := data[pos+1]
		switch {
		case next == 0, next >= markerRST0 && next <= markerRST7:
			pos += 2
		case next == 0xFF:
			pos++
		default:
			return pos
		}
	}
}

var (
	exifHeader  = []byte("Exif\x00\x00")
	iccHeader   = []byte("ICC_PROFILE\x00")
	jfifHeader  = []byte("JFIF\x00")
	adobeHeader = []byte("Adobe")
)

// maxICCBytes bounds a colour profile; real ones have up to some megabytes.
const maxICCBytes = 16 << 20

// metadata collects what stands before the first scan. A broken segment ends it: the picture decides whether that matters.
func metadata(data []byte) (exif, icc []byte) {
	var chunks iccChunks
	_ = walkSegments(data, func(s segment) bool { // the decoder has judged the file already
		switch {
		case s.marker == markerSOS:
			return false
		case s.marker == markerAPP1 && exif == nil && bytes.HasPrefix(s.payload, exifHeader):
			exif = s.payload
		case s.marker == markerAPP2:
			chunks.add(s.payload)
		}
		return true
	})
	return exif, chunks.profile()
}

// iccChunks puts a profile together that is spread over several segments, numbered from one in any order.
type iccChunks struct {
	parts  map[byte][]byte
	count  byte
	broken bool
	size   int
}

func (c *iccChunks) add(payload []byte) {
	if !bytes.HasPrefix(payload, iccHeader) || len(payload) < len(iccHeader)+2 {
		return
	}
	number, count, part := payload[len(iccHeader)], payload[len(iccHeader)+1], payload[len(iccHeader)+2:]
	if c.parts == nil {
		c.parts, c.count = map[byte][]byte{}, count
	}
	_, twice := c.parts[number]
	if twice || number == 0 || number > count || count != c.count {
		c.broken = true
		return
	}
	c.parts[number] = part
	c.size += len(part)
}

// profile is nil when a part is missing or numbered wrongly: half a profile is worse than none.
func (c *iccChunks) profile() []byte {
	if c.parts == nil || c.broken || len(c.parts) != int(c.count) || c.size > maxICCBytes {
		return nil
	}
	out := make([]byte, 0, c.size)
	for i := 1; i <= int(c.count); i++ {
		out = append(out, c.parts[byte(i)]...)
	}
	return out
}

// CodedDigest is a digest of all that makes a JPEG file's pixels: tables, frame, scans, colour model and colour profile. Two
// files with equal digests decode to equal pixels, whatever their metadata; EXIF orientation is metadata here, so the caller
// adds it. Files that decode to equal pixels by chance or after a lossless rewrite (other Huffman tables) differ.
func CodedDigest(data []byte) ([32]byte, error) {
	h := sha256.New()
	var chunks iccChunks
	var colours colourMarks
	scans := 0
	err := walkSegments(data, func(s segment) bool {
		switch {
		case s.marker == markerAPP2:
			chunks.add(s.payload)
		case s.marker >= markerAPP0 && s.marker <= markerAPP15, s.marker == markerCOM:
			colours.note(s)
		default:
			colours.note(s)
			hashPart(h, s.marker, s.payload)
			if s.marker == markerSOS {
				scans++
				hashPart(h, 0, s.coded)
			}
		}
		return true
	})
	if err != nil {
		return [32]byte{}, err
	}
	if scans == 0 {
		return [32]byte{}, &Error{Kind: KindDamaged, Msg: "no picture in it"}
	}
	hashPart(h, 1, []byte(colours.model()))
	hashPart(h, 2, chunks.profile())
	return [32]byte(h.Sum(nil)), nil
}

// hashPart writes a tag and the length before the bytes, so that no two sequences of parts look alike.
func hashPart(h hash.Hash, tag byte, part []byte) {
	var head [9]byte
	head[0] = tag
	binary.BigEndian.PutUint64(head[1:], uint64(len(part)))
	h.Write(head[:])
	h.Write(part)
}

// colourMarks gathers what the decoder derives the colour model from, so that a digest does not change when a marker goes
// that said nothing new.
type colourMarks struct {
	jfif, adobe bool
	transform   byte
	ids         []byte
}

func (c *colourMarks) note(s segment) {
	switch {
	case s.marker == markerAPP0 && bytes.HasPrefix(s.payload, jfifHeader):
		c.jfif = true
	case s.marker == markerAPP14 && bytes.HasPrefix(s.payload, adobeHeader) && len(s.payload) >= 12:
		c.adobe, c.transform = true, s.payload[11]
	case s.marker >= 0xC0 && s.marker <= 0xCF && s.marker != 0xC4 && s.marker != 0xC8 && s.marker != 0xCC && c.ids == nil:
		for i := 6; i+2 < len(s.payload); i += 3 {
			c.ids = append(c.ids, s.payload[i])
		}
	}
}

// model follows default_decompress_parms of libjpeg's jdapimin.c.
func (c *colourMarks) model() string {
	switch len(c.ids) {
	case 1:
		return "grey"
	case 3:
		switch {
		case c.jfif:
			return "ycc"
		case c.adobe && c.transform == 0:
			return "rgb"
		case !c.adobe && string(c.ids) == "RGB":
			return "rgb"
		default:
			return "ycc"
		}
	case 4:
		switch {
		case c.adobe && c.transform == 0:
			return "cmyk, inverted"
		case c.adobe:
			return "ycck, inverted"
		default:
			return "cmyk"
		}
	default:
		return "unknown"
	}
}
