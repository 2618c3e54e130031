package quarantine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dupfind/dupfind/internal/fsx"
	"github.com/dupfind/dupfind/store"
)

// Plan is a checked list of moves. Nothing has changed yet.
type Plan struct {
	Name    string // name of the run
	Moves   []PlannedMove
	Held    []Item // what stays, and why
	Bytes   int64  // bytes of Moves
	Folders []string

	db *store.DB
	o  Options
}

// PlannedMove is a move that passed the checks, with its place in the quarantine.
type PlannedMove struct {
	Move
	Dest   string // absolute
	folder int    // index of Plan.Folders
	rel    string // Dest below that folder
	stat   fsx.Stat
}

func (o *Options) setDefaults() error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	if o.To == "" {
		return nil
	}
	to, err := filepath.Abs(o.To)
	if err != nil {
		return fmt.Errorf("find folder %s: %w", o.To, err)
	}
	o.To = to
	if fi, err := os.Stat(to); err == nil && !fi.IsDir() {
		return fmt.Errorf("%s is no folder, so nothing can be moved into it", to)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look at the folder to move to: %w", err)
	}
	return nil
}

// Prepare checks moves and plans those that may go; the others are held, each with its reason. A file
// whose size and mtime are as scanned is taken to be unchanged here; Run reads every file again.
func Prepare(ctx context.Context, db *store.DB, moves []Move, o Options) (*Plan, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	c := &checker{roots: map[string]*fsx.Dir{}, listings: map[string]*listing{}}
	defer c.close()
	p := &Plan{db: db, o: o}
	facts := make([]facts, len(moves))
	for i, m := range moves {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		var err error
		if facts[i], err = c.look(ctx, m); err != nil {
			return nil, err
		}
	}
	holdConflicts(moves, facts)
	for i, m := range moves {
		if hold := facts[i].hold; hold != nil {
			p.Held = append(p.Held, m.item(Held, hold.reason, errorText(hold.err)))
			continue
		}
		p.Moves = append(p.Moves, PlannedMove{Move: m, stat: facts[i].copied})
		p.Bytes += m.Copy.SizeBytes
	}
	if len(p.Moves) == 0 {
		return p, nil
	}
	return p, p.choosePlaces(ctx)
}

