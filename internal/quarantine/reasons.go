package quarantine

import (
	"context"
	"errors"
	"os"

	"github.com/dupfind/dupfind/internal/fsx"
)

// Reason says in one word why a file was not moved or not put back.
type Reason string

// The reasons.
const (
	ReasonSidecar       Reason = "sidecar"
	ReasonManaged       Reason = "managed-library"
	ReasonHardLink      Reason = "hard-link"
	ReasonKeeperMoves   Reason = "keeper-moves"
	ReasonKeeperGone    Reason = "keeper-gone"
	ReasonKeeperChanged Reason = "keeper-changed"
	ReasonQuarantined   Reason = "in-quarantine"
	ReasonTwice         Reason = "named-twice"
	ReasonNoHash        Reason = "no-hash"
	ReasonNotIdentical  Reason = "not-identical"
	ReasonBadPath       Reason = "bad-path"
	ReasonGone          Reason = "gone"
	ReasonChanged       Reason = "changed"
	ReasonSymlink       Reason = "symlink"
	ReasonNotFile       Reason = "not-a-file"
	ReasonOccupied      Reason = "occupied"
	ReasonPermission    Reason = "permission"
	ReasonReadOnly      Reason = "read-only"
	ReasonDiskFull      Reason = "disk-full"
	ReasonNoReplace     Reason = "no-safe-rename"
	ReasonInterrupted   Reason = "interrupted"
	ReasonNotInRun      Reason = "not-in-run"
	ReasonNotHere       Reason = "not-here"
	ReasonSystem        Reason = "system"
)

var reasonTexts = map[Reason]string{
	ReasonSidecar:       "has a sidecar or a sibling of the same name, which would be left behind",
	ReasonManaged:       "lies inside a managed photo library",
	ReasonHardLink:      "is another name of a file that stays; moving it frees nothing",
	ReasonKeeperMoves:   "its keeper is itself to be moved",
	ReasonKeeperGone:    "its keeper is not there",
	ReasonKeeperChanged: "its keeper has changed since the scan",
	ReasonQuarantined:   "it or its keeper lies in a quarantine folder",
	ReasonTwice:         "is named twice",
	ReasonNoHash:        "its content, or the keeper's, is not known by hash",
	ReasonNotIdentical:  "is called identical to its keeper and is not",
	ReasonBadPath:       "has a path that is none below its root",
	ReasonGone:          "is not there",
	ReasonChanged:       "has changed",
	ReasonSymlink:       "a folder on its way is a symlink, or no folder any more",
	ReasonNotFile:       "is not a regular file",
	ReasonOccupied:      "another file has its place",
	ReasonPermission:    "the system does not allow it",
	ReasonReadOnly:      "the filesystem is read-only",
	ReasonDiskFull:      "no space is left",
	ReasonNoReplace:     "this filesystem cannot rename without the danger of overwriting",
	ReasonInterrupted:   "the run was interrupted before its turn",
	ReasonNotInRun:      "is not part of what is restored",
	ReasonNotHere:       "its folder is not here; is the drive plugged in?",
	ReasonSystem:        "the system reported an error",
}

// Valid says whether r is one of the reasons.
func (r Reason) Valid() bool { return reasonTexts[r] != "" }

// Text gives the reason as the end of a sentence whose subject is the file.
func (r Reason) Text() string { return reasonTexts[r] }

// refusal is an error that concerns one file only; the run goes on.
type refusal struct {
	outcome Outcome
	reason  Reason
	err     error // more exactly; may be nil
}

func (r *refusal) Error() string {
	if r.err != nil {
		return r.err.Error()
	}
	return r.reason.Text()
}

func (r *refusal) Unwrap() error { return r.err }

func refuse(reason Reason, err error) *refusal { return &refusal{Refused, reason, err} }

// classify turns an error of a file operation on one file into a refusal. It returns nil for what
// concerns the whole run: a full disk, or an interruption.
func classify(err error) *refusal {
	var r *refusal
	switch {
	case errors.As(err, &r):
		return r
	case fsx.IsDiskFull(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil
	case errors.Is(err, fsx.ErrChanged):
		return refuse(ReasonChanged, err)
	case errors.Is(err, fsx.ErrNotRegular):
		return refuse(ReasonNotFile, err)
	case errors.Is(err, fsx.ErrSymlink):
		return refuse(ReasonSymlink, err)
	case errors.Is(err, fsx.ErrBadPath):
		return refuse(ReasonBadPath, err)
	case errors.Is(err, os.ErrNotExist):
		return refuse(ReasonGone, err)
	case errors.Is(err, os.ErrExist):
		return refuse(ReasonOccupied, err)
	case errors.Is(err, fsx.ErrNoNoReplace):
		return &refusal{Failed, ReasonNoReplace, err}
	case fsx.IsReadOnly(err):
		return &refusal{Failed, ReasonReadOnly, err}
	case fsx.IsPermission(err):
		return &refusal{Failed, ReasonPermission, err}
	}
	return &refusal{Failed, ReasonSystem, err}
}

// asKeeper names the same trouble from the copy's point of view.
func (r *refusal) asKeeper() *refusal {
	switch r.reason {
	case ReasonGone:
		return refuse(ReasonKeeperGone, r.err)
	case ReasonChanged, ReasonNotFile, ReasonSymlink:
		return refuse(ReasonKeeperChanged, r.err)
	}
	return r
}
