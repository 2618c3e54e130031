package quarantine

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dupfind/dupfind/internal/fsx"
	"github.com/dupfind/dupfind/store"
)

// library is a root with files and a store that knows them.
type library struct {
	t    testing.TB
	root string
	id   int64
	db   *store.DB
}

func newLibrary(t testing.TB, root string) *library {
	t.Helper()
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	return &library{t: t, root: root}
}

// withStore gives the library a store and scans it.
func (l *library) withStore(dbPath string) *library {
	l.t.Helper()
	l.db = openStore(l.t, dbPath)
	l.scan()
	return l
}

func openStore(t testing.TB, path string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// scan puts all files of the root into the store, as a scan would.
func (l *library) scan() {
	l.t.Helper()
	ctx := context.Background()
	id, err := l.db.AddRoot(ctx, store.Root{Path: l.root})
	if err != nil {
		l.t.Fatal(err)
	}
	l.id = id
	var batch []store.Ingest
	for rel := range tree(l.t, l.root) {
		ref := l.ref(rel)
		batch = append(batch, store.Ingest{
			File: store.File{RootID: id, Path: rel, SizeBytes: ref.SizeBytes, MtimeNS: ref.MtimeNS,
				Device: ref.Device, Inode: ref.Inode, Links: 1, State: "photo"},
			Content: &store.Content{SHA256: ref.SHA256, SizeBytes: ref.SizeBytes, Format: "jpeg"},
		})
	}
	if err := l.db.Put(ctx, 0, batch); err != nil {
		l.t.Fatal(err)
	}
}

// presentInStore are the files that the store takes to be there.
func (l *library) presentInStore() []string {
	l.t.Helper()
	var present []string
	for f, err := range l.db.Files(context.Background(), l.id) {
		if err != nil {
			l.t.Fatal(err)
		}
		if f.GoneNS == 0 {
			present = append(present, f.Path)
		}
	}
	slices.Sort(present)
	return present
}

// put writes a file; its time and its permissions follow from its name.
func (l *library) put(rel, content string) *library {
	l.t.Helper()
	path := filepath.Join(l.root, rel)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		l.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(rel))
	if err := os.Chmod(path, []os.FileMode{0o644, 0o600, 0o444, 0o755}[sum[0]%4]); err != nil {
		l.t.Fatal(err)
	}
	mtime := time.Unix(1_000_000_000+int64(sum[1])<<16, int64(sum[2])*1_000_003)
	if err := os.Chtimes(path, mtime, mtime); err != nil {
		l.t.Fatal(err)
	}
	return l
}

func (l *library) path(rel string) string { return filepath.Join(l.root, rel) }

// ref is a file as a scan would have stored it now.
func (l *library) ref(rel string) FileRef {
	l.t.Helper()
	sum, st, err := fsx.HashFile(context.Background(), joinPath(l.root, rel))
	if err != nil {
		l.t.Fatal(err)
	}
	return FileRef{l.id, l.root, rel, sum, st.SizeBytes, st.MtimeNS, st.Device, st.Inode}
}

// move is the move of a copy with its keeper; the kind follows from their contents.
func (l *library) move(copied, keeper string) Move {
	m := Move{Copy: l.ref(copied), Keeper: l.ref(keeper), Kind: "resized", Lacks: []string{"GPS"}}
	if m.Copy.SHA256 == m.Keeper.SHA256 {
		m.Kind = kindIdentical
	}
	return m
}

// state is what must not change of a file.
type state struct {
	Sum         [32]byte
	MtimeNS     int64
	Permissions uint32
	Xattrs      []fsx.Xattr
}

