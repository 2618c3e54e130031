package scan

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

const (
	// QuarantineName is the folder that quarantine moves copies to.
	QuarantineName = ".dupfind-quarantine"
	// ManifestName is the file that marks a quarantine folder of any name.
	ManifestName = "dupfind-manifest.jsonl"
)

// rules decides by name, type and neighbours what a walk leaves out.
type rules struct {
	exclude   []pattern
	ifPresent []string
}

func newRules(o Options) (*rules, error) {
	r := &rules{ifPresent: o.ExcludeIfPresent}
	for _, s := range o.Exclude {
		p, ok, err := parsePattern(s)
		if err != nil {
			return nil, fmt.Errorf("exclude pattern %q: %w", s, err)
		}
		if ok {
			r.exclude = append(r.exclude, p)
		}
	}
	for _, s := range r.ifPresent {
		if s == "" || strings.ContainsRune(s, '/') {
			return nil, fmt.Errorf("exclude if present %q: not a file's name", s)
		}
	}
	return r, nil
}

// CheckExclude reports what is wrong with a pattern of [Options.Exclude].
func CheckExclude(s string) error {
	_, _, err := parsePattern(s)
	return err
}

// leaves returns the rule that leaves an entry out by its name and type, or "".
func (r *rules) leaves(l library, rel string, e fs.DirEntry) Rule {
	name, dir := e.Name(), e.IsDir()
	switch t := e.Type(); {
	case t&fs.ModeSymlink != 0:
		return RuleSymlink
	case !dir && !t.IsRegular():
		return RuleSpecial
	case dir && name == QuarantineName:
		return RuleQuarantine
	case l.hides(name, dir), dir && isClosedLibrary(name):
		return RuleManaged
	}
	switch match(r.exclude, rel, dir) {
	case excluded:
		return RuleExcluded
	case included:
		return ""
	}
	if dir {
		if rule := machineFolder(name); rule != "" {
			return rule
		}
	}
	if name[0] == '.' && !isCloudPlaceholder(name) {
		return RuleHidden
	}
	return ""
}

// inside returns the rule that leaves a folder out by what it holds, or "".
func (r *rules) inside(name string, entries []fs.DirEntry) Rule {
	rule := Rule("")
	for _, e := range entries {
		switch n := e.Name(); {
		case n == ManifestName && !e.IsDir():
			return RuleQuarantine
		case name == "thumbs" && n == ".immich":
			// Immich marks its folders with this file; a folder called
			// "thumbs" without it may be anybody's.
			rule = RuleThumbnails
		case name == "CaptureOne" && e.IsDir() && (n == "Cache" || strings.HasPrefix(n, "Settings")):
			rule = RuleManaged
		case rule == "" && slices.Contains(r.ifPresent, n):
			rule = RuleExcludeIfPresent
		}
	}
	return rule
}

// start says what holds for the folder that a walk begins at. The user named
// it, so hidden and excluded names on the way do not matter, but photos in a
// quarantine folder or in another program's library are what they are.
func (r *rules) start(root, sub string) (Rule, library) {
	l := outside
	for name := range strings.SplitSeq(path.Join(root, sub), "/") {
		switch {
		case name == QuarantineName:
			return RuleQuarantine, l
		case isClosedLibrary(name), l.hides(name, true):
			return RuleManaged, l
		}
		l = l.below(name)
	}
	return "", l
}

// machineFolder knows the names under which programs keep folders of their
// own among a person's. Only names that no person would choose are here.
func machineFolder(name string) Rule {
	lower := strings.ToLower(name)
	switch lower {
	case "$recycle.bin", "recycler", "#recycle", "@recycle", ".recycle", ".trash", ".trashes", ".stversions", ".dtrash", ".trashed":
		// Windows since Vista and before, Synology, QNAP, Samba, macOS,
		// Syncthing, digiKam.
		return RuleTrash
	case "@eadir", "@tmp", "@sharebin", "#snapshot", "@snapshot", "@recently-snapshot", "system volume information", "lost+found":
		// Synology, QNAP, Windows, ext4.
		return RuleSystem
	case ".thumbnails", ".thumbnail", ".thumbs", ".thumb", ".thumbdata", "@__thumb", ".@__thumb", ".picasaoriginals_thumbs":
		// freedesktop and Android, gallery programs, QNAP.
		return RuleThumbnails
	}
	if strings.HasPrefix(lower, ".trash-") { // freedesktop: .Trash-1000 at the top of a drive
		return RuleTrash
	}
	return ""
}

// isCloudPlaceholder knows the files that iCloud Drive leaves in place of a
// photo that it took off the disk: ".IMG_1.HEIC.icloud".
func isCloudPlaceholder(name string) bool {
	rest, ok := strings.CutSuffix(name, ".icloud")
	return ok && name[0] == '.' && IsPhotoExt(rest[1:])
}
