package exif

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/internal/decode/format"
)

type order = interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func ascii(tag uint16, s string) format.Entry {
	return format.Entry{Tag: tag, Type: 2, Count: uint32(len(s) + 1), Value: []byte(s + "\x00")}
}

func short(o order, tag uint16, v uint16) format.Entry {
	return format.Entry{Tag: tag, Type: 3, Count: 1, Value: o.AppendUint16(nil, v)}
}

func rats(o order, tag uint16, v ...uint32) format.Entry {
	e := format.Entry{Tag: tag, Type: 5, Count: uint32(len(v) / 2)}
	for _, n := range v {
		e.Value = o.AppendUint32(e.Value, n)
	}
	return e
}

// full is a block with all that is read.
func full(o order) []byte {
	bias := rats(o, tagBias, 0xffffffff, 3) // -1/3
	bias.Type = 10
	return write(o, []format.Entry{
		ascii(0x010f, "Canon"), ascii(0x010e, "At the lake"), ascii(0x0110, "Canon EOS R6"), short(o, tagOrientation, 6),
		ascii(0x0131, "v1"), ascii(0x0132, "2020:01:01 00:00:00"), short(o, tagRating, 4),
	}, []format.Entry{
		rats(o, 0x829a, 1, 250), rats(o, 0x829d, 28, 10), short(o, tagISO, 400), ascii(0x9003, "2019:05:06 07:08:09"),
		ascii(0x9004, "2019:05:06 07:08:10"), ascii(tagOffset, "+01:00"), ascii(tagOffsetOrig, "+02:00"), ascii(0x9291, "042"),
		bias, short(o, tagImageNumber, 77), ascii(0xa434, "RF35mm"),
	}, []format.Entry{
		ascii(1, "S"), rats(o, 2, 33, 1, 51, 1, 3540, 100), ascii(3, "E"), rats(o, 4, 151, 1, 12, 1, 0, 1),
	})
}

func TestParseAll(t *testing.T) {
	want := Facts{Orientation: 6, Exif: decode.Exif{
		Present: true, Make: "Canon", Model: "Canon EOS R6", Lens: "RF35mm", Software: "v1", TakenAt: "2019:05:06 07:08:09",
		SubSec: "042", Offset: "+02:00", HasGPS: true, Latitude: -(33 + 51.0/60 + 35.4/3600), Longitude: 151.2, Rating: 4,
		Caption: "At the lake", ExposureTime: 1.0 / 250, FNumber: 2.8, ExposureBias: -1.0 / 3, ISO: 400, Sequence: "77",
	}}
	for _, o := range []order{binary.LittleEndian, binary.BigEndian} {
		for _, head := range []string{"", "Exif\x00\x00", "Exif\x00\x00Exif\x00\x00"} {
			got := Parse(append([]byte(head), full(o)...))
			if math.Abs(got.Latitude-want.Latitude) > 1e-9 || math.Abs(got.Longitude-want.Longitude) > 1e-9 || math.Abs(got.ExposureBias-want.ExposureBias) > 1e-9 {
				t.Errorf("%v: numbers %v", o, got)
			}
			got.Latitude, got.Longitude, got.ExposureBias = want.Latitude, want.Longitude, want.ExposureBias
			if got != want {
				t.Errorf("%v %q:\n got %v\nwant %v", o, head, got, want)
			}
		}
	}
}

func TestOddValues(t *testing.T) {
	le := binary.LittleEndian
	block := func(first, exif, gps []format.Entry) Facts { return Parse(write(le, first, exif, gps)) }
	for _, v := range []uint16{0, 9, 255, 65535} {
		if f := block([]format.Entry{short(le, tagOrientation, v)}, nil, nil); f.Orientation != 1 || f.Present {
			t.Errorf("orientation %d: %v", v, f)
		}
	}
	if f := block([]format.Entry{ascii(tagOrientation, "6")}, nil, nil); f.Orientation != 1 {
		t.Errorf("orientation as text: %v", f)
	}
	if f := block([]format.Entry{short(le, tagOrientation, 6), short(le, tagOrientation, 3)}, nil, nil); f.Orientation != 6 {
		t.Errorf("two orientations: %v, want the first", f)
	}
	for _, at := range []string{"0000:00:00 00:00:00", "    :  :     :  :  ", "2019:13:01 00:00:00", "yesterday", ""} {
		if f := block(nil, []format.Entry{ascii(0x9003, at)}, nil); f.TakenAt != "" {
			t.Errorf("time %q: got %q", at, f.TakenAt)
		}
	}
	if f := block([]format.Entry{ascii(0x0132, "2001-02-03T04:05:06")}, nil, nil); f.TakenAt != "2001:02:03 04:05:06" {
		t.Errorf("time with dashes: %q", f.TakenAt)
	}
	zero := []format.Entry{ascii(1, "N"), rats(le, 2, 0, 1, 0, 1, 0, 1), ascii(3, "E"), rats(le, 4, 0, 1, 0, 1, 0, 1)}
	none := []format.Entry{ascii(1, "N"), rats(le, 2, 50, 0, 1, 1, 1, 1), ascii(3, "E"), rats(le, 4, 10, 1)}
	far := []format.Entry{ascii(1, "N"), rats(le, 2, 95, 1), ascii(3, "E"), rats(le, 4, 10, 1)}
	for name, gps := range map[string][]format.Entry{"no fix": zero, "denominator 0": none, "beyond the pole": far} {
		if f := block(nil, nil, gps); f.HasGPS {
			t.Errorf("%s: %v", name, f)
		}
	}
	if f := block(nil, []format.Entry{rats(le, 0x829a, 1, 0), rats(le, 0x829d, 0, 0)}, nil); f.ExposureTime != 0 || f.FNumber != 0 {
		t.Errorf("denominator 0: %v", f)
	}
	if f := block([]format.Entry{ascii(0x010f, "Caf\xe9\x1b[31m\n"), ascii(0x010e, "OLYMPUS DIGITAL CAMERA         ")}, nil, nil); f.Make != "Café[31m" || f.Caption != "" {
		t.Errorf("texts: %q, %q", f.Make, f.Caption)
	}
	long := block([]format.Entry{ascii(0x010e, strings.Repeat("\xe9", 10_000))}, nil, nil)
	if n := len(long.Caption); n > decode.MaxText || n < decode.MaxText-4 || !utf8.ValidString(long.Caption) {
		t.Errorf("long caption: %d bytes", n)
	}
	comment := format.Entry{Tag: tagUserComment, Type: 7, Count: 12, Value: []byte("ASCII\x00\x00\x00moin")}
	title := format.Entry{Tag: tagXPTitle, Type: 1, Count: 6, Value: []byte("\xe4\x00h\x00\x00\x00")}
	if f := block([]format.Entry{title}, []format.Entry{comment}, nil); f.Caption != "äh" {
		t.Errorf("caption %q", f.Caption)
	}
	if f := block(nil, []format.Entry{comment}, nil); f.Caption != "moin" {
		t.Errorf("caption %q", f.Caption)
	}
}

