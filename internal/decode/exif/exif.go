package exif

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rwcarlsen/goexif/exif"
	"github.com/rwcarlsen/goexif/tiff"

	"github.com/dupfind/dupfind/internal/decode"
)

// Facts is what a block says.
type Facts struct {
	decode.Exif
	Orientation int // 1 to 8; 1 when there is none or it makes no sense
}

// Parse reads EXIF blocks: TIFF data, with or without "Exif\0\0" before it; a whole raw or TIFF file will do. Of several
// blocks (Canon's CR3 has one for each directory) the first that tells a fact is believed. What is damaged is as if it
// were not there: bad EXIF is no reason to leave a photo out.
func Parse(blocks ...[]byte) Facts {
	f := Facts{Orientation: 1}
	for _, b := range blocks {
		if x := read(b); x != nil {
			f.fill(tags{x})
		}
	}
	f.Present = f.Exif != (decode.Exif{})
	return f
}

// ParseGPS reads a block whose first directory is GPS's, as CR3's fourth is.
func (f *Facts) ParseGPS(block []byte) {
	if x := readAs(block, gpsTags); x != nil && !f.HasGPS {
		names := map[uint16]exif.FieldName{1: exif.GPSLatitudeRef, 2: exif.GPSLatitude, 3: exif.GPSLongitudeRef, 4: exif.GPSLongitude}
		x.LoadTags(x.Tiff.Dirs[0], names, false)
		f.position(tags{x})
		f.Present = f.Present || f.HasGPS
	}
}

// extra names the tags that goexif does not know.
var extra = map[uint16]exif.FieldName{
	tagRating: "Rating", tagOffset: "OffsetTime", tagOffsetOrig: "OffsetTimeOriginal", tagOffsetDigi: "OffsetTimeDigitized",
	tagImageNumber: "ImageNumber", tagUniqueCamera: "UniqueCameraModel",
}

func read(block []byte) *exif.Exif {
	safe, ok := guard(block)
	if !ok {
		return nil
	}
	x := decodeSafe(safe)
	if x == nil {
		return nil
	}
	for _, d := range x.Tiff.Dirs {
		x.LoadTags(d, extra, false)
	}
	// goexif keeps no directory of the sub-IFDs that it loads, so EXIF's is read again for the tags it has no name for.
	if t, err := x.Get(exif.ExifIFDPointer); err == nil && len(x.Raw) > 0 {
		if off, err := t.Int64(0); err == nil && off > 0 && off < int64(len(x.Raw)) {
			r := bytes.NewReader(x.Raw)
			if _, err := r.Seek(off, 0); err == nil {
				if d, _, err := tiff.DecodeDir(r, x.Tiff.Order); err == nil {
					x.LoadTags(d, extra, false)
				}
			}
		}
	}
	return x
}

// decodeSafe calls goexif. It is one of the two places in the program that recover: goexif panics where it should return
// an error.
func decodeSafe(safe []byte) (x *exif.Exif) {
	defer func() {
		if recover() != nil {
			x = nil
		}
	}()
	x, err := exif.Decode(bytes.NewReader(safe))
	if err != nil && (x == nil || exif.IsCriticalError(err)) {
		return nil
	}
	if len(x.Tiff.Dirs) == 0 {
		return nil
	}
	return x
}

func (f *Facts) fill(t tags) {
	if o, ok := t.int(exif.Orientation); ok && o >= 1 && o <= 8 && f.Orientation == 1 {
		f.Orientation = o
	}
	setText(&f.Make, t.text(exif.Make))
	setText(&f.Model, t.text(exif.Model))
	setText(&f.Model, t.text("UniqueCameraModel"))
	setText(&f.Lens, t.text(exif.LensModel))
	setText(&f.Software, t.text(exif.Software))
	f.times(t)
	f.position(t)
	if r, ok := t.int("Rating"); ok && r >= -1 && r <= 5 && f.Rating == 0 {
		f.Rating = r
	}
	setText(&f.Caption, caption(t.text(exif.ImageDescription)))
	setText(&f.Caption, t.utf16(exif.XPTitle))
	setText(&f.Caption, t.utf16(exif.XPComment))
	setText(&f.Caption, t.comment())
	setPositive(&f.ExposureTime, t, exif.ExposureTime, 1e6)
	setPositive(&f.FNumber, t, exif.FNumber, 1e4)
	if b, ok := t.rat(exif.ExposureBiasValue, 0); ok && math.Abs(b) <= 100 && f.ExposureBias == 0 {
		f.ExposureBias = b
	}
	if iso, ok := t.int(exif.ISOSpeedRatings); ok && iso > 0 && f.ISO == 0 {
		f.ISO = iso
	}
	if n, ok := t.int("ImageNumber"); ok && n > 0 && f.Sequence == "" {
		f.Sequence = strconv.Itoa(n)
	}
}

