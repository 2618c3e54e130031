package group

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// candidate is a photo with its copies sorted, the one to keep first.
type candidate struct {
	*Photo
	copies []Copy
}

func (c *candidate) best() *Copy { return &c.copies[0] }

func (c *candidate) pixels() int64 { return int64(c.Width) * int64(c.Height) }

// rule is one reason to keep a photo rather than another. Each compares by a
// key of its own, so that one after the other they order all photos, without
// circles; rules that hold only within one format come after formats differ.
type rule struct {
	compare func(a, b *candidate) int           // below 0: a is kept
	reason  func(kept, other *candidate) string // for a person
}

// rules are those of the design's section 7, in its order, with what people
// added themselves (rating, caption) beside what cameras write. "Least
// compressed" is three of them: a format without loss, then within one format
// the JPEG quality, or the bytes where these tell of the compression.
var rules = []rule{
	{func(a, b *candidate) int { return yesFirst(a.best().Chosen, b.best().Chosen) }, fixed("you decided to keep it")},
	{func(a, b *candidate) int { return yesFirst(a.best().Protected, b.best().Protected) }, fixed("in a protected folder")},
	{func(a, b *candidate) int { return cmp.Compare(b.pixels(), a.pixels()) }, morePixels},
	{func(a, b *candidate) int { return cmp.Compare(b.origin(), a.origin()) }, originalFormat},
	{func(a, b *candidate) int { return yesFirst(a.HasExif, b.HasExif) }, fixed("has EXIF data")},
	{func(a, b *candidate) int { return yesFirst(a.TakenAt != "", b.TakenAt != "") }, fixed("has the date taken")},
	{func(a, b *candidate) int { return yesFirst(a.HasGPS, b.HasGPS) }, fixed("has a GPS position")},
	{func(a, b *candidate) int { return yesFirst(a.Rating > 0, b.Rating > 0) }, fixed("has a rating")},
	{func(a, b *candidate) int { return yesFirst(a.Caption != "", b.Caption != "") }, fixed("has a caption")},
	{func(a, b *candidate) int { return cmp.Compare(a.formatOrder(), b.formatOrder()) }, betterFormat},
	{func(a, b *candidate) int { return strings.Compare(a.format(), b.format()) }, betterFormat},
	{func(a, b *candidate) int { return cmp.Compare(b.JPEGQuality, a.JPEGQuality) }, lessCompressed},
	{func(a, b *candidate) int { return cmp.Compare(b.codedBytes(), a.codedBytes()) }, moreBytes},
	{func(a, b *candidate) int { return yesFirst(a.best().Managed, b.best().Managed) }, fixed("inside a managed photo library")},
	{func(a, b *candidate) int { return cmp.Compare(a.best().mtimeSeconds(), b.best().mtimeSeconds()) }, func(k, o *candidate) string { return older(k.best().File, o.best().File) }},
	{func(a, b *candidate) int { return yesFirst(a.best().clean, b.best().clean) }, func(k, o *candidate) string { return nicerName(k.best().File, o.best().File) }},
	{func(a, b *candidate) int { return compareNames(a.best().Path, b.best().Path) }, func(k, o *candidate) string { return nicerName(k.best().File, o.best().File) }},
}

func fixed(reason string) func(_, _ *candidate) string {
	return func(_, _ *candidate) string { return reason }
}

// compareCandidates orders photos, the one to keep first. It is 0 only for one
// photo and itself, since paths are unique.
func compareCandidates(a, b *candidate) int {
	for _, r := range rules {
		if c := r.compare(a, b); c != 0 {
			return c
		}
	}
	return 0
}

// Best is the number of the photo that the rules keep, -1 if none has a file.
func Best(photos []Photo) int {
	best := -1
	var kept *candidate
	for i := range photos {
		if len(photos[i].Files) == 0 {
			continue
		}
		c := &candidate{Photo: &photos[i], copies: Copies(photos[i].Files)}
		if kept == nil || compareCandidates(c, kept) < 0 {
			best, kept = i, c
		}
	}
	return best
}

// whyKept says by which rule kept comes before other.
func whyKept(kept, other *candidate) string {
	for _, r := range rules {
		if r.compare(kept, other) != 0 {
			return r.reason(kept, other)
		}
	}
	return ""
}

// whyThisFile says why one copy of a content is kept and not another.
func whyThisFile(kept, other File) string {
	switch {
	case kept.Chosen != other.Chosen:
		return "you decided to keep it"
	case kept.Protected != other.Protected:
		return "in a protected folder"
	case kept.Managed != other.Managed:
		return "inside a managed photo library"
	case kept.mtimeSeconds() != other.mtimeSeconds():
		return older(kept, other)
	}
	return nicerName(kept, other)
}

