package vips

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image"
	"image/color"
	"testing"
)

// profile is a colour profile of three primaries and a gamma of 2.2, with a description.
func profile(space, description string, red, green, blue [3]float64) []byte {
	be := binary.BigEndian
	fixed := func(b []byte, v float64) []byte { return be.AppendUint32(b, uint32(int32(v*65536))) }
	xyz := func(v [3]float64) []byte {
		return fixed(fixed(fixed([]byte("XYZ \x00\x00\x00\x00"), v[0]), v[1]), v[2])
	}
	curve := []byte("curv\x00\x00\x00\x00\x00\x00\x00\x01\x02\x33\x00\x00") // 2.2 in 8.8
	desc := be.AppendUint32([]byte("desc\x00\x00\x00\x00"), uint32(len(description)+1))
	desc = append(append(desc, description...), make([]byte, 80)...)
	for len(desc)%4 != 0 {
		desc = append(desc, 0)
	}
	tags := []struct {
		name string
		data []byte
	}{
		{"desc", desc}, {"wtpt", xyz([3]float64{0.9642, 1, 0.8249})},
		{"rXYZ", xyz(red)}, {"gXYZ", xyz(green)}, {"bXYZ", xyz(blue)},
		{"rTRC", curve}, {"gTRC", curve}, {"bTRC", curve}, {"kTRC", curve},
	}
	table := be.AppendUint32(nil, uint32(len(tags)))
	var body []byte
	for _, tag := range tags {
		table = append(table, tag.name...)
		table = be.AppendUint32(table, uint32(iccHeaderBytes+len(tags)*iccTagBytes+len(body)))
		table = be.AppendUint32(table, uint32(len(tag.data)))
		body = append(body, tag.data...)
	}
	head := make([]byte, 128)
	be.PutUint32(head, uint32(128+len(table)+len(body)))
	copy(head[8:], "\x02\x40\x00\x00mntr"+space+"XYZ ")
	copy(head[36:], "acsp")
	copy(fixed(fixed(fixed(head[:68], 0.9642), 1), 0.8249), "")
	return append(append(head, table...), body...)
}

var (
	srgbRed   = [3]float64{0.4361, 0.2225, 0.0139}
	srgbGreen = [3]float64{0.3851, 0.7169, 0.0971}
	srgbBlue  = [3]float64{0.1431, 0.0606, 0.7141}
)

func TestToSRGB(t *testing.T) {
	pix := []byte{255, 0, 0, 0, 255, 0, 10, 200, 40, 128, 128, 128}
	swapped, err := ToSRGB(pix, 4, 1, profile("RGB ", "blue is red", srgbBlue, srgbGreen, srgbRed))
	if err != nil {
		t.Fatal(err)
	}
	want := []byte{0, 0, 255, 0, 255, 0, 40, 200, 10, 128, 128, 128}
	if meanDifference(swapped, want) > 3 {
		t.Errorf("got %v, want about %v", swapped, want)
	}
	same, err := ToSRGB(pix, 4, 1, profile("RGB ", "sRGB IEC61966-2.1", srgbRed, srgbGreen, srgbBlue))
	if err != nil || &same[0] != &pix[0] {
		t.Errorf("sRGB: got %v and %v, want the same slice", same, err)
	}
	// The name alone does not make it so.
	renamed, err := ToSRGB(pix, 4, 1, profile("RGB ", "sRGB IEC61966-2.1", srgbBlue, srgbGreen, srgbRed))
	if err != nil || !bytes.Equal(renamed, swapped) {
		t.Errorf("other primaries under the name of sRGB: got %v and %v, want %v", renamed, err, swapped)
	}
}

func TestToSRGBRefuses(t *testing.T) {
	good := profile("RGB ", "x", srgbBlue, srgbGreen, srgbRed)
	for name, icc := range map[string][]byte{
		"none":     nil,
		"garbage":  bytes.Repeat([]byte("garbage "), 60),
		"cut":      good[:150],
		"for grey": profile("GRAY", "x", srgbRed, srgbGreen, srgbBlue),
	} {
		if _, err := ToSRGB(make([]byte, 12), 2, 2, icc); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := ToSRGB(make([]byte, 11), 2, 2, good); err == nil {
		t.Error("too few pixels: no error")
	}
}

func TestToSRGBKeepsManyProfiles(t *testing.T) {
	pix := []byte{10, 200, 40}
	for round := range 3 {
		for i := range maxTransforms + 2 {
			shift := float64(i) / 100
			if _, err := ToSRGB(pix, 1, 1, profile("RGB ", "x", [3]float64{0.43 - shift, 0.22, 0.01}, srgbGreen, srgbBlue)); err != nil {
				t.Fatalf("round %d, profile %d: %v", round, i, err)
			}
		}
	}
	if len(transforms) != maxTransforms {
		t.Errorf("%d transforms kept, want %d", len(transforms), maxTransforms)
	}
}

// withProfile puts a profile into a PNG.
func withProfile(t *testing.T, data, icc []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("name\x00\x00")
	z := zlib.NewWriter(&b)
	if _, err := z.Write(icc); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return withChunk(data, "iCCP", b.Bytes())
}

func TestDecodeAppliesProfiles(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 8, 8))
	for i := range 64 {
		img.SetNRGBA(i%8, i/8, color.NRGBA{R: 200, G: 120, B: 90, A: 255})
	}
	plain := asPNG(t, img)
	tagged := withProfile(t, plain, profile("RGB ", "blue is red", srgbBlue, srgbGreen, srgbRed))
	got := decode(t, tagged, "png", Options{})
	if !got.HasICC || meanDifference(got.Pix[:3], []byte{90, 120, 200}) > 3 {
		t.Errorf("got profile %v and %v, want about [90 120 200]", got.HasICC, got.Pix[:3])
	}
	if digest(t, tagged, "png") == digest(t, plain, "png") {
		t.Error("the digest does not see the profile")
	}
	broken := decode(t, withProfile(t, plain, profile("GRAY", "wrong space", srgbRed, srgbGreen, srgbBlue)), "png", Options{})
	if !bytes.Equal(broken.Pix, rgb(img)) {
		t.Errorf("a profile for grey on RGB pixels: got %v", broken.Pix[:3])
	}
}
