package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dupfind/dupfind/scan"
	"github.com/dupfind/dupfind/store"
)

// Target is a root to scan, or a folder below one.
type Target struct {
	Root store.Root
	Sub  string // "" is the whole root
}

// Mode says whether Targets may change the store.
type Mode int

const (
	ReadOnly Mode = iota // a dry run: change nothing
	Write                // add and settle roots
)

// sampleFiles is how many known files are looked for before a root on another
// device is believed to be the one we know.
const sampleFiles = 16

// Targets turns the paths a user named into roots of the store. A folder
// inside a known root refreshes that part of it; a folder around known roots
// takes them in, so that no file belongs to two roots. With no paths, every
// known root is scanned. Roots that are not there are returned apart.
//
// With ReadOnly the store is left as it is, db may be nil, and new roots have
// ID 0.
func Targets(ctx context.Context, db *store.DB, paths []string, mode Mode) ([]Target, []RootNotHere, error) {
	var known []store.Root
	if db != nil {
		var err error
		if known, err = db.Roots(ctx); err != nil {
			return nil, nil, err
		}
	}
	var targets []Target
	var away []RootNotHere
	for _, p := range pathsOrRoots(paths, known) {
		t, err := locate(p, known)
		if missing := (*missingRootError)(nil); errors.As(err, &missing) {
			away = append(away, RootNotHere{missing.root, missing.why})
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		targets = append(targets, t)
	}
	targets = dropNested(targets)
	var here []Target
	for _, t := range targets {
		t, why, err := check(ctx, db, t, known, mode)
		if err != nil {
			return nil, nil, err
		}
		if why != "" {
			away = append(away, RootNotHere{t.Root.Path, why})
			continue
		}
		here = append(here, t)
	}
	return here, away, nil
}

func pathsOrRoots(paths []string, known []store.Root) []string {
	if len(paths) > 0 {
		return paths
	}
	var all []string
	for _, r := range known {
		all = append(all, r.Path)
	}
	return all
}

// missingRootError says that a known root is not where it was.
type missingRootError struct{ root, why string }

func (e *missingRootError) Error() string { return e.root + ": " + e.why }

// locate finds the known root that a path is or lies in; else the path is a new root.
func locate(path string, known []store.Root) (Target, error) {
	full, err := scan.ResolveRoot(path)
	if errors.Is(err, os.ErrNotExist) {
		abs, absErr := filepath.Abs(path)
		if absErr == nil && slices.ContainsFunc(known, func(r store.Root) bool { return r.Path == abs }) {
			return Target{}, &missingRootError{abs, "the folder is not there"}
		}
	}
	if err != nil {
		return Target{}, err
	}
	var best *Target
	for _, r := range known {
		if rel, ok := inside(full, r.Path); ok && (best == nil || len(r.Path) > len(best.Root.Path)) {
			best = &Target{Root: r, Sub: rel}
		}
	}
	if best != nil {
		return *best, nil
	}
	return Target{Root: store.Root{Path: full}}, nil
}

// inside reports whether path is folder or lies in it, and where. Two names of
// one folder (case, Unicode form, bind mount) count as the same.
func inside(path, folder string) (rel string, ok bool) {
	if path == folder {
		return "", true
	}
	if rest, found := strings.CutPrefix(path, strings.TrimSuffix(folder, "/")+"/"); found {
		return filepath.ToSlash(rest), true
	}
	fi, err := os.Stat(folder)
	if err != nil {
		return "", false
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		if di, err := os.Stat(dir); err == nil && os.SameFile(fi, di) {
			rest := strings.TrimPrefix(strings.TrimPrefix(path, dir), "/")
			return filepath.ToSlash(rest), true
		}
		if dir == filepath.Dir(dir) {
			return "", false
		}
	}
}

// dropNested leaves out targets that another one covers.
func dropNested(ts []Target) []Target {
	var out []Target
	for i, t := range ts {
		covered := slices.ContainsFunc(out, func(o Target) bool { return covers(o, t) })
		for j, o := range ts {
			covered = covered || (j != i && covers(o, t) && !covers(t, o))
		}
		if !covered {
			out = append(out, t)
		}
	}
	return out
}

func covers(o, t Target) bool {
	op, tp := absPath(o.Root.Path, o.Sub), absPath(t.Root.Path, t.Sub)
	_, ok := inside(strings.TrimSuffix(tp, "/"), strings.TrimSuffix(op, "/"))
	return ok
}

// check asks whether the root is really here, and settles its row: new roots
// are added, known roots inside it taken in.
func check(ctx context.Context, db *store.DB, t Target, known []store.Root, mode Mode) (Target, string, error) {
	var k scan.KnownRoot
	if t.Root.ID != 0 {
		sample, err := db.SamplePaths(ctx, t.Root.ID, sampleFiles)
		if err != nil {
			return t, "", err
		}
		k = scan.KnownRoot{Device: t.Root.Device, HadFiles: len(sample) > 0, Sample: sample}
	}
	here, why, device, err := scan.CheckRoot(t.Root.Path, k)
	if err != nil {
		return t, "", fmt.Errorf("look at %s: %w", t.Root.Path, err)
	}
	if !here {
		return t, why, nil
	}
	t.Root.Device = device
	if t.Root.StableInodes, err = scan.StableInodes(t.Root.Path); err != nil {
		return t, "", err
	}
	if mode == ReadOnly {
		return t, "", nil
	}
	t.Root, err = settle(ctx, db, t.Root, known)
	return t, "", err
}

func settle(ctx context.Context, db *store.DB, r store.Root, known []store.Root) (store.Root, error) {
	if r.ID != 0 {
		return r, db.UpdateRoot(ctx, r)
	}
	id, err := db.AddRoot(ctx, r)
	if err != nil {
		return r, err
	}
	r.ID = id
	for _, inner := range known {
		prefix, ok := inside(inner.Path, r.Path)
		if !ok || prefix == "" {
			continue
		}
		if err := db.AbsorbRoot(ctx, inner.ID, r.ID, prefix); err != nil {
			return r, err
		}
		r.Files += inner.Files
	}
	return r, nil
}