// tree is every file below root but those in quarantine folders.
func tree(t testing.TB, root string) map[string]state {
	t.Helper()
	all := map[string]state{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, hasManifest := os.Lstat(filepath.Join(path, ManifestName))
			if d.Name() == FolderName || hasManifest == nil {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		all[rel] = stateOf(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func stateOf(t testing.TB, path string) state {
	t.Helper()
	sum, st, err := fsx.HashFile(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	attrs, err := fsx.Xattrs(f)
	if err != nil {
		t.Fatal(err)
	}
	return state{sum, st.MtimeNS, st.Permissions(), attrs}
}

// contents counts every file below the folders by its hash, quarantine folders included, manifests not.
func contents(t testing.TB, folders ...string) map[[32]byte]int {
	t.Helper()
	count := map[[32]byte]int{}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ManifestName) {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			count[sha256.Sum256(data)]++
			return nil
		})
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	return count
}

func sameTree(t testing.TB, what string, got, want map[string]state) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func mustPrepare(t testing.TB, db *store.DB, moves []Move, o Options) *Plan {
	t.Helper()
	p, err := Prepare(t.Context(), db, moves, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustRun(t testing.TB, db *store.DB, moves []Move, o Options) Result {
	t.Helper()
	res, err := mustPrepare(t, db, moves, o).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// outcomes are the outcomes by base name, and reasons where there are any.
func outcomes(items []Item) map[string]string {
	all := map[string]string{}
	for _, item := range items {
		text := string(item.Outcome)
		if item.Reason != "" {
			text += " " + string(item.Reason)
		}
		all[filepath.Base(item.Path)] = text
	}
	return all
}

func wantOutcomes(t testing.TB, items []Item, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, outcomes(items)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s\n%+v", diff, items)
	}
}

// atFailpoint runs do once, the n-th time (from 1) that the named step is reached.
func atFailpoint(t testing.TB, name string, n int, do func()) {
	t.Helper()
	seen := 0
	onFailpoint = func(got string) {
		if got != name {
			return
		}
		if seen++; seen == n {
			do()
		}
	}
	t.Cleanup(func() { onFailpoint = nil })
}

func quarantined(t testing.TB, res Result) []string {
	t.Helper()
	var found []string
	for _, folder := range res.Folders {
		for rel := range maps.Keys(contentsByPath(t, folder)) {
			found = append(found, rel)
		}
	}
	slices.Sort(found)
	return found
}

func contentsByPath(t testing.TB, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == ManifestName {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(folder, path)
		all[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// fastDir is a folder in memory where there is one: a kill does not care for the disk, and waiting for the
// disk is what these tests would do most of the time.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "dupfind-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// otherDevice is a folder on another filesystem than the folder here.
func otherDevice(t testing.TB, here string) string {
	t.Helper()
	own, err := fsx.LstatPath(here)
	must(t, err)
	for _, candidate := range []string{os.TempDir(), "/dev/shm", "/var/tmp"} {
		there, err := fsx.LstatPath(candidate)
		if err != nil || there.Device == own.Device {
			continue
		}
		dir, err := os.MkdirTemp(candidate, "dupfind-test-")
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		return dir
	}
	t.Skip("no second filesystem to write to")
	return ""
}

// memoryDevice is otherDevice, in memory where that can be mounted.
func memoryDevice(t *testing.T, here string) string {
	t.Helper()
	dir := t.TempDir()
	if mount(dir, "tmpfs", "size=64m") != nil {
		return otherDevice(t, here)
	}
	t.Cleanup(func() { must(t, unmount(dir)) })
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// someMoves fills a library with 12 copies of 4 keepers, in folders and with odd names, and returns them.
func someMoves(l *library) (fill func(), moves func() []Move) {
	names := []string{
		"a/copy.jpg", "a/b/c/deep copy.jpg", "top.jpg", "bad\xff\xfename.jpg", "ünï.jpg", "new\nline.jpg",
		"a/small.jpg", "tab\tand \"quote\".jpg", "x/1.png", "x/2.png", "x/3.png", "-dash.jpg",
	}
	fill = func() {
		for k := range 4 {
			l.put(fmt.Sprintf("keep/k%d.jpg", k), strings.Repeat(fmt.Sprintf("keeper %d ", k), 3000+k))
		}
		for i, name := range names {
			content := strings.Repeat(fmt.Sprintf("keeper %d ", i%4), 3000+i%4)
			if i%3 == 2 {
				content = strings.Repeat(fmt.Sprintf("smaller %d ", i), 999)
			}
			l.put(name, content)
		}
	}
	moves = func() []Move {
		var all []Move
		for i, name := range names {
			all = append(all, l.move(name, fmt.Sprintf("keep/k%d.jpg", i%4)))
		}
		return all
	}
	return fill, moves
}
