package quarantine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dupfind/dupfind/internal/fsx"
)

// maxManifestBytes bounds what is read into memory; a million moves are about 600 MB.
const maxManifestBytes = 1 << 30

// folder is a quarantine folder that is open, with its manifest.
type folder struct {
	*manifest
	dir  *fsx.Dir
	file *os.File // the manifest, open for appending
	now  func() time.Time
}

// createFolder makes the manifest of a new, empty run folder: whole or not at all, durable when it returns.
func createFolder(dir *fsx.Dir, m *manifest, now func() time.Time) (*folder, error) {
	const tmp = ManifestName + ".tmp"
	data := encodeManifest(m)
	if err := dir.WriteNew(tmp, data, 0o644); err != nil {
		return nil, err
	}
	hit("manifest-written")
	if err := fsx.RenameAt(dir, tmp, dir, ManifestName); err != nil {
		return nil, errors.Join(err, dir.Remove(tmp))
	}
	if err := dir.Sync(); err != nil {
		return nil, err
	}
	f, err := dir.OpenAppend(ManifestName)
	if err != nil {
		return nil, err
	}
	m.size = int64(len(data))
	return &folder{m, dir, f, now}, nil
}

// openFolder reads the manifest in dir. With write set, a torn last line is cut off and lines can be
// appended.
func openFolder(dir *fsx.Dir, now func() time.Time) (_ *folder, err error) {
	f, err := dir.OpenAppend(ManifestName)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoManifest, dir.Path())
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	data, err := io.ReadAll(io.LimitReader(f, maxManifestBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxManifestBytes {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrManifest, maxManifestBytes)
	}
	m, err := parseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	fo := &folder{m, dir, f, now}
	if m.size < int64(len(data)) {
		if err := fo.cutBack(); err != nil {
			return nil, err
		}
	}
	return fo, nil
}

// close closes the manifest and the folder.
func (fo *folder) close() error { return errors.Join(fo.file.Close(), fo.dir.Close()) }

// manifestPath is the absolute path of the manifest.
func (fo *folder) manifestPath() string { return joinPath(fo.dir.Path(), ManifestName) }

// destPath is the absolute path of an entry's place in the quarantine.
func (fo *folder) destPath(e *entry) string { return joinPath(fo.dir.Path(), e.dest) }

// change is an entry and the state that it enters.
type change struct {
	e      *entry
	state  entryState
	reason Reason
	detail string
}

// record brings entries into new states: written and synced when it returns nil; on an error neither the
// file nor the entries have changed (as far as the disk lets us).
func (fo *folder) record(changes ...change) error {
	before := make([]entry, len(changes))
	var buf bytes.Buffer
	for i, c := range changes {
		before[i] = *c.e
		if err := c.e.enter(c.state); err != nil {
			panic(err) // the callers' order of steps is wrong
		}
		c.e.reason, c.e.detail = c.reason, c.detail
		encodeState(&buf, c.e, fo.now())
	}
	_, err := fo.file.Write(buf.Bytes())
	if err == nil {
		err = fsx.SyncFile(fo.file)
	}
	if err == nil {
		fo.size += int64(buf.Len())
		return nil
	}
	for i, c := range changes {
		*c.e = before[i]
	}
	return errors.Join(fmt.Errorf("write manifest %s: %w", fo.file.Name(), err), fo.cutBack())
}

// cutBack removes what stands behind the last whole line.
func (fo *folder) cutBack() error {
	if err := fo.file.Truncate(fo.size); err != nil {
		return err
	}
	return fsx.SyncFile(fo.file)
}
