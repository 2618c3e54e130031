package quarantine

import (
	"slices"
	"strings"
	"testing"
)

func TestFamilies(t *testing.T) {
	for _, c := range []struct {
		name, photo string
		with        string // siblings, space separated
		alone       string // files that are none
	}{
		{"xmp of both forms", "a.jpg", "a.xmp a.jpg.xmp a.JPG.XMP", "b.xmp ab.xmp a.b.xmp b.jpg.xmp"},
		{"sidecar of another photo", "b.jpg", "", "a.jpg.xmp a.xmp"},
		{"xmp of the other format", "a.jpg", "", "a.dng.xmp"},
		{"raw and jpeg", "DSC_1.JPG", "DSC_1.NEF dsc_1.nef", "DSC_11.NEF"},
		{"jpeg and raw", "DSC_1.NEF", "DSC_1.JPG", "DSC_2.JPG"},
		{"plain photos", "a.jpg", "", "a.png a.jpeg a.heic a.webp a.JPG"},
		{"live photo", "IMG_1.HEIC", "IMG_1.MOV IMG_1.mp4 IMG_1_HEVC.MOV IMG_1_HEIC.MOV", "IMG_12.MOV IMG_1_other.MOV"},
		{"apple edits", "IMG_1234.HEIC", "IMG_1234.AAE IMG_O1234.AAE", "IMG_E1234.JPG IMG_1235.AAE"},
		{"apple edited photo", "IMG_E1234.JPG", "IMG_E1234.MOV IMG_1234.AAE IMG_O1234.AAE IMG_1234.MOV", "IMG_1234.HEIC"},
		{"pixel raw", "PXL_x.RAW-01.COVER.jpg", "PXL_x.RAW-02.ORIGINAL.dng", "PXL_y.RAW-02.ORIGINAL.dng"},
		{"pixel motion", "PXL_x.MP.jpg", "PXL_x.MP PXL_x.MP.mp4", ""},
		{"takeout", "IMG.jpg", "IMG.jpg.json IMG.json IMG.jpg.supplemental-metadata.json IMG.jpg.supplemental-me.json IMG.jpg.s.json", "IMG2.jpg.json"},
		{"takeout numbered", "IMG(1).jpg", "IMG.jpg(1).json IMG(1).jpg.json IMG.jpg.supplemental-metadata(1).json", "IMG.jpg(2).json IMG.jpg.json"},
		{"takeout cut", strings.Repeat("n", 60) + ".jpg", strings.Repeat("n", 46) + ".json", strings.Repeat("n", 30) + ".json"},
		{"darktable versions", "a.jpg", "a_01.jpg.xmp", ""},
		{"editors' files", "a.jpg", "a.psd a.jpg.pp3 a.jpg.dop a.wav a.jpg_original a.thm", ""},
		{"unicode forms", "e\u0301.jpg", "\u00e9.xmp", ""},
		{"dots in the name", "2020.01.02.jpg", "2020.01.02.xmp 2020.01.02.jpg.xmp", "2020.01.xmp 2020.01.03.xmp"},
		{"hidden", ".a.jpg", ".a.xmp", "a.xmp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for with := range strings.FieldsSeq(c.with) {
				if got := familiesOf([]string{c.photo, with, "zzz.txt"}).siblings(c.photo); len(got) != 1 {
					t.Errorf("%s with %s: %q", c.photo, with, got)
				}
			}
			for other := range strings.FieldsSeq(c.alone) {
				if got := familiesOf([]string{c.photo, other}).siblings(c.photo); len(got) != 0 {
					t.Errorf("%s with %s: %q", c.photo, other, got)
				}
			}
		})
	}
	got := familiesOf([]string{"a.jpg", "a.xmp", "A.MOV", "a.png"}).siblings("a.jpg")
	if !slices.Equal(got, []string{"A.MOV", "a.xmp"}) {
		t.Errorf("siblings %q", got)
	}
}
