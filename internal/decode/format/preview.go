package format

import (
	"bytes"
	"cmp"
	"slices"
)

// Preview is a JPEG inside a larger file.
type Preview struct {
	Offset        int
	Width, Height int // as coded, before orientation
}

const (
	// MinPreviewSide is the smallest side of a preview that says anything about a photo.
	MinPreviewSide = 16
	maxCandidates  = 20_000 // starts of JPEG data looked at in one file
	maxPreviews    = 64
	maxSegments    = 400 // before the first scan of one JPEG
)

var soi = []byte{0xff, 0xd8, 0xff}

// Previews finds the pictures in a raw file that a camera stored as ordinary JPEG, largest first. The sensor's own data
// is never among them: lossless JPEG (SOF3) is passed over, and so is whatever TIFF says is strips of a sensor's picture,
// which can be ordinary JPEG too (lossy DNG).
func Previews(data []byte) []Preview {
	skip := sensorRanges(data)
	var found []Preview
	for i, tries := 0, 0; tries < maxCandidates && len(found) < maxPreviews; tries++ {
		n := bytes.Index(data[i:], soi)
		if n < 0 {
			break
		}
		i += n
		if end := covers(skip, i); end > 0 {
			i = end
			continue
		}
		if h, ok := parseJPEGHead(data[i:]); ok {
			found = append(found, Preview{Offset: i, Width: h.Width, Height: h.Height})
		}
		i += 2
	}
	slices.SortStableFunc(found, func(a, b Preview) int { return cmp.Compare(b.Width*b.Height, a.Width*a.Height) })
	return found
}

// FindJPEG finds a JPEG that begins somewhere in the first HeadBytes of data, behind bytes that do not belong to it.
func FindJPEG(data []byte) (offset int, ok bool) {
	head := data[:min(len(data), HeadBytes+len(soi))]
	for i, tries := 0, 0; tries < 1000; tries++ {
		n := bytes.Index(head[i:], soi)
		if n < 0 {
			return 0, false
		}
		i += n
		if _, ok := parseJPEGHead(data[i:]); ok {
			return i, true
		}
		i += 2
	}
	return 0, false
}

type jpegHead struct{ Width, Height int }

// JPEGSize is the size that a JPEG declares; zero where it declares none.
func JPEGSize(data []byte) (width, height int) {
	if len(data) < 2 {
		return 0, 0
	}
	h, _ := parseJPEGHead(data)
	return h.Width, h.Height
}

// parseJPEGHead walks the markers from SOI to the first scan. It accepts what libjpeg-turbo decodes: baseline, extended
// or progressive, 8 bits, one, three or four components.
func parseJPEGHead(b []byte) (jpegHead, bool) {
	var h jpegHead
	i := 2
	for range maxSegments {
		for i < len(b) && b[i] == 0xff {
			i++ // a marker may be preceded by any number of fill bytes
		}
		if i+3 > len(b) || b[i-1] != 0xff {
			return h, false
		}
		m, n := b[i], int(b[i+1])<<8|int(b[i+2])
		i++
		if m < 0xc0 || m >= 0xd0 && m <= 0xd9 || n < 2 || i+n > len(b) {
			return h, false
		}
		seg := b[i+2 : i+n]
		switch {
		case m == 0xc0 || m == 0xc1 || m == 0xc2:
			if len(seg) < 6 || seg[0] != 8 || seg[5] != 1 && seg[5] != 3 && seg[5] != 4 || h.Width > 0 {
				return h, false
			}
			h.Height, h.Width = int(seg[1])<<8|int(seg[2]), int(seg[3])<<8|int(seg[4])
			if h.Width == 0 || h.Height == 0 {
				return h, false
			}
		case m >= 0xc3 && m <= 0xcf && m != 0xc4 && m != 0xc8 && m != 0xcc:
			return h, false // lossless, hierarchical, arithmetic
		case m == 0xda:
			return h, h.Width > 0
		}
		i += n
	}
	return h, false
}

// span is a range of bytes.
type span struct{ from, to int }

// sensorRanges are the parts of a TIFF-like file that hold a sensor's picture, sorted.
func sensorRanges(data []byte) []span {
	d, ok := OpenTIFF(data)
	if !ok {
		return nil
	}
	var out []span
	add := func(offs, counts Entry) {
		for k := 0; len(out) < 100_000; k++ {
			o, ok1 := offs.Uint(k)
			n, ok2 := counts.Uint(k)
			if !ok1 || !ok2 {
				return
			}
			if to := uint64(o) + uint64(n); to <= uint64(len(data)) && n > 0 {
				out = append(out, span{int(o), int(to)})
			}
		}
	}
	d.walk(func(e dir) {
		if !e.isSensor() {
			return
		}
		so, _ := e.find(tagStripOffsets)
		sc, _ := e.find(tagStripCounts)
		add(so, sc)
		to, _ := e.find(tagTileOffsets)
		tc, _ := e.find(tagTileCounts)
		add(to, tc)
	})
	slices.SortFunc(out, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	// Overlapping ranges become one, so that a search by the beginning is enough.
	merged := out[:0]
	for _, s := range out {
		if n := len(merged); n > 0 && s.from <= merged[n-1].to {
			merged[n-1].to = max(merged[n-1].to, s.to)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// covers returns the end of the range that holds i, or 0.
func covers(ranges []span, i int) int {
	n, exact := slices.BinarySearchFunc(ranges, i, func(s span, i int) int { return cmp.Compare(s.from, i) })
	if !exact {
		n--
	}
	if n >= 0 && n < len(ranges) && i < ranges[n].to {
		return ranges[n].to
	}
	return 0
}
