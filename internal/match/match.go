package match

import (
	"fmt"
	"slices"
	"strings"
)

// Kind says how two photos are related.
type Kind string

// The kinds, from the surest to the vaguest.
const (
	Identical  Kind = "identical"
	SamePixels Kind = "same-pixels"
	Resized    Kind = "resized"
	Edited     Kind = "edited"
	Similar    Kind = "similar"
)

// Kinds are all kinds, the surest first.
func Kinds() []Kind { return []Kind{Identical, SamePixels, Resized, Edited, Similar} }

// CopyKinds are the kinds that quarantine moves unless told otherwise.
func CopyKinds() []Kind { return []Kind{Identical, SamePixels, Resized} }

// Valid says whether k is one of the kinds.
func (k Kind) Valid() bool { return slices.Contains(Kinds(), k) }

// Certainty orders kinds: the higher, the surer that one of the two photos is
// a copy of the other. It is 0 for what is no kind.
func (k Kind) Certainty() int {
	i := slices.Index(Kinds(), k)
	if i < 0 {
		return 0
	}
	return len(Kinds()) - i
}

// Meaning is a sentence for a person.
func (k Kind) Meaning() string {
	switch k {
	case Identical:
		return "The files are the same, byte for byte."
	case SamePixels:
		return "The pictures are the same, pixel for pixel; the files differ elsewhere, in metadata for example."
	case Resized:
		return "The same picture in the same framing: another size, format, compression or metadata, or slightly other light."
	case Edited:
		return "The same photo, edited: cropped, turned, mirrored, toned, written on or framed."
	case Similar:
		return "The pictures look alike, and no comparison of pixels has confirmed more: frames of a burst, the same scene again, or an edit not yet confirmed."
	}
	return "No known kind."
}

// ParseKinds reads a list such as "identical,same-pixels". Blanks around the
// names are allowed, an empty list and unknown names are not. The answer is in
// the order of Kinds, without repetitions.
func ParseKinds(list string) ([]Kind, error) {
	var asked []Kind
	for name := range strings.SplitSeq(list, ",") {
		k := Kind(strings.TrimSpace(name))
		if !k.Valid() {
			return nil, fmt.Errorf("no kind %q: the kinds are %s", string(k), kindList())
		}
		asked = append(asked, k)
	}
	return slices.DeleteFunc(Kinds(), func(k Kind) bool { return !slices.Contains(asked, k) }), nil
}

func kindList() string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// Photo holds the facts about one photo that a kind depends on.
type Photo struct {
	SHA256        [32]byte // of the file's bytes
	TileHash      [32]byte // of the decoded tile
	Width, Height int      // as displayed
	LowDetail     bool     // blank, black, one colour: only equal pixels make it a copy
}

// Evidence is what comparing the pixels of two photos has shown.
type Evidence string

// The verdicts on pixels. NotCompared is the zero value.
const (
	NotCompared  Evidence = ""
	PixelsEqual  Evidence = "pixels-equal"
	PixelsDiffer Evidence = "pixels-differ"
)

// Valid says whether e is one of the verdicts.
func (e Evidence) Valid() bool {
	return e == NotCompared || e == PixelsEqual || e == PixelsDiffer
}

// MaybeSamePixels says that a full decode of both photos could show equal
// pixels: their tiles and sizes are equal and their bytes are not.
func MaybeSamePixels(a, b Photo) bool {
	return a.SHA256 != b.SHA256 && a.TileHash == b.TileHash && a.Width == b.Width && a.Height == b.Height
}

// Classify names the kind of a pair. ok is false for a pair that is none:
// photos without detail are a pair only when their pixels are equal.
func Classify(a, b Photo, e Evidence) (k Kind, ok bool) {
	switch {
	case a.SHA256 == b.SHA256:
		return Identical, true
	case e == PixelsEqual && MaybeSamePixels(a, b):
		return SamePixels, true
	case a.LowDetail || b.LowDetail:
		return "", false
	}
	return Similar, true
}