// times takes the first of the three times that is one, and the fraction and zone that belong to it.
func (f *Facts) times(t tags) {
	if f.TakenAt != "" {
		return
	}
	for _, c := range []struct{ at, sub, offset exif.FieldName }{
		{exif.DateTimeOriginal, exif.SubSecTimeOriginal, "OffsetTimeOriginal"},
		{exif.DateTimeDigitized, exif.SubSecTimeDigitized, "OffsetTimeDigitized"},
		{exif.DateTime, exif.SubSecTime, "OffsetTime"},
	} {
		at, ok := timestamp(t.text(c.at))
		if !ok {
			continue
		}
		f.TakenAt = at
		if s := t.text(c.sub); s != "" && len(s) <= 9 && strings.Trim(s, "0123456789") == "" {
			f.SubSec = s
		}
		if o := t.text(c.offset); isOffset(o) {
			f.Offset = o
		}
		return
	}
}

const layout = "2006:01:02 15:04:05"

// timestamp accepts what is a real moment. Cameras without a set clock write zeros or blanks, some writers use dashes.
func timestamp(s string) (string, bool) {
	if len(s) < len(layout) {
		return "", false
	}
	b := []byte(s[:len(layout)])
	b[4], b[7] = ':', ':'
	if b[10] == 'T' {
		b[10] = ' '
	}
	at, err := time.Parse(layout, string(b))
	if err != nil || at.Year() < 1800 {
		return "", false
	}
	return string(b), true
}

func isOffset(s string) bool {
	if s == "Z" {
		return true
	}
	_, err := time.Parse("-07:00", s)
	return err == nil
}

// position accepts a place on Earth. 0, 0 is the place of devices that had no fix.
func (f *Facts) position(t tags) {
	if f.HasGPS {
		return
	}
	lat, ok1 := t.degrees(exif.GPSLatitude, exif.GPSLatitudeRef, "S", 90)
	long, ok2 := t.degrees(exif.GPSLongitude, exif.GPSLongitudeRef, "W", 180)
	if !ok1 || !ok2 || lat == 0 && long == 0 {
		return
	}
	f.HasGPS, f.Latitude, f.Longitude = true, lat, long
}

// caption drops the words that cameras put where a caption belongs.
func caption(s string) string {
	switch strings.ToUpper(strings.TrimSpace(s)) {
	case "OLYMPUS DIGITAL CAMERA", "DIGITAL CAMERA", "SONY DSC", "DCIM", "SAMSUNG", "DSC", "DEFAULT", "MINOLTA DIGITAL CAMERA",
		"KONICA MINOLTA DIGITAL CAMERA", "EXIF_JPEG_PICTURE", "EXIF JPEG", "HDR", "SAMSUNG CAMERA PICTURES", "MAMIYA",
		"BLACKBERRY DIGITAL CAMERA", "<DIGIMAX", "JPEG", "DIGITAL STILL CAMERA":
		return ""
	}
	return s
}

func setText(to *string, s string) {
	if *to == "" {
		*to = s
	}
}

func setPositive(to *float64, t tags, name exif.FieldName, limit float64) {
	if v, ok := t.rat(name, 0); ok && v > 0 && v <= limit && *to == 0 {
		*to = v
	}
}

// tags reads values without ever asking goexif for one that is not there, at which it panics.
type tags struct{ x *exif.Exif }

