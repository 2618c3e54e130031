package quarantine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dupfind/dupfind/store"
)

// job is one run to restore.
type job struct {
	name    string
	run     *store.Run // nil: not in the journal
	moves   []store.Move
	folders []string
	gone    map[int]bool
}

// find turns the target into runs, the newest first: undoing goes backwards.
func (r *restorer) find(ctx context.Context, t Target) ([]*job, error) {
	if t.Folder != "" {
		return r.findFolder(ctx, t.Folder)
	}
	if r.db == nil {
		return nil, ErrNeedsJournal
	}
	runs, err := r.db.Runs(ctx)
	if err != nil {
		return nil, err
	}
	slices.Reverse(runs)
	var jobs []*job
	for _, run := range runs {
		open := run.State != store.RunRestored && run.Moved > 0
		if t.Run != "" && run.Name != t.Run || t.Run == "" && !open {
			continue
		}
		j := &job{name: run.Name, run: &run, gone: map[int]bool{}}
		if j.moves, err = movesOf(ctx, r.db, run.ID); err != nil {
			return nil, err
		}
		j.folders = foldersOf(run, j.moves)
		jobs = append(jobs, j)
		if t.Last {
			break
		}
	}
	if len(jobs) == 0 && t.Run != "" {
		return nil, fmt.Errorf("%w: %q", ErrNoRun, t.Run)
	}
	if len(jobs) == 0 {
		return nil, ErrNothingLeft
	}
	return jobs, nil
}

// findFolder finds the run of a quarantine folder: by its manifest, and in the journal if that knows it.
func (r *restorer) findFolder(ctx context.Context, path string) ([]*job, error) {
	path, err := manifestFolder(path)
	if err != nil {
		return nil, err
	}
	fo, err := openFolderAt(path, r.o.Now)
	if err != nil {
		return nil, err
	}
	j := &job{name: fo.run, folders: []string{path}, gone: map[int]bool{}}
	if err := fo.close(); err != nil || r.db == nil {
		return []*job{j}, err
	}
	runs, err := r.db.Runs(ctx)
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		if run.Name != j.name {
			continue
		}
		moves, err := movesOf(ctx, r.db, run.ID)
		if err != nil {
			return nil, err
		}
		if slices.Contains(foldersOf(run, moves), path) {
			j.run, j.moves = &run, moves
		}
	}
	return []*job{j}, nil
}

// manifestFolder is path itself, if it has a manifest, or the one folder in it that has.
func manifestFolder(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	if _, err := os.Lstat(joinPath(path, ManifestName)); err == nil {
		return path, nil
	}
	inside, err := os.ReadDir(path)
	if err != nil {
		return "", err
	}
	var found []string
	for _, d := range inside {
		if _, err := os.Lstat(joinPath(path, d.Name()+"/"+ManifestName)); err == nil && d.IsDir() {
			found = append(found, d.Name())
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%w: %s", ErrNoManifest, path)
	case 1:
		return joinPath(path, found[0]), nil
	}
	return "", fmt.Errorf("%w: %s holds several runs, name one of them: %s", ErrNoManifest, path, strings.Join(found, ", "))
}
