package scan

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// SniffBytes is how many of a file's first bytes [Sniff] wants to see.
const SniffBytes = 64

var photoExts = func() map[string]bool {
	m := map[string]bool{}
	for e := range strings.FieldsSeq(`
		jpg jpeg jpe jfif mpo
		png apng webp gif bmp dib tif tiff
		heic heif hif avif avifs jxl
		dng cr2 cr3 crw nef nrw arw sr2 srf raf orf rw2 rwl pef dcr kdc mrw x3f 3fr iiq mef mos erf srw gpr`) {
		m[e] = true
	}
	return m
}()

// IsPhotoExt reports whether a file's name ends like a photo's. Endings that
// other programs use as well (.raw, .fff, .k25) are left to [Sniff].
func IsPhotoExt(name string) bool {
	i := strings.LastIndexByte(name, '.')
	if i < 0 || len(name)-i-1 > 5 {
		return false
	}
	var buf [5]byte
	ext := buf[:copy(buf[:], name[i+1:])]
	for j, c := range ext {
		if 'A' <= c && c <= 'Z' {
			ext[j] = c + 'a' - 'A'
		}
	}
	return photoExts[string(ext)]
}

var signatures = [][]byte{
	{0xff, 0xd8, 0xff}, // JPEG
	[]byte("\x89PNG\r\n\x1a\n"),
	[]byte("GIF87a"), []byte("GIF89a"),
	[]byte("II*\x00"), []byte("MM\x00*"), // TIFF, and RAW made of it: DNG, NEF, CR2, ARW, PEF, SRW...
	[]byte("II+\x00"), []byte("MM\x00+"), // BigTIFF
	{0xff, 0x0a}, // JPEG XL, bare
	[]byte("\x00\x00\x00\x0cJXL \r\n\x87\n"),
	[]byte("FUJIFILMCCD-RAW"),
	[]byte("IIU\x00"),                              // RW2
	[]byte("IIRO"), []byte("IIRS"), []byte("MMOR"), // ORF
	[]byte("II\x1a\x00\x00\x00HEAPCCDR"), []byte("\x00MRM"), // CRW, MRW
	[]byte("FOVb"), // X3F
}

// Sniff reports whether a file that begins with these bytes is of one of the
// formats that dupfind decodes, RAW included. Up to [SniffBytes] are looked
// at; fewer may miss some formats.
func Sniff(first []byte) bool {
	for _, s := range signatures {
		if bytes.HasPrefix(first, s) {
			return true
		}
	}
	switch {
	case len(first) >= 12 && string(first[:4]) == "RIFF":
		return string(first[8:12]) == "WEBP"
	case len(first) >= 18 && string(first[:2]) == "BM":
		// Two letters are too few (texts begin so): the reserved field and
		// the size of the header that follows must fit as well.
		header := binary.LittleEndian.Uint32(first[14:])
		return binary.LittleEndian.Uint32(first[6:]) == 0 && slices.Contains([]uint32{12, 16, 40, 52, 56, 64, 108, 124}, header)
	case len(first) >= 12 && string(first[4:8]) == "ftyp":
		return isPictureBrand(first)
	}
	return false
}

var pictureBrands = []string{
	"heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "mif2", "msf1", "avif", "avis", "avio", "crx ", "j2ki",
}

var filmBrands = []string{"qt  ", "isom", "iso2", "iso3", "iso4", "iso5", "iso6", "mp41", "mp42", "avc1", "M4V ", "M4A ", "dash", "MSNV"}

// isPictureBrand reads an ISO base media file's brands: films and pictures
// begin alike. A film stays one whatever it claims to be compatible with.
func isPictureBrand(first []byte) bool {
	major := string(first[8:12])
	if slices.Contains(pictureBrands, major) {
		return true
	}
	if slices.Contains(filmBrands, major) || strings.HasPrefix(major, "3g") {
		return false
	}
	end := min(int(binary.BigEndian.Uint32(first)), len(first))
	for i := 16; i+4 <= end; i += 4 {
		if slices.Contains(pictureBrands, string(first[i:i+4])) {
			return true
		}
	}
	return false
}
