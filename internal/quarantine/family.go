package quarantine

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Files that belong to a photo carry its name in some form. Until such families move as one, a photo that
// has one is held back. The rules err towards holding: a photo held for nothing costs a line of output, a
// torn Live Photo or a lost sidecar costs edits.

// plainPhotos are the formats that stand for themselves: a.jpg and a.png are two photos, but a.jpg and
// a.dng, a.mov, a.xmp, a.psd or a.wav are one.
var plainPhotos = []string{
	"jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "heic", "heif", "hif", "avif", "jxl",
}

var (
	// Google Takeout: IMG.jpg.json, IMG.jpg.supplemental-metadata.json and that cut off anywhere.
	takeoutJSON = regexp.MustCompile(`^(.+?)(\.s[a-z-]*)?(\(\d+\))?\.json$`)
	// A number that Takeout puts behind the extension of the metadata, but before that of the photo.
	takeoutNumber = regexp.MustCompile(`^(.*)(\.[a-z0-9]+)(\(\d+\))$`)
	// darktable's further versions of one photo: IMG_01.jpg.xmp.
	versionXMP = regexp.MustCompile(`^(.*)_\d\d(\.[a-z0-9]+)\.xmp$`)
	// Google camera: PXL_x.RAW-01.COVER.jpg with PXL_x.RAW-02.ORIGINAL.dng, PXL_x.MP.jpg with PXL_x.MP.
	coverSuffix = regexp.MustCompile(`(\.(raw|portrait|night|pano|photosphere|motion)?-\d\d)?\.(cover|original)$|\.mp$`)
	// Apple: the edited IMG_E1234.JPG and the data IMG_1234.AAE or IMG_O1234.AAE of IMG_1234.HEIC.
	appleEdited = regexp.MustCompile(`^(img_)[eo](\d{4,})$`)
	// Videos of Live Photos, as some exporters name them: IMG_1_HEVC.MOV of IMG_1.HEIC.
	liveSuffix = regexp.MustCompile(`_(hevc|heic)$`)
)

// takeoutCut is how long the name of Takeout's metadata is before ".json" when it was cut off.
const takeoutCut = 46

// fold makes names comparable as filesystems do that ignore case and Unicode form.
func fold(name string) string { return norm.NFC.String(strings.ToLower(name)) }

// splitExt cuts a folded name into stem and extension without its dot.
func splitExt(name string) (stem, ext string) {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[:i], name[i+1:]
	}
	return name, ""
}

func isPlainPhoto(foldedName string) bool {
	_, ext := splitExt(foldedName)
	return slices.Contains(plainPhotos, ext)
}

// familyKeys returns the stems that a file of this folded name may share with its family. The whole name
// is one of them: it is the stem of sidecars like a.jpg.xmp, a.jpg.pp3 and a.jpg.aae.
func familyKeys(name string) []string {
	stem, _ := splitExt(name)
	keys := []string{name, stem}
	if m := takeoutJSON.FindStringSubmatch(name); m != nil && strings.HasPrefix(".supplemental-metadata", m[2]) {
		s, _ := splitExt(m[1])
		keys = append(keys, s+m[3])
		if n := takeoutNumber.FindStringSubmatch(m[1]); n != nil {
			keys = append(keys, n[1]+n[3])
		}
	}
	if m := versionXMP.FindStringSubmatch(name); m != nil {
		keys = append(keys, m[1])
	}
	for _, k := range keys {
		if c := coverSuffix.ReplaceAllString(k, ""); c != k {
			keys = append(keys, c)
		}
		if c := liveSuffix.ReplaceAllString(k, ""); c != k {
			keys = append(keys, c)
		}
		if c := appleEdited.ReplaceAllString(k, "$1$2"); c != k {
			keys = append(keys, c)
		}
	}
	return keys
}

// families knows the files of one folder by the stems they may share.
type families struct {
	byKey map[string][]string // stem -> names as they are
	cut   []string            // folded names of metadata that may be cut off, without .json
}

// familiesOf sorts the names of the files (no folders) of one folder.
func familiesOf(names []string) *families {
	f := &families{byKey: map[string][]string{}}
	for _, name := range names {
		folded := fold(name)
		for _, key := range familyKeys(folded) {
			if !slices.Contains(f.byKey[key], name) {
				f.byKey[key] = append(f.byKey[key], name)
			}
		}
		if stem, ext := splitExt(folded); ext == "json" && len([]rune(stem)) >= takeoutCut {
			f.cut = append(f.cut, stem)
		}
	}
	return f
}

// siblings returns the files that would be torn from the photo of this name if it moved alone, sorted.
func (f *families) siblings(name string) []string {
	folded := fold(name)
	plain := isPlainPhoto(folded)
	var found []string
	for _, key := range familyKeys(folded) {
		for _, other := range f.byKey[key] {
			if other == name || plain && isPlainPhoto(fold(other)) {
				continue
			}
			found = append(found, other)
		}
	}
	for _, stem := range f.cut {
		if strings.HasPrefix(folded, stem) {
			found = append(found, stem+".json")
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