// loop is two directories that point at each other: goexif alone never comes back from it.
var loop = []byte("II*\x00\x08\x00\x00\x00\x00\x00\x0e\x00\x00\x00\x00\x00\x08\x00\x00\x00")

func TestHostileBlocksEnd(t *testing.T) {
	le := binary.LittleEndian
	self := write(le, []format.Entry{ascii(0x010f, "x")}, nil, nil)
	le.PutUint32(self[8+2+12:], 8) // its own next directory
	// 2,000 entries that all name the same 4 MB: 8 GB if copied.
	many := []byte("II*\x00\x08\x00\x00\x00")
	many = le.AppendUint16(many, maxEntriesForTest)
	for i := range maxEntriesForTest {
		many = le.AppendUint16(many, uint16(0x9000+i))
		many = le.AppendUint16(many, 7)
		many = le.AppendUint32(many, 4<<20)
		many = le.AppendUint32(many, 100)
	}
	many = append(many, make([]byte, 5<<20)...)
	for name, b := range map[string][]byte{"loop": loop, "self": self, "many": many, "nothing": nil, "header": []byte("Exif\x00\x00"),
		"far": []byte("MM\x00*\xff\xff\xff\xff"), "short": []byte("II*\x00\x08\x00\x00\x00\xff\xff")} {
		done := make(chan Facts)
		go func() { done <- Parse(b) }()
		select {
		case f := <-done:
			if f.Orientation != 1 {
				t.Errorf("%s: %v", name, f)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: no end", name)
		}
	}
}

const maxEntriesForTest = 2000

// Damage to one tag costs that tag: goexif alone would give up the block.
func TestOneBadTagIsNotAll(t *testing.T) {
	b := full(binary.LittleEndian)
	i := bytes.Index(b, []byte{0x0f, 0x01, 2, 0})
	binary.LittleEndian.PutUint32(b[i+8:], 1<<30) // the maker's name lies past the end
	f := Parse(b)
	if f.Make != "" || f.Model != "Canon EOS R6" || f.TakenAt == "" || !f.HasGPS {
		t.Errorf("got %v", f)
	}
	binary.LittleEndian.PutUint16(b[i+2:], 99) // a type that does not exist
	if f := Parse(b); f.Model != "Canon EOS R6" {
		t.Errorf("got %v", f)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(full(binary.LittleEndian))
	f.Add(append([]byte("Exif\x00\x00"), full(binary.BigEndian)...))
	f.Add(loop)
	f.Fuzz(func(t *testing.T, b []byte) {
		if safe, ok := guard(b); ok && len(safe) > 200<<10 {
			t.Fatalf("the guard let %d bytes through", len(safe))
		}
		x := Parse(b, b)
		x.ParseGPS(b)
		if x.Orientation < 1 || x.Orientation > 8 || math.Abs(x.Latitude) > 90 || math.Abs(x.Longitude) > 180 || x.Rating < -1 || x.Rating > 5 {
			t.Fatalf("out of range: %v", x)
		}
		for _, s := range []string{x.Make, x.Model, x.Lens, x.Software, x.TakenAt, x.SubSec, x.Offset, x.Caption, x.Sequence} {
			if !utf8.ValidString(s) || len(s) > decode.MaxText || strings.ContainsAny(s, "\x00\x1b\n\u0085\u009b") {
				t.Fatalf("unclean text %q", s)
			}
		}
		for _, v := range []float64{x.ExposureTime, x.FNumber, x.ExposureBias} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("number %v", v)
			}
		}
	})
}