func (m Move) item(outcome Outcome, reason Reason, detail string) Item {
	return Item{
		Path: m.Copy.Path(), Keeper: m.Keeper.Path(), Kind: m.Kind, Lacks: m.Lacks, SizeBytes: m.Copy.SizeBytes,
		Outcome: outcome, Reason: reason, Detail: detail,
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// facts is what Prepare finds out about one move.
type facts struct {
	copied, keeper fsx.Stat
	hold           *refusal // nil: may go, as far as is known
}

// checker looks at files and folders, each folder once.
type checker struct {
	roots    map[string]*fsx.Dir
	listings map[string]*listing
}

// listing is what one folder holds.
type listing struct {
	families    *families
	quarantined bool // it, or a folder above it, holds a manifest
}

func (c *checker) close() {
	for _, root := range c.roots {
		_ = root.Close() // opened for reading only
	}
}

func (c *checker) root(path string) (*fsx.Dir, error) {
	if d := c.roots[path]; d != nil {
		return d, nil
	}
	d, err := fsx.OpenDir(path)
	if err == nil {
		c.roots[path] = d
	}
	return d, err
}

// look checks one move by itself. An error is the end of Prepare; what concerns the move is in facts.hold.
func (c *checker) look(ctx context.Context, m Move) (f facts, err error) {
	var none [32]byte
	switch {
	case fsx.CheckRel(m.Copy.Rel) != nil || fsx.CheckRel(m.Keeper.Rel) != nil,
		!filepath.IsAbs(m.Copy.Root) || !filepath.IsAbs(m.Keeper.Root):
		f.hold = refuse(ReasonBadPath, nil)
	case m.Copy.SHA256 == none || m.Keeper.SHA256 == none:
		f.hold = refuse(ReasonNoHash, nil)
	case m.Kind == kindIdentical && m.Copy.SHA256 != m.Keeper.SHA256:
		f.hold = refuse(ReasonNotIdentical, nil)
	case inManagedLibrary(m.Copy.Path()):
		f.hold = refuse(ReasonManaged, nil)
	case inQuarantine(m.Copy.Path()) || inQuarantine(m.Keeper.Path()):
		f.hold = refuse(ReasonQuarantined, nil)
	}
	if f.hold != nil {
		return f, nil
	}
	if f.keeper, err = c.unchanged(ctx, m.Keeper); err != nil {
		f.hold = classify(err)
		if f.hold == nil {
			return f, err
		}
		f.hold = f.hold.asKeeper()
		return f, nil
	}
	if f.copied, err = c.unchanged(ctx, m.Copy); err == nil {
		err = c.alone(m)
	}
	if err != nil {
		if f.hold = classify(err); f.hold == nil {
			return f, err
		}
	}
	return f, nil
}

// unchanged checks that a file is as it was scanned: by size and mtime, and where these differ by its hash.
func (c *checker) unchanged(ctx context.Context, ref FileRef) (fsx.Stat, error) {
	root, err := c.root(ref.Root)
	if err != nil {
		return fsx.Stat{}, err
	}
	folder, name := fsx.SplitRel(ref.Rel)
	dir, err := root.Sub(folder)
	if err != nil {
		return fsx.Stat{}, err
	}
	defer func() { _ = dir.Close() }() // opened for reading only
	st, err := dir.Lstat(name)
	if err != nil {
		return st, err
	}
	if !st.Regular() {
		return st, fmt.Errorf("%s: %w", ref.Path(), fsx.ErrNotRegular)
	}
	if st.SizeBytes == ref.SizeBytes && st.MtimeNS == ref.MtimeNS {
		return st, nil
	}
	h, err := dir.Hash(ctx, name)
	if err != nil {
		return st, err
	}
	if h.Sum != ref.SHA256 {
		err = refuse(ReasonChanged, fmt.Errorf("%s changed since the scan", ref.Path()))
	}
	return h.Stat, errors.Join(err, h.Close())
}

// alone checks that the copy has no family that would stay behind and lies in no quarantine.
func (c *checker) alone(m Move) error {
	folder, name := fsx.SplitRel(m.Copy.Rel)
	keeperFolder, _ := fsx.SplitRel(m.Keeper.Rel)
	k, err := c.list(m.Keeper.Root, keeperFolder)
	if err != nil {
		return err
	}
	l, err := c.list(m.Copy.Root, folder)
	if err != nil {
		return err
	}
	if l.quarantined || k.quarantined {
		return refuse(ReasonQuarantined, nil)
	}
	if siblings := l.families.siblings(name); len(siblings) > 0 {
		return refuse(ReasonSidecar, fmt.Errorf("beside it: %s", strings.ToValidUTF8(strings.Join(siblings, ", "), "\uFFFD")))
	}
	return nil
}

func (c *checker) list(rootPath, folder string) (*listing, error) {
	key := joinPath(rootPath, folder)
	if l := c.listings[key]; l != nil {
		return l, nil
	}
	root, err := c.root(rootPath)
	if err != nil {
		return nil, err
	}
	dir, err := root.Sub(folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }() // opened for reading only
	names, err := dir.Names()
	if err != nil {
		return nil, err
	}
	l := &listing{quarantined: slices.Contains(names, ManifestName)}
	if folder != "" && !l.quarantined {
		above, _ := fsx.SplitRel(folder)
		parent, err := c.list(rootPath, above)
		if err != nil {
			return nil, err
		}
		l.quarantined = parent.quarantined
	}
	// Folders stay in the list of names unless their names end like a file's: an album "a" beside a.jpg is
	// no sibling, and a stat of each name would cost more than it tells.
	l.families = familiesOf(slices.DeleteFunc(names, func(n string) bool {
		if _, ext := splitExt(n); ext != "" {
			return false
		}
		st, err := dir.Lstat(n)
		return err == nil && !st.Regular()
	}))
	c.listings[key] = l
	return l, nil
}

// holdConflicts compares the moves with each other, by file and not by name.
func holdConflicts(moves []Move, all []facts) {
	copies := map[fileID][]int{}
	keeperPaths := map[fileID]map[string]bool{}
	for i, f := range all {
		if f.hold != nil {
			continue
		}
		copies[idOf(f.copied)] = append(copies[idOf(f.copied)], i)
		if keeperPaths[idOf(f.keeper)] == nil {
			keeperPaths[idOf(f.keeper)] = map[string]bool{}
		}
		keeperPaths[idOf(f.keeper)][moves[i].Keeper.Path()] = true
	}
	seen := map[string]bool{}
	for i := range all {
		f := &all[i]
		if f.hold != nil {
			continue
		}
		path := moves[i].Copy.Path()
		switch kept := keeperPaths[idOf(f.copied)]; {
		case seen[path]:
			f.hold = refuse(ReasonTwice, nil)
		case idOf(f.copied) == idOf(f.keeper):
			f.hold = refuse(ReasonHardLink, nil)
		case kept != nil && !kept[path] && f.copied.Links > 1:
			f.hold = refuse(ReasonHardLink, nil) // of the keeper of another move
		case keeperLeaves(moves, all, copies[idOf(f.keeper)], moves[i].Keeper.Path()):
			f.hold = refuse(ReasonKeeperMoves, nil)
		}
		seen[path] = true
	}
}

// keeperLeaves says whether one of the moves with the keeper's file takes the keeper's own name, or is
// another spelling of it.
func keeperLeaves(moves []Move, all []facts, sameFile []int, keeper string) bool {
	return slices.ContainsFunc(sameFile, func(i int) bool {
		return moves[i].Copy.Path() == keeper || all[i].copied.Links <= 1
	})
}

// managedSuffixes are the endings of bundles that belong to another program.
var managedSuffixes = []string{
	".photoslibrary", ".photolibrary", ".migratedphotolibrary", ".aplibrary", ".lrdata", ".lrlibrary", ".lrcat-data",
	".cocatalog", ".cosessiondb", ".imovielibrary", ".fcpbundle", ".theater", ".tvlibrary", ".musiclibrary",
}

func inManagedLibrary(path string) bool {
	for part := range strings.SplitSeq(filepath.Dir(path), "/") {
		for _, suffix := range managedSuffixes {
			if len(part) > len(suffix) && strings.EqualFold(part[len(part)-len(suffix):], suffix) {
				return true
			}
		}
	}
	return false
}

func inQuarantine(path string) bool {
	return slices.ContainsFunc(strings.Split(filepath.Dir(path), "/"), func(part string) bool {
		return strings.EqualFold(part, FolderName)
	})
}
