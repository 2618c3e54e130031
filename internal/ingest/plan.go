package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/scan"
	"github.com/dupfind/dupfind/store"
)

// job is one file that must be opened.
type job struct {
	file store.File // ID 0: new
	path string     // absolute, for the worker
}

// inode names a file whatever its path; the zero value means that the file
// system keeps none that can be trusted.
type inode struct{ device, number uint64 }

// planner compares what a walk finds with what the store knows of that root.
type planner struct {
	target Target
	needs  map[int64]bool // contents without a vector under this model
	verify bool

	known map[string]*knownFile // by path relative to the root
	dark  []string              // folders that could not be read: nothing below is gone
	links map[inode]bool        // inodes met in this run, over all roots

	out planOutput
}

// knownFile is a row of the store and whether this walk met it.
type knownFile struct {
	store.File
	met bool
}

// planOutput receives the planner's decisions, in walk order.
type planOutput struct {
	work      func(job) error
	unchanged func(f store.File) error // settled without opening it
	link      func(f store.File) error // another name of a file met before
	problem   func(store.File) error   // a row that says what could not be read
	other     func(store.File) error   // a file that is no photo, new or changed
}

// loadKnown reads the rows of the target's root into memory: about 200 bytes
// a file, so that the walk asks no database.
func loadKnown(ctx context.Context, db *store.DB, t Target) (map[string]*knownFile, error) {
	known := make(map[string]*knownFile, t.Root.Files)
	for f, err := range db.Files(ctx, t.Root.ID) {
		if err != nil {
			return nil, fmt.Errorf("read known files of %s: %w", t.Root.Path, err)
		}
		known[f.Path] = &knownFile{File: f}
	}
	return known, nil
}

// sniffed reports whether a file without a photo's extension is known to be
// just as it was; scan then does not open it. It is called concurrently and
// only reads.
func (p *planner) sniffed(f scan.File) bool {
	if p.verify {
		return false
	}
	k, ok := p.known[f.Rel]
	return ok && k.GoneNS == 0 && p.same(k.File, f)
}

// same reports whether the file on disk is the one the store knows: size,
// mtime and, where the file system keeps them, device-independent inode.
func (p *planner) same(k store.File, f scan.File) bool {
	return k.SizeBytes == f.SizeBytes && k.MtimeNS == f.MtimeNS &&
		(!p.target.Root.StableInodes || k.Inode == f.Inode)
}

// file decides what a file of the walk needs.
func (p *planner) file(f scan.File) error {
	row := store.File{
		RootID: p.target.Root.ID, Path: f.Rel, SizeBytes: f.SizeBytes, MtimeNS: f.MtimeNS,
		Device: f.Device, Inode: f.Inode, Links: f.Links, Managed: f.Managed,
	}
	k, isKnown := p.known[f.Rel]
	if isKnown {
		k.met = true
		row.ID = k.ID
	}
	isOther := f.Class == scan.Other || (f.Class == scan.KnownUnsniffed && isKnown && k.State == store.StateOther)
	again := !isOther && f.Links > 1 && p.seenLink(f)
	if !p.verify && isKnown && p.same(k.File, f) && p.settled(k.File) {
		row = k.File
		if again {
			return p.out.link(row)
		}
		return p.out.unchanged(row)
	}
	switch {
	case isOther:
		row.State = store.StateOther
		return p.out.other(row)
	case again:
		return p.out.link(row)
	}
	return p.out.work(job{file: row, path: absPath(p.target.Root.Path, f.Rel)})
}

// settled reports whether nothing can be learnt from opening the file again.
func (p *planner) settled(k store.File) bool {
	switch k.State {
	case store.StateOther:
		return true
	case store.StatePhoto:
		return k.Decoder == decode.Version && !p.needs[k.ContentID]
	case store.StateSkipped:
		return k.Decoder == decode.Version && decode.Reason(k.Reason).Remember()
	}
	return false
}

// seenLink reports whether this inode was met before, and remembers it.
func (p *planner) seenLink(f scan.File) bool {
	if !p.target.Root.StableInodes {
		return false
	}
	id := inode{f.Device, f.Inode}
	if p.links[id] {
		return true
	}
	p.links[id] = true
	return false
}

// problem records what could not be read. What lies below a folder that could
// not be listed keeps its rows: it was not seen, which is not the same as gone.
func (p *planner) problem(pr scan.Problem) error {
	row := store.File{RootID: p.target.Root.ID, Path: pr.Rel, State: store.StateSkipped, Reason: string(pr.Reason), Decoder: decode.Version}
	if pr.Err != nil {
		row.Detail = pr.Err.Error()
	}
	if pr.Dir {
		row.State = store.StateFolder
		p.dark = append(p.dark, pr.Rel)
	}
	if k, ok := p.known[pr.Rel]; ok {
		k.met = true
		row.ID = k.ID
	}
	return p.out.problem(row)
}

// notMet is what the store knows below a target and the walk did not meet.
type notMet struct {
	ids     []int64 // rows, to be marked as not there
	gone    int     // photos that are not there any more
	leftOut int     // photos that are there, and that a rule now leaves out
}

// notMet lists the rows that the walk should have met and did not. A folder's
// row goes once the folder can be read.
func (p *planner) notMet() notMet {
	var n notMet
	for path, k := range p.known {
		if k.met || k.GoneNS != 0 || !below(path, p.target.Sub) || p.inDark(path) {
			continue
		}
		n.ids = append(n.ids, k.ID)
		if k.State != store.StatePhoto && k.State != store.StateSkipped {
			continue
		}
		if _, err := os.Lstat(absPath(p.target.Root.Path, path)); err == nil {
			n.leftOut++
		} else {
			n.gone++
		}
	}
	return n
}

func (p *planner) inDark(path string) bool {
	for _, d := range p.dark {
		if below(path, d) {
			return true
		}
	}
	return false
}

// below reports whether path is folder or lies in it; "" is the root itself.
func below(path, folder string) bool {
	return folder == "" || path == folder || strings.HasPrefix(path, folder+"/")
}

func absPath(root, rel string) string {
	return strings.TrimSuffix(root, string(os.PathSeparator)) + string(os.PathSeparator) + filepath.FromSlash(rel)
}
