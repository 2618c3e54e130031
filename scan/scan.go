package scan

import "iter"

// Options say what a walk leaves out beside the rules that always hold.
type Options struct {
	// Exclude holds patterns in gitignore's syntax, relative to the root,
	// the last one that matches wins. A leading '#' is taken literally:
	// each string is one pattern, and "#recycle" is a folder's name.
	Exclude []string
	// ExcludeIfPresent leaves out each folder that holds an entry of one of
	// these names.
	ExcludeIfPresent []string
	// OneFileSystem leaves out folders on other devices than the root's.
	OneFileSystem bool
	// Known reports whether the caller knows this file unchanged (as a
	// photo, as none, or as a failure). Such a file is not opened to look
	// at its first bytes. It is asked only about files whose names are not
	// photos', from several goroutines at once, ahead of the order in which
	// files are visited. Nil knows nothing.
	Known func(File) bool
}

// File is a regular file of the library.
type File struct {
	Rel                  string // relative to the root, '/' between names
	SizeBytes, MtimeNS   int64
	Device, Inode, Links uint64
	Managed              bool // inside another program's library: never to be moved
	Class                Class
}

// Class says what a file was taken for, and by what.
type Class string

const (
	Photo          Class = "photo"           // its extension or its first bytes are a photo's
	Other          Class = "other"           // neither is
	KnownUnsniffed Class = "known-unsniffed" // the extension is not a photo's and the caller knows the rest
)

// Valid reports whether c is one of the classes above.
func (c Class) Valid() bool {
	return c == Photo || c == Other || c == KnownUnsniffed
}

// Problem is an entry that a person would expect to be looked at and that
// could not be.
type Problem struct {
	Rel    string
	Dir    bool // a folder: what is below it was not seen
	Reason Reason
	Err    error // what the system said; nil where the reason says it all
}

// Reason says why an entry could not be looked at.
type Reason string

const (
	Unreadable    Reason = "unreadable"
	PathTooLong   Reason = "path-too-long"
	NotOnThisDisk Reason = "not-on-this-disk"
)

// Valid reports whether r is one of the reasons above.
func (r Reason) Valid() bool {
	return r == Unreadable || r == PathTooLong || r == NotOnThisDisk
}

// Text says the reason in words for a person.
func (r Reason) Text() string {
	switch r {
	case Unreadable:
		return "could not be read"
	case PathTooLong:
		return "its path is longer than the system can open"
	case NotOnThisDisk:
		return "its content is in the cloud, not on this disk"
	}
	return string(r)
}

// Visitor receives what a walk finds, in order, from one goroutine. An error
// from either function ends the walk and is returned by it. A nil function
// is not called.
type Visitor struct {
	File    func(File) error
	Problem func(Problem) error
}

// Rule names a reason for which an entry is left out on purpose.
type Rule string

const (
	RuleHidden           Rule = "hidden"
	RuleTrash            Rule = "trash"
	RuleSystem           Rule = "system"
	RuleThumbnails       Rule = "thumbnails"
	RuleQuarantine       Rule = "quarantine"
	RuleManaged          Rule = "managed"
	RuleExcluded         Rule = "excluded"
	RuleExcludeIfPresent Rule = "exclude-if-present"
	RuleOtherFileSystem  Rule = "other-file-system"
	RuleSymlink          Rule = "symlink"
	RuleSpecial          Rule = "special"
)

// Tally counts folders and other entries apart.
type Tally struct {
	Folders, Files int64
}

func (t *Tally) add(dir bool) {
	if dir {
		t.Folders++
	} else {
		t.Files++
	}
}

func (t *Tally) sum(o Tally) {
	t.Folders += o.Folders
	t.Files += o.Files
}

// Counts is what became of the entries that a walk saw. The folder that the
// walk began at is not an entry of itself and is counted only when a rule or
// a problem kept it from being walked (it is then in Seen as well).
type Counts struct {
	Seen     Tally // every entry of every folder that was listed
	Visited  Tally // files handed to the visitor, folders walked
	Problems Tally // handed to the visitor as problems
	Vanished Tally // removed while the walk went on

	Hidden, Trash, System, Thumbnails, Quarantine, Managed Tally
	Excluded, ExcludeIfPresent, OtherFileSystem            Tally
	Symlinks, Special                                      Tally
}

// LeftOut yields every rule with its tally, in a fixed order.
func (c *Counts) LeftOut() iter.Seq2[Rule, Tally] {
	return func(yield func(Rule, Tally) bool) {
		for _, r := range allRules {
			if !yield(r, *c.rule(r)) {
				return
			}
		}
	}
}

// Reconciles reports whether every entry seen is accounted for exactly once.
func (c *Counts) Reconciles() bool {
	var t Tally
	t.sum(c.Visited)
	t.sum(c.Problems)
	t.sum(c.Vanished)
	for _, n := range c.LeftOut() {
		t.sum(n)
	}
	return t == c.Seen
}

// Add adds the counts of another walk.
func (c *Counts) Add(o Counts) {
	c.Seen.sum(o.Seen)
	c.Visited.sum(o.Visited)
	c.Problems.sum(o.Problems)
	c.Vanished.sum(o.Vanished)
	for r, n := range o.LeftOut() {
		c.rule(r).sum(n)
	}
}

var allRules = []Rule{
	RuleHidden, RuleTrash, RuleSystem, RuleThumbnails, RuleQuarantine, RuleManaged,
	RuleExcluded, RuleExcludeIfPresent, RuleOtherFileSystem, RuleSymlink, RuleSpecial,
}

func (c *Counts) rule(r Rule) *Tally {
	switch r {
	case RuleHidden:
		return &c.Hidden
	case RuleTrash:
		return &c.Trash
	case RuleSystem:
		return &c.System
	case RuleThumbnails:
		return &c.Thumbnails
	case RuleQuarantine:
		return &c.Quarantine
	case RuleManaged:
		return &c.Managed
	case RuleExcluded:
		return &c.Excluded
	case RuleExcludeIfPresent:
		return &c.ExcludeIfPresent
	case RuleOtherFileSystem:
		return &c.OtherFileSystem
	case RuleSymlink:
		return &c.Symlinks
	case RuleSpecial:
		return &c.Special
	}
	panic("scan: unknown rule " + string(r))
}
