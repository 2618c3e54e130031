package group

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Copy is one inode of a photo with all names it is known by.
type Copy struct {
	File              // the name to show, the best by compareCopies
	OtherNames []File // hard links, sorted by path
	clean      bool   // cleanName(Path): dear, and compared often
}

// mustStay says why a copy must not be moved, or "". All its names count: one
// inode with one name in a managed library stays whole.
func (c Copy) mustStay() string {
	if why := c.File.mustStay(); why != "" {
		return why
	}
	for _, f := range c.OtherNames {
		if why := f.mustStay(); why != "" {
			return fmt.Sprintf("%s, by its other name %q", why, f.Path)
		}
	}
	return ""
}

func (f File) mustStay() string {
	switch {
	case f.Managed:
		return "inside a managed photo library"
	case f.Protected:
		return "in a protected folder"
	case f.Chosen:
		return "you decided to keep it"
	}
	return ""
}

// Copies joins the names of one inode and sorts the copies, the one to keep
// first. Files without an inode number are a copy each.
func Copies(files []File) []Copy {
	type inode struct{ device, inode uint64 }
	byInode := make(map[inode]int)
	sorted := make([]Copy, len(files))
	for i, f := range files {
		sorted[i] = Copy{File: f, clean: cleanName(f.Path)}
	}
	slices.SortFunc(sorted, compareCopies)
	var out []Copy
	for _, c := range sorted {
		key := inode{c.Device, c.Inode}
		if key != (inode{}) {
			if at, ok := byInode[key]; ok {
				out[at].OtherNames = append(out[at].OtherNames, c.File)
				continue
			}
			byInode[key] = len(out)
		}
		out = append(out, c)
	}
	for i := range out {
		slices.SortFunc(out[i].OtherNames, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	}
	return out
}

// compareCopies orders names of one content, the one to keep first: a decision,
// a protected folder, a managed library (nothing is moved out of it, so the
// others can be), the oldest, the shortest clean name.
func compareCopies(a, b Copy) int {
	return cmp.Or(
		yesFirst(a.Chosen, b.Chosen),
		yesFirst(a.Protected, b.Protected),
		yesFirst(a.Managed, b.Managed),
		cmp.Compare(a.mtimeSeconds(), b.mtimeSeconds()),
		yesFirst(a.clean, b.clean),
		compareNames(a.Path, b.Path),
	)
}

func yesFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
