package turbo

import (
	"bytes"
	"slices"
	"testing"
)

func digest(t *testing.T, data []byte) [32]byte {
	t.Helper()
	d, err := CodedDigest(data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCodedDigestIgnoresMetadata(t *testing.T) {
	data := encode(t, picture(90, 70), 80)
	want := digest(t, data)
	jfif := appSegment(markerAPP0, jfifHeader, []byte{1, 1, 0, 0, 1, 0, 1, 0, 0})
	adobe := appSegment(markerAPP14, adobeHeader, []byte{0, 100, 0, 0, 0, 0, 1})
	tests := map[string][]byte{
		"EXIF":                         insert(t, data, 0xDB, appSegment(markerAPP1, exifHeader, []byte("II*\x00"))),
		"a comment":                    insert(t, data, 0xDB, appSegment(markerCOM, []byte("hello"))),
		"JFIF says what the ids say":   insert(t, data, 0xDB, jfif),
		"Adobe says what is so anyway": insert(t, data, 0xDB, adobe),
		"bytes behind the end":         slices.Concat(data, []byte("tail")),
		"fill bytes":                   insert(t, data, 0xC4, []byte{0xFF, 0xFF, 0xFF}),
		"stray bytes between segments": insert(t, data, 0xC4, []byte{1, 2, 3}),
		"half a colour profile":        insert(t, data, 0xDB, appSegment(markerAPP2, iccHeader, []byte{1, 2}, []byte("half"))),
		"APP2 that is no profile":      insert(t, data, 0xDB, appSegment(markerAPP2, []byte("MPF\x00"))),
	}
	for name, with := range tests {
		t.Run(name, func(t *testing.T) {
			if digest(t, with) != want {
				t.Error("another digest")
			}
		})
	}
}

func TestCodedDigestTellsPicturesApart(t *testing.T) {
	data := encode(t, picture(90, 70), 80)
	flipped := slices.Clone(data)
	flipped[bytes.Index(data, []byte{0xFF, markerSOS})+100] ^= 1
	profile := func(part string) []byte {
		return insert(t, data, 0xDB, appSegment(markerAPP2, iccHeader, []byte{1, 1}, []byte(part)))
	}
	rgb := insert(t, data, 0xDB, appSegment(markerAPP14, adobeHeader, []byte{0, 100, 0, 0, 0, 0, 0}))
	seen := map[[32]byte]string{}
	for name, d := range map[string][]byte{
		"plain": data, "other quality": encode(t, picture(90, 70), 81), "one bit": flipped,
		"profile a": profile("a"), "profile b": profile("b"), "colours are RGB": rgb,
	} {
		sum := digest(t, d)
		if other, ok := seen[sum]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[sum] = name
	}
}

func TestCodedDigestOfSplitProfile(t *testing.T) {
	data := encode(t, picture(90, 70), 80)
	one := insert(t, data, 0xDB, appSegment(markerAPP2, iccHeader, []byte{1, 1}, []byte("profile")))
	two := insert(t, data, 0xDB, slices.Concat(appSegment(markerAPP2, iccHeader, []byte{2, 2}, []byte("file")),
		appSegment(markerAPP2, iccHeader, []byte{1, 2}, []byte("pro"))))
	if digest(t, one) != digest(t, two) {
		t.Error("the digest depends on how the profile is split")
	}
}

func TestCodedDigestRefuses(t *testing.T) {
	data := encode(t, picture(90, 70), 80)
	sos := bytes.Index(data, []byte{0xFF, markerSOS})
	tests := map[string]struct {
		data []byte
		kind string
	}{
		"nothing":          {nil, KindDamaged},
		"no JPEG":          {[]byte("GIF89a"), KindDamaged},
		"no end marker":    {data[:len(data)-2], KindTruncated},
		"half":             {data[:len(data)/2], KindTruncated},
		"within a segment": {data[:sos+5], KindTruncated},
		"no picture":       {slices.Concat(data[:sos], []byte{0xFF, markerEOI}), KindDamaged},
		"a length of zero": {[]byte{0xFF, markerSOI, 0xFF, 0xDB, 0, 0, 0xFF, markerEOI}, KindDamaged},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := CodedDigest(tt.data)
			wantKind(t, err, tt.kind)
		})
	}
}
