package quarantine

import (
	"errors"
	"log/slog"
	"time"
)

// FolderName is the folder at a root that holds the quarantine's runs.
const FolderName = ".dupfind-quarantine"

// ManifestName is the manifest in the folder of a run. A folder that holds one is a quarantine folder.
const ManifestName = "dupfind-manifest.jsonl"

// FileRef is a file as the store knows it. Root is the root's absolute path, Rel is below it.
type FileRef struct {
	RootID        int64
	Root, Rel     string
	SHA256        [32]byte
	SizeBytes     int64
	MtimeNS       int64
	Device, Inode uint64
}

// Path is the file's absolute path.
func (f FileRef) Path() string { return joinPath(f.Root, f.Rel) }

// Move is one copy that shall go, and the keeper that stays for it.
type Move struct {
	Copy, Keeper FileRef
	Kind         string   // kind of the pair, kept for the record
	Lacks        []string // what the copy has that the keeper lacks, kept for the record
}

// kindIdentical is the one kind whose meaning matters here: copy and keeper have the same bytes.
const kindIdentical = "identical"

// Options is how Prepare and Run do their work.
type Options struct {
	To       string           // folder that takes the run; empty: FolderName at each copy's root
	RunName  string           // name of the run; empty: made from Now
	DryRun   bool             // Run changes nothing and says what it would do
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: none
	Progress func(done, total int)
}

// RestoreOptions is how Restore does its work.
type RestoreOptions struct {
	// Only limits the restore to files, or folders, by their path where they were (absolute, or relative to
	// the root) or by their path in the quarantine. Empty: all.
	Only     []string
	Now      func() time.Time
	Log      *slog.Logger
	Progress func(done, total int)
}

// Target says what Restore puts back. Exactly one field is set.
type Target struct {
	Run    string // name of a run in the journal
	Folder string // a quarantine folder: the folder with the manifest, or one that holds just one such
	Last   bool   // the newest run that still has something to restore
	All    bool   // every run that still has something to restore
}

// Outcome is what became of one file.
type Outcome string

// The outcomes. The file of every outcome but Gone is where Item says.
const (
	Planned     Outcome = "planned"      // would be moved (dry run)
	Moved       Outcome = "moved"        // is in the quarantine, at Dest
	Held        Outcome = "held"         // was not moved: a rule holds it back
	Refused     Outcome = "refused"      // was not moved, or not put back: a check failed at the last moment
	Failed      Outcome = "failed"       // was not moved, or not put back: the system did not let us
	Restored    Outcome = "restored"     // is back at Path
	AlreadyBack Outcome = "already-back" // the same content is at Path; a quarantined copy, if any, stays
	Gone        Outcome = "gone"         // is neither in the quarantine nor at Path: removed by other hands
)

// Valid says whether o is one of the outcomes.
func (o Outcome) Valid() bool {
	switch o {
	case Planned, Moved, Held, Refused, Failed, Restored, AlreadyBack, Gone:
		return true
	}
	return false
}

// Item is one file and what became of it.
type Item struct {
	Path      string // absolute, where the file was or is
	Dest      string // absolute, in the quarantine; empty if it never got a place there
	Keeper    string // absolute
	Kind      string
	Lacks     []string
	SizeBytes int64
	Outcome   Outcome
	Reason    Reason // empty for Planned, Moved, Restored
	Detail    string // the reason for a person, more exactly
}

// Result is what a run or a restore did, one item a file, in the order of the moves.
type Result struct {
	Runs      []string // names of the runs concerned
	Items     []Item
	Bytes     int64    // bytes moved or restored
	Folders   []string // quarantine folders concerned, absolute
	Manifests []string // their manifests, absolute
}

// Count returns how many items have one of the outcomes.
func (r Result) Count(outcomes ...Outcome) int {
	n := 0
	for _, item := range r.Items {
		for _, o := range outcomes {
			if item.Outcome == o {
				n++
			}
		}
	}
	return n
}

// Complete says whether nothing was held back, refused, failed or gone.
func (r Result) Complete() bool { return r.Count(Held, Refused, Failed, Gone) == 0 }

// Errors that the caller tells apart.
var (
	ErrBusy         = errors.New("another dupfind moves files in this folder")
	ErrNoRun        = errors.New("no such quarantine run")
	ErrNothingLeft  = errors.New("no quarantine run has anything left to restore")
	ErrNoManifest   = errors.New("no dupfind manifest in this folder")
	ErrManifest     = errors.New("not a manifest that this dupfind wrote")
	ErrNotHere      = errors.New("the folder is not here (is its drive plugged in?)")
	ErrNeedsJournal = errors.New("without a library only a quarantine folder can be restored")
	ErrDiskFull     = errors.New("no space left")
)
