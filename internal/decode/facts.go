package decode

// TileSize is the side in pixels of the tile that a photo becomes unless a Request asks for another.
const TileSize = 224

// Version is the decoder's version. It goes up whenever the same file could give another tile, other facts or another
// verdict than before; whatever was remembered under an older version is decoded again.
const Version = 1

// Facts is what is known of a photo once it has been read.
type Facts struct {
	// Format is what the bytes are, whatever the name says: "jpeg", "png", "heic", "cr2", ...
	Format string
	// Width and Height are those of the picture as displayed, orientation applied. Of a RAW file they are the declared
	// size of the raw picture where it is known, else the preview's.
	Width, Height int
	// PreviewWidth and PreviewHeight are zero unless the tile came from a preview inside a RAW file: then the preview's
	// size as displayed, which can be far below Width and Height.
	PreviewWidth, PreviewHeight int
	// Orientation is the EXIF orientation, 1 to 8; 1 when there is none or it makes no sense.
	Orientation int
	// SHA256 is that of the file's bytes.
	SHA256 [32]byte
	// TileHash is the SHA-256 of the 224 x 224 tile.
	TileHash [32]byte
	// LowDetail: one colour all over but for slight noise, so that only equal pixels can say that two such are copies.
	LowDetail bool
	// JPEGQuality is estimated from the quantisation tables, 1 to 100; 0 where there are none.
	JPEGQuality int
	// HasICC: the file carries a colour profile.
	HasICC bool
	// Exif holds the camera's own facts.
	Exif Exif
	// Thumb is a small JPEG of the picture, upright, at most 224 pixels on its long side.
	Thumb []byte

	// SizeBytes, MtimeNS, Device and Inode belong to the very file that was read, not to its name.
	SizeBytes, MtimeNS int64
	Device, Inode      uint64
}

// Exif is the part of a photo's EXIF data that the program uses. Strings are valid UTF-8 without control characters,
// numbers are finite; what the photo does not say, or says wrongly, is the zero value.
type Exif struct {
	Present bool // any of what follows is known
	Make    string
	Model   string
	Lens    string
	// Software last wrote the file.
	Software string
	// TakenAt is local time without zone, "2006:01:02 15:04:05"; SubSec its fraction as digits; Offset its zone, "+02:00".
	TakenAt string
	SubSec  string
	Offset  string
	HasGPS  bool
	// Latitude is positive in the north, Longitude in the east.
	Latitude, Longitude float64
	// Rating is 1 to 5 stars, 0 none, -1 rejected.
	Rating  int
	Caption string
	// ExposureTime is in seconds, ExposureBias in EV.
	ExposureTime, FNumber, ExposureBias float64
	ISO                                 int
	// Sequence is what the camera numbers its pictures by (image number, burst identifier), "" if it does not.
	Sequence string
}

// Photo is a decoded photo.
type Photo struct {
	Facts
	// Tile is TileSize*TileSize*3 bytes, RGB, rows from the top: the whole picture squashed to a square.
	Tile []byte
	// Known: the caller did not want this content decoded. Only SHA256 and the facts of the file itself are filled.
	Known bool
}

// PixelDigest tells whether two photos show exactly the same pixels.
type PixelDigest struct {
	SHA256 [32]byte // of the file's bytes
	// Digest of JPEG data covers the coded picture (all but metadata), its profile and orientation; of any other format
	// every decoded pixel. Equal digests mean equal pixels; unequal ones do not mean that a person would see a
	// difference.
	Digest [32]byte
}

// IsRaw says whether a Facts.Format is a camera's raw format.
func IsRaw(format string) bool {
	switch format {
	case "cr2", "cr3", "crw", "nef", "arw", "orf", "rw2", "raf", "dng", "mrw", "x3f", "pef", "srw", "raw":
		return true
	}
	return false
}
