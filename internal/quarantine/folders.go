package quarantine

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/dupfind/dupfind/internal/fsx"
)

// createFolders makes the run's folders, each with its manifest.
func (r *runner) createFolders(manifests []*manifest) error {
	r.folders = make([]*folder, len(manifests))
	for i, m := range manifests {
		dir, err := r.createRunDir(m)
		if err != nil {
			return fmt.Errorf("make quarantine folder %s: %w", r.p.Folders[i], err)
		}
		if r.folders[i], err = createFolder(dir, m, r.p.o.Now); err != nil {
			return errors.Join(fmt.Errorf("write manifest in %s: %w", dir.Path(), err), dir.Close())
		}
	}
	return nil
}

// createRunDir makes a folder that did not exist before: a run never shares one.
func (r *runner) createRunDir(m *manifest) (_ *fsx.Dir, err error) {
	var parent *fsx.Dir
	if r.p.o.To != "" {
		if err := makeFolders(r.p.o.To); err != nil {
			return nil, err
		}
		parent, err = fsx.OpenDir(r.p.o.To)
	} else {
		parent, err = r.roots[m.roots[0]].MakeSub(FolderName)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, parent.Close()) }()
	if err := parent.Mkdir(m.run); err != nil {
		return nil, err
	}
	return parent.Sub(m.run)
}

// makeFolders makes path and what is missing above it, each synced into its parent.
func makeFolders(path string) (err error) {
	top, missing := path, ""
	for {
		if _, err := os.Stat(top); err == nil {
			break
		} else if !errors.Is(err, os.ErrNotExist) || top == "/" {
			return err
		}
		folder, name := fsx.SplitRel(top)
		if missing != "" {
			name += "/" + missing
		}
		top, missing = folder, name
		if top == "" {
			top = "/"
		}
	}
	d, err := fsx.OpenDir(top)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	sub, err := d.MakeSub(missing)
	if err != nil {
		return err
	}
	return sub.Close()
}

// removeUnbegun removes a run folder that has no manifest yet, as far as it is empty.
func removeUnbegun(path string) error {
	d, err := fsx.OpenDir(path)
	if notThere(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := d.Remove(ManifestName + ".tmp"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(err, d.Close())
	}
	if err := d.Close(); err != nil {
		return err
	}
	// Only an empty folder goes this way; with anything in it, it stays.
	_ = os.Remove(path)
	return nil
}

// removeEmptyFolders removes the folders that the restore emptied, in the quarantine only. The manifest
// stays: it is the record.
func (fo *folder) removeEmptyFolders() {
	var folders []string
	for _, e := range fo.entries {
		if e.state != stateRestored && e.state != stateFailed {
			continue
		}
		for folder, _ := fsx.SplitRel(e.dest); folder != ""; folder, _ = fsx.SplitRel(folder) {
			folders = append(folders, folder)
		}
	}
	slices.Sort(folders)
	folders = slices.Compact(folders)
	slices.Reverse(folders) // what lies deeper first
	for _, folder := range folders {
		above, name := fsx.SplitRel(folder)
		d, err := fo.dir.Sub(above)
		if err != nil {
			continue
		}
		_ = d.RemoveDir(name) // not empty, or gone: nothing to do
		_ = d.Close()         // nothing was written that matters
	}
}
