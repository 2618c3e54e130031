package decode

import "fmt"

// Reason says in one word why a photo was left out; Text says it in a sentence.
type Reason string

// The reasons. They are stored, so a word keeps its meaning.
const (
	Damaged     Reason = "damaged"
	Truncated   Reason = "truncated"
	Empty       Reason = "empty"
	NotAPhoto   Reason = "not-a-photo"
	Unsupported Reason = "unsupported"
	NoPreview   Reason = "no-preview"
	TooLarge    Reason = "too-large"
	Memory      Reason = "memory"
	Timeout     Reason = "timeout"
	Crashed     Reason = "crashed"
	Unreadable  Reason = "unreadable"
	Changed     Reason = "changed"
	Gone        Reason = "gone"
)

var reasonTexts = map[Reason]string{
	Damaged:     "The file is damaged: parts of the picture cannot be decoded.",
	Truncated:   "The file ends too early: the lower part of the picture is missing.",
	Empty:       "The file is empty (0 bytes).",
	NotAPhoto:   "The file is not a photo, whatever its name says.",
	Unsupported: "The file is a kind of picture that dupfind cannot decode.",
	NoPreview:   "The camera raw file holds no preview picture that can be used.",
	TooLarge:    "The picture or the file is larger than the limit.",
	Memory:      "Decoding needed more memory than a decoder may use.",
	Timeout:     "Decoding took too long and was stopped.",
	Crashed:     "The decoder crashed on this file, twice.",
	Unreadable:  "The file could not be read.",
	Changed:     "The file was being changed while it was read; the next scan tries again.",
	Gone:        "The file went away during the scan.",
}

// Reasons returns all reasons, in the order in which a list for a person shows them.
func Reasons() []Reason {
	return []Reason{Damaged, Truncated, Empty, NotAPhoto, Unsupported, NoPreview, TooLarge, Memory, Timeout, Crashed,
		Unreadable, Changed, Gone}
}

// Valid says whether r is one of the reasons.
func (r Reason) Valid() bool { _, ok := reasonTexts[r]; return ok }

// Text is a sentence for a person.
func (r Reason) Text() string {
	if t, ok := reasonTexts[r]; ok {
		return t
	}
	return fmt.Sprintf("The file was left out (%q).", string(r))
}

// Remember says whether the verdict holds until the file or the decoder changes. What lies with the moment and not with
// the photo (no permission, a disk's error, a file being written) is tried again by every scan.
func (r Reason) Remember() bool {
	switch r {
	case Unreadable, Changed, Gone:
		return false
	}
	return r.Valid()
}

// SkipError says that one photo could not be decoded, and why. It is data: the run goes on.
type SkipError struct {
	Path   string
	Reason Reason
	Err    error // the detail, never nil
}

func (e *SkipError) Error() string { return fmt.Sprintf("decode %q: %s: %v", e.Path, e.Reason, e.Err) }

// Unwrap returns the detail.
func (e *SkipError) Unwrap() error { return e.Err }
