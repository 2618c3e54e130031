package find

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/dupfind/dupfind/index"
	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/internal/group"
	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/store"
)

// Scale is a model's calibration.
type Scale interface {
	Similarity(cosine float64) float64
	Cosine(similarity float64) float64
}

// Options says which pairs and groups are wanted.
type Options struct {
	ModelID   int64 // 0: none yet, so that only contents and pixels are compared
	Engine    index.Engine
	Threshold float64 // similarity
	Scale     Scale
	// Kinds are those wanted; nil: all. Who acts on some kinds only must ask for
	// these: an equal copy of a same-pixels copy is by itself in a group of
	// kind identical, and is the keeper's same-pixels copy where both are wanted.
	Kinds []match.Kind
	// Paths: groups and pairs that touch one of these files or folders, given
	// as absolute paths; nil: all.
	Paths []string
	// MinSize leaves out smaller files, in bytes.
	MinSize int64
	// Protected are folders, as absolute paths, whose files are kept first and
	// never moved.
	Protected []string
	// Pool decodes photos in full where only that can tell. nil: what no stored
	// evidence confirms stays unconfirmed.
	Pool *decode.Pool
	// MaxPairs ends a search that goes below the stored floor; 0: DefaultMaxPairs.
	MaxPairs int64
	// Searching is called before photos are searched although the store holds
	// a search; nil: nobody is told.
	Searching func(SearchReason)
	// Progress hears of vector comparisons then, and Confirming of photos
	// decoded in full: first of none done, and of nothing if none need be.
	Progress   index.Progress
	Confirming func(done, total int)
}

// SearchReason says why stored pairs do not answer a question.
type SearchReason string

// The reasons to search again.
const (
	BelowFloor  SearchReason = "below-floor" // the threshold is lower than the stored search went
	NotSearched SearchReason = "new-photos"  // photos were embedded, and not searched yet
	Approximate SearchReason = "approximate" // the engine may miss pairs, so its searches are not kept
)

func (o *Options) check() error {
	switch {
	case !(o.Threshold >= 0 && o.Threshold <= 1):
		return fmt.Errorf("threshold %v is not between 0 and 1", o.Threshold)
	case o.ModelID != 0 && (o.Engine == nil || o.Scale == nil):
		return fmt.Errorf("model %d without engine or scale", o.ModelID)
	}
	for _, k := range o.Kinds {
		if !k.Valid() {
			return fmt.Errorf("no kind %q", k)
		}
	}
	return nil
}

func (o *Options) wants(k match.Kind) bool { return len(o.Kinds) == 0 || slices.Contains(o.Kinds, k) }

// touches says whether p is one of the paths asked for or below one.
func (o *Options) touches(p string) bool { return len(o.Paths) == 0 || below(o.Paths, p) }

func below(folders []string, p string) bool {
	return slices.ContainsFunc(folders, func(f string) bool {
		f = path.Clean(f)
		return p == f || strings.HasPrefix(p, strings.TrimSuffix(f, "/")+"/")
	})
}

// Numbers say what was compared and what was not, in contents, where a photo
// that has several files counts once. Photos = Compared + LowDetail + NoVector.
type Numbers struct {
	Files     int // names of present photos, before MinSize
	TooSmall  int // contents below MinSize, left out of all that follows
	Photos    int // contents
	Compared  int // by their vectors
	LowDetail int // without detail: by pixels alone
	NoVector  int // no vector under this model: by pixels alone
	Skipped   int // files and folders that could not be compared; see store.Skipped
	// Proposals are pairs at or above the threshold by vectors, Confirmed those
	// of them that pixels showed to be copies. ExpectedFalse is how many
	// proposals would be false by chance: pairs compared times the rate that
	// the scale has at the threshold, at most all of them.
	Proposals, Confirmed int
	ExpectedFalse        float64
	// Unconfirmed are photos that look equal to another and whose pixels could
	// not be compared.
	Unconfirmed []Unconfirmed
	// NotKept says why verdicts on pixels could not be stored, so that the next
	// report has to compare these photos again. It is nil when they were, and on
	// a store opened for reading only.
	NotKept error
	// Searched says that the store's pairs did not answer, and why.
	Searched SearchReason
}

// Unconfirmed is a photo whose pixels could not be digested.
type Unconfirmed struct {
	Path   string
	Reason decode.Reason
}

// FalseRate is the share of unrelated pairs that pass a similarity, as a
// model's scale is laid: one in 100,000 at 0.90, one in a million at 0.95, and
// on that line, in the logarithm, elsewhere.
func FalseRate(similarity float64) float64 {
	return min(1, math.Pow(10, -6+(0.95-similarity)/0.05))
}

// Result is what report shows and quarantine acts on.
type Result struct {
	Groups []group.Group
	// Outside counts photos that are a pair with some photo, and in no group
	// because each of those belongs to another keeper.
	Outside int
	// Contents holds the facts of every photo in Groups.
	Contents map[int64]store.Content
	// RemovedBefore names the quarantine run of photos in the library whose
	// content was moved out of it before: a sync client brought them back.
	RemovedBefore map[int64]string
	Numbers
}

// FilePair is two files that are a pair, PathA < PathB as bytes.
type FilePair struct {
	PathA, PathB       string
	ContentA, ContentB int64
	Similarity, Cosine float64
	Kind               match.Kind
}
