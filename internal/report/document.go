package report

import (
	"encoding/hex"
	"time"

	"github.com/dupfind/dupfind/internal/group"
	"github.com/dupfind/dupfind/internal/match"
)

// Document is all that a report says.
type Document struct {
	Program         string // "dupfind 1.2.3"
	Threshold       float64
	ThresholdCosine float64
	Model           Model
	Engine          Engine
	Roots           []Root
	Kinds           []match.Kind // asked for; empty: all
	Paths           []string     // asked for; empty: all
	MinSizeBytes    int64
	QuarantineKinds []match.Kind // moved unless told otherwise
	Numbers         Numbers
	Unconfirmed     []Unconfirmed
	Groups          []Group
	Notes           []string // sentences for a person
	// Next are commands to type next; the table ends with them. Empty when
	// there is nothing to do.
	Next []string
}

// Model is the model whose vectors were compared; no name when there is none.
type Model struct {
	Name, Digest string
	Measured     bool
	Remark       string // "provisional scale, not measured: run calibrate"
}

// Engine is the index that found the pairs.
type Engine struct {
	Name  string
	Exact bool
}

// Root is a folder of the library.
type Root struct {
	Path string
	Here bool // false: its drive is not connected
}

// Numbers are what was compared and what not, as find counts it: contents,
// where Photos = Compared + LowDetail + NoVector.
type Numbers struct {
	Files, Photos, Compared, LowDetail, NoVector, Skipped, TooSmall int
	Proposals, Confirmed, Outside                                   int
	ExpectedFalse                                                   float64
}

// Unconfirmed is a photo that looks equal to another and whose pixels could
// not be compared.
type Unconfirmed struct {
	Path, Reason string
}

// File is one file of a group.
type File struct {
	Path               string
	SizeBytes          int64
	MtimeNS            int64
	SHA256             [32]byte
	Format             string
	Width, Height      int
	TakenAt            string
	Managed, Protected bool
	Links              []string // other paths of the same file
	RemovedBefore      string   // the run that moved this content before
}

// Member is a file that is a pair with the keeper.
type Member struct {
	File
	Kind               match.Kind
	Similarity, Cosine float64
	Reason             string   // why the keeper is kept and not this; names in it are quoted by %q
	KeeperLacks        []string // what this has and the keeper has not
	Movable            bool
	StaysBecause       string // when it is not movable
	KeeperOf           string // ID of the surer group that has settled it, nearly always as its keeper
	FreesBytes         int64  // what moving it takes out of the library's folders
}

// Group is a keeper and its members.
type Group struct {
	ID           string
	Keeper       File
	KeeperReason string
	Members      []Member
}

// Facts are what a report shows of a photo beside its files.
type Facts struct {
	SHA256        [32]byte
	Format        string
	Width, Height int
	TakenAt       string
	RemovedBefore string
}

// NewGroup turns a group into what a report shows. Facts are asked for by a
// member's PhotoID.
func NewGroup(g group.Group, facts func(photoID int64) Facts) Group {
	out := Group{ID: g.ID, Keeper: newFile(g.Keeper, facts), KeeperReason: g.KeeperReason}
	for _, m := range g.Members {
		r := Member{
			File: newFile(m, facts), Kind: match.Kind(m.Kind), Similarity: m.Similarity, Cosine: m.Cosine,
			Reason: m.Reason, KeeperLacks: m.Lacks, Movable: m.Movable, StaysBecause: m.Why, KeeperOf: m.OtherGroup,
		}
		// A file whose inode has names that are not known keeps its bytes on
		// the disk wherever this name goes.
		if m.Movable && m.File.Links <= uint64(1+len(m.OtherNames)) {
			r.FreesBytes = m.File.SizeBytes
		}
		out.Members = append(out.Members, r)
	}
	return out
}

func newFile(m group.Member, facts func(int64) Facts) File {
	x := facts(m.PhotoID)
	f := File{
		Path: m.File.Path, SizeBytes: m.File.SizeBytes, MtimeNS: m.File.MtimeNS, SHA256: x.SHA256,
		Format: x.Format, Width: x.Width, Height: x.Height, TakenAt: x.TakenAt,
		Managed: m.File.Managed, Protected: m.File.Protected, RemovedBefore: x.RemovedBefore,
	}
	for _, o := range m.OtherNames {
		f.Links = append(f.Links, o.Path)
	}
	return f
}

// moves reports whether a member is of a kind that is moved unless told
// otherwise. Quarantine may still hold it back: only there what lies beside a
// file is looked at.
func (d *Document) moves(m *Member) bool {
	if !m.Movable {
		return false
	}
	for _, k := range d.QuarantineKinds {
		if m.Kind == k {
			return true
		}
	}
	return false
}

// Totals are counted over a document's groups.
type Totals struct {
	Groups, Members int
	Kinds           []KindCount // those that occur, the surest first
	Moves           int         // members that quarantine moves unless told otherwise
	MovesBytes      int64       // and what that takes out of the library's folders
	RemovedBefore   int         // files whose content was quarantined before
}

// KindCount is how many members are of a kind.
type KindCount struct {
	Kind    match.Kind
	Members int
}

// Totals counts the groups.
func (d *Document) Totals() Totals {
	t := Totals{Groups: len(d.Groups)}
	counts := map[match.Kind]int{}
	for i := range d.Groups {
		g := &d.Groups[i]
		if g.Keeper.RemovedBefore != "" {
			t.RemovedBefore++
		}
		for j := range g.Members {
			m := &g.Members[j]
			t.Members++
			counts[m.Kind]++
			if m.RemovedBefore != "" {
				t.RemovedBefore++
			}
			if d.moves(m) {
				t.Moves++
				t.MovesBytes += m.FreesBytes
			}
		}
	}
	for _, k := range match.Kinds() {
		if counts[k] > 0 {
			t.Kinds = append(t.Kinds, KindCount{k, counts[k]})
		}
	}
	return t
}

func modified(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

func hexSum(sum [32]byte) string {
	if sum == ([32]byte{}) {
		return ""
	}
	return hex.EncodeToString(sum[:])
}
