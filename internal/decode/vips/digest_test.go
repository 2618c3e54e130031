package vips

import (
	"bytes"
	"image"
	"image/color"
	"testing"
)

func TestPixelDigestOfLosslessFormats(t *testing.T) {
	img := picture(96, 64)
	want := digest(t, asPNG(t, img), "png")
	for _, f := range everyFormat(t, img) {
		if got := digest(t, f.data, f.format); (got == want) != (f.tolerance == 0) {
			t.Errorf("%s: equal digest %v, want %v", f.name, got == want, f.tolerance == 0)
		}
	}
}

func TestPixelDigestTellsApart(t *testing.T) {
	img, other := picture(96, 64), picture(96, 64)
	other.Pix[4*100] ^= 1
	wide := picture(64, 96)
	copy(wide.Pix, img.Pix)
	clear := picture(96, 64)
	clear.Pix[3] = 254
	deep := image.NewNRGBA64(img.Rect)
	for y := range 64 {
		for x := range 96 {
			deep.Set(x, y, img.At(x, y))
		}
	}
	want := digest(t, asPNG(t, img), "png")
	if digest(t, asPNG(t, deep), "png") != want {
		t.Error("16 bits that hold 8: another digest")
	}
	deep.SetNRGBA64(5, 5, color.NRGBA64{R: 257*90 + 1, G: 0, B: 257 * 90, A: 65535})
	seen := map[[32]byte]string{want: "the picture"}
	for name, data := range map[string][]byte{
		"one bit":                 asPNG(t, other),
		"same bytes, other sides": asPNG(t, wide),
		"a little transparent":    asPNG(t, clear),
		"finer than 8 bits":       asPNG(t, deep),
	} {
		sum := digest(t, data, "png")
		if twin, ok := seen[sum]; ok {
			t.Errorf("%s has the digest of %s", name, twin)
		}
		seen[sum] = name
	}
}

// An animation is more than its first frame: moving it away as a copy of a still would lose the rest.
func TestPixelDigestOfAnimation(t *testing.T) {
	img := picture(30, 20)
	still, moving := asGIF(t, img), asGIF(t, img, picture(30, 20))
	if digest(t, still, "gif") == digest(t, moving, "gif") {
		t.Error("an animation has the digest of its first frame")
	}
	if digest(t, moving, "gif") != digest(t, bytes.Clone(moving), "gif") {
		t.Error("equal files have different digests")
	}
	animated := withChunk(asPNG(t, img), "acTL", []byte{0, 0, 0, 2, 0, 0, 0, 0})
	if digest(t, animated, "png") == digest(t, asPNG(t, img), "png") {
		t.Error("an animated PNG has the digest of its first frame")
	}
}

func TestPixelDigestRefuses(t *testing.T) {
	data := asPNG(t, picture(96, 64))
	_, err := PixelDigest(data[:len(data)/2], "png", Options{})
	wantKind(t, err, KindTruncated)
	_, err = PixelDigest(data, "png", Options{MaxPixels: 100})
	wantKind(t, err, KindTooLarge)
}
