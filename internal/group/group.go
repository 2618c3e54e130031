package group

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
)

// File is one name of a photo.
type File struct {
	Path          string // whole path, as bytes; unique among all files given
	RootID        int64
	SizeBytes     int64
	MtimeNS       int64
	Device, Inode uint64 // 0, 0 where the file system does not keep them
	Links         uint64 // names that the inode has anywhere; 0 if not known
	Managed       bool   // inside a managed library: never to be moved
	Protected     bool   // in a protected folder: kept first, never to be moved
	Chosen        bool   // the user decided to keep this one
}

// Photo is one content, with the facts that the rules for keepers need and all
// its files. Photos without files are ignored.
type Photo struct {
	ID            int64
	SHA256        [32]byte
	SizeBytes     int64
	Width, Height int // as displayed
	Format        string
	JPEGQuality   int // 0: not known
	HasExif       bool
	TakenAt       string // as written in EXIF, empty: none
	HasGPS        bool
	Rating        int
	Caption       string
	Files         []File
}

// Pair says that two photos belong together. When a pair is given twice, the
// surer one counts.
type Pair struct {
	A, B       int64 // photo IDs
	Similarity float64
	Cosine     float64
	Kind       string
	Certainty  int // the higher, the surer; must be the same for all pairs of a kind
}

// Options set what the kinds mean.
type Options struct {
	// Identical is the name of the kind of copies with equal bytes.
	Identical string
	// IdenticalCertainty is its certainty, above that of all pairs given.
	IdenticalCertainty int
	// CopyCertainty: pairs at least this sure are copies. Stars of copies grow
	// together; vaguer pairs only add photos that no surer group has. When not
	// all kinds of copies will be acted on, it must be above those left out: a
	// copy would else be a vaguer one of the better keeper, and not acted on.
	CopyCertainty int
}

// Member is one copy in a group.
type Member struct {
	PhotoID    int64
	File       File   // the name by which the copy is shown and moved
	OtherNames []File // hard links: more names of the same inode, sorted by path
	// Kind, Certainty, Similarity and Cosine are those of the pair with the keeper.
	Kind               string
	Certainty          int
	Similarity, Cosine float64
	// Reason says why the keeper is kept rather than this copy.
	Reason string
	// Lacks names what the keeper lacks and this copy has: GPS, rating, date,
	// caption, more pixels.
	Lacks []string
	// Movable is false for a copy that must stay where it is; Why says why.
	Movable bool
	Why     string
	// OtherGroup is the ID of the surer group that has settled this copy: as its
	// keeper, or as a copy where a better photo has taken its star over.
	OtherGroup string
}

// Group is a keeper and its copies.
type Group struct {
	ID           string // stays the same while the keeper's content does
	Keeper       Member
	KeeperReason string // against the best of the others
	Members      []Member
	// FreedBytes is what moving all movable members takes out of the library's
	// folders: each inode once, and not at all if it has names elsewhere.
	FreedBytes int64
}

// Result is all groups, and what is in none.
type Result struct {
	Groups []Group
	// Outside counts photos with a pair that are in no group, because the other
	// photo of each of their pairs belongs to another keeper.
	Outside int
}

// Build makes groups. Pairs with unknown photos, or of a photo with itself, are
// ignored. The surest groups come first: ordered by their surest member, then
// their vaguest, then the keeper's path.
func Build(photos []Photo, pairs []Pair, o Options) Result {
	s := newStars(photos, pairs, o)
	s.grow()
	var r Result
	for i := range s.ranked {
		if s.hasStar(i) {
			r.Groups = append(r.Groups, s.group(i))
		}
	}
	r.Outside = s.outside()
	slices.SortFunc(r.Groups, compareGroups)
	return r
}

// Keep is the group with only the members that keep says yes to. ok is false
// when none is left.
func (g Group) Keep(keep func(Member) bool) (left Group, ok bool) {
	left = g
	left.Members = slices.DeleteFunc(slices.Clone(g.Members), func(m Member) bool { return !keep(m) })
	left.FreedBytes = freed(left.Members)
	return left, len(left.Members) > 0
}

func compareGroups(a, b Group) int {
	// Members are sorted the surest first.
	surest := func(g Group) int { return g.Members[0].Certainty }
	vaguest := func(g Group) int { return g.Members[len(g.Members)-1].Certainty }
	return cmp.Or(
		cmp.Compare(surest(b), surest(a)),
		cmp.Compare(vaguest(b), vaguest(a)),
		strings.Compare(a.Keeper.File.Path, b.Keeper.File.Path),
	)
}

func compareMembers(a, b Member) int {
	return cmp.Or(
		cmp.Compare(b.Certainty, a.Certainty),
		cmp.Compare(b.Similarity, a.Similarity),
		strings.Compare(a.File.Path, b.File.Path),
	)
}

// groupID names a group after its keeper's content: 48 bits of it, by which
// two of 100,000 groups meet once in 56,000 libraries.
func groupID(sha [32]byte) string { return hex.EncodeToString(sha[:6]) }