func morePixels(k, o *candidate) string {
	return fmt.Sprintf("more pixels: %d x %d against %d x %d", k.Width, k.Height, o.Width, o.Height)
}

var (
	rawFormats  = []string{"raw", "dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "srf", "sr2", "raf", "orf", "rw2", "pef", "srw", "x3f", "3fr", "iiq", "erf", "mrw", "kdc", "dcr", "rwl"}
	heicFormats = []string{"heic", "heif"}
	lossless    = []string{"tiff", "tif", "png", "bmp", "gif"}
	// lossyOrder is the order of formats that are no camera's own, those
	// without loss first; a format not listed comes last.
	lossyOrder = []string{"tiff", "tif", "png", "bmp", "jpeg", "jpg", "jxl", "avif", "webp", "gif"}
)

func (c *candidate) format() string { return strings.ToLower(c.Format) }

// origin is 2 for what only cameras write raw, 1 for HEIC, 0 for the rest.
func (c *candidate) origin() int {
	switch f := c.format(); {
	case slices.Contains(rawFormats, f):
		return 2
	case slices.Contains(heicFormats, f):
		return 1
	}
	return 0
}

// codedBytes is the size where it tells how much a format with loss threw
// away: not without loss, and not where the JPEG quality is known, since what
// is left are bytes of metadata and of packing.
func (c *candidate) codedBytes() int64 {
	if c.JPEGQuality > 0 || slices.Contains(lossless, c.format()) {
		return 0
	}
	return c.SizeBytes
}

func (c *candidate) formatOrder() int {
	if i := slices.Index(lossyOrder, c.format()); i >= 0 {
		return i
	}
	return len(lossyOrder)
}

func originalFormat(k, o *candidate) string {
	return fmt.Sprintf("original format: %s against %s", formatName(k), formatName(o))
}

func betterFormat(k, o *candidate) string {
	return fmt.Sprintf("format that keeps more: %s against %s", formatName(k), formatName(o))
}

func formatName(c *candidate) string {
	if c.Format == "" {
		return "unknown"
	}
	return strings.ToUpper(c.Format)
}

func lessCompressed(k, o *candidate) string {
	if o.JPEGQuality == 0 {
		return fmt.Sprintf("less compressed: JPEG quality %d against an unknown one", k.JPEGQuality)
	}
	return fmt.Sprintf("less compressed: JPEG quality %d against %d", k.JPEGQuality, o.JPEGQuality)
}

func moreBytes(k, o *candidate) string {
	return fmt.Sprintf("less compressed: %d bytes against %d", k.SizeBytes, o.SizeBytes)
}

// older says which file was changed first. Times are given in UTC: the same library gives the same text anywhere.
func older(k, o File) string {
	a, b := time.Unix(0, k.MtimeNS).UTC(), time.Unix(0, o.MtimeNS).UTC()
	for _, layout := range []string{time.DateOnly, time.DateTime} {
		if x, y := a.Format(layout), b.Format(layout); x != y {
			return fmt.Sprintf("older: %s against %s", x, y)
		}
	}
	return "older"
}

// mtimeSeconds is the time of the last change, as finely as it means anything:
// copying tools and file systems drop the rest.
func (f File) mtimeSeconds() int64 { return f.MtimeNS / 1e9 }

// compareNames puts short names first, then short paths, then goes by bytes.
func compareNames(a, b string) int {
	return cmp.Or(
		cmp.Compare(len(path.Base(a)), len(path.Base(b))),
		cmp.Compare(len(a), len(b)),
		strings.Compare(a, b),
	)
}

func nicerName(k, o File) string {
	switch {
	case cleanName(k.Path) != cleanName(o.Path):
		return fmt.Sprintf("clean name: %q against %q", path.Base(k.Path), path.Base(o.Path))
	case len(path.Base(k.Path)) != len(path.Base(o.Path)):
		return fmt.Sprintf("shorter name: %q against %q", path.Base(k.Path), path.Base(o.Path))
	case len(k.Path) != len(o.Path):
		return "shorter path"
	}
	return "first by name, all else being equal"
}

// lacks names what the copy has and the keeper does not.
func lacks(keeper, other *Photo) []string {
	out := []string{}
	add := func(name string, missing bool) {
		if missing {
			out = append(out, name)
		}
	}
	add("GPS", other.HasGPS && !keeper.HasGPS)
	add("rating", other.Rating > 0 && keeper.Rating <= 0)
	add("date", other.TakenAt != "" && keeper.TakenAt == "")
	add("caption", other.Caption != "" && keeper.Caption == "")
	add("more pixels", int64(other.Width)*int64(other.Height) > int64(keeper.Width)*int64(keeper.Height))
	return out
}
