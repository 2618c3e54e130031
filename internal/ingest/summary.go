package ingest

import (
	"slices"
	"strings"

	"github.com/dupfind/dupfind/scan"
)

// ReasonCount is how many files were skipped for one reason.
type ReasonCount struct {
	Reason string
	Files  int
}

// RootNotHere is a root that was left alone because it seems not to be mounted.
type RootNotHere struct {
	Path string
	Why  string
}

// Summary is what a run did. Seen = Compared + Skipped.
type Summary struct {
	Seen     int // photos, each inode once
	Compared int // have a vector, or are compared by pixels alone
	Skipped  int // could not be compared, failures remembered from earlier runs included

	Unchanged  int // of Seen: not opened, known from an earlier run
	Embedded   int // vectors computed in this run
	Copies     int // files whose content was known or came twice: a hash each
	LowDetail  int // of the newly decoded: blank, black, one colour
	Remembered int // of Skipped: failed before and unchanged since
	Gone       int // photos that are not there any more
	NowLeftOut int // known photos that are there and that a rule leaves out now
	HardLinks  int // further names of a file already counted
	Others     int // files that are no photos
	SizeBytes  int64

	Reasons     []ReasonCount // most frequent first
	LeftOut     scan.Counts   // by rule
	Problems    int           // folders that could not be read
	NotHere     []RootNotHere
	Interrupted bool
	// Waiting is how many files were to be opened and are not settled, after an
	// interruption or a failure: the next scan goes on with them. MoreMayWait
	// says that the walk did not come to its end either.
	Waiting     int
	MoreMayWait bool
}

// Failed reports whether something could not be compared: exit code 3.
func (s Summary) Failed() bool { return s.Skipped > 0 || s.Problems > 0 || len(s.NotHere) > 0 }

func reasonCounts(m map[string]int) []ReasonCount {
	out := make([]ReasonCount, 0, len(m))
	for r, n := range m {
		out = append(out, ReasonCount{r, n})
	}
	slices.SortFunc(out, func(a, b ReasonCount) int {
		if a.Files != b.Files {
			return b.Files - a.Files
		}
		return strings.Compare(a.Reason, b.Reason)
	})
	return out
}