func (t tags) get(name exif.FieldName) *tiff.Tag {
	tag, err := t.x.Get(name)
	if err != nil || tag.Count == 0 {
		return nil
	}
	return tag
}

func (t tags) int(name exif.FieldName) (int, bool) {
	tag := t.get(name)
	if tag == nil || tag.Format() != tiff.IntVal {
		return 0, false
	}
	v, err := tag.Int64(0)
	if err != nil || v < math.MinInt32 || v > math.MaxInt32 {
		return 0, false
	}
	return int(v), true
}

// rat uses Rat2, because Rat panics at a denominator of zero.
func (t tags) rat(name exif.FieldName, i int) (float64, bool) {
	tag := t.get(name)
	if tag == nil || tag.Format() != tiff.RatVal || i >= int(tag.Count) {
		return 0, false
	}
	n, d, err := tag.Rat2(i)
	if err != nil || d == 0 {
		return 0, false
	}
	return float64(n) / float64(d), true
}

func (t tags) text(name exif.FieldName) string {
	tag := t.get(name)
	if tag == nil || tag.Format() != tiff.StringVal {
		return ""
	}
	s, err := tag.StringVal()
	if err != nil {
		return ""
	}
	return clean(s)
}

// utf16 reads the texts that Windows writes.
func (t tags) utf16(name exif.FieldName) string {
	tag := t.get(name)
	if tag == nil {
		return ""
	}
	u := make([]uint16, 0, len(tag.Val)/2)
	for i := 0; i+1 < len(tag.Val); i += 2 {
		u = append(u, binary.LittleEndian.Uint16(tag.Val[i:]))
	}
	s, _, _ := strings.Cut(string(utf16.Decode(u)), "\x00")
	return clean(s)
}

// comment reads UserComment: eight bytes that name the code, then the text.
func (t tags) comment() string {
	tag := t.get(exif.UserComment)
	if tag == nil || len(tag.Val) < 8 {
		return ""
	}
	code, text := string(tag.Val[:8]), tag.Val[8:]
	switch {
	case strings.HasPrefix(code, "ASCII"):
		s, _, _ := strings.Cut(string(text), "\x00")
		return clean(s)
	case strings.HasPrefix(code, "UNICODE"):
		u := make([]uint16, 0, len(text)/2)
		for i := 0; i+1 < len(text); i += 2 {
			u = append(u, t.x.Tiff.Order.Uint16(text[i:]))
		}
		s, _, _ := strings.Cut(string(utf16.Decode(u)), "\x00")
		return clean(s)
	}
	return ""
}

// degrees reads degrees, minutes and seconds. A part that is missing or has a denominator of zero counts as zero, but not
// the degrees.
func (t tags) degrees(name, ref exif.FieldName, negative string, limit float64) (float64, bool) {
	v, ok := t.rat(name, 0)
	if !ok {
		return 0, false
	}
	minutes, _ := t.rat(name, 1)
	seconds, _ := t.rat(name, 2)
	if minutes < 0 || minutes > 60 || seconds < 0 || seconds > 60 {
		return 0, false
	}
	v += minutes/60 + seconds/3600
	if strings.HasPrefix(strings.ToUpper(t.text(ref)), negative) {
		v = -v
	}
	return v, math.Abs(v) <= limit
}

// clean makes text fit for a terminal and a database: valid UTF-8 (old cameras write Latin-1), no control characters, no
// blanks around it, of bounded length.
func clean(s string) string {
	if !utf8.ValidString(s) {
		var b strings.Builder
		for i := range len(s) {
			b.WriteRune(rune(s[i]))
		}
		s = b.String()
	}
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, s))
	if len(s) > decode.MaxText {
		s = strings.ToValidUTF8(s[:decode.MaxText], "") // the cut may go through a character
	}
	return s
}

// String is for tests and people.
func (f Facts) String() string { return fmt.Sprintf("%+v, orientation %d", f.Exif, f.Orientation) }

func readAs(block []byte, wanted map[uint16]bool) *exif.Exif {
	safe, ok := guardAs(block, wanted)
	if !ok {
		return nil
	}
	return decodeSafe(safe)
}
