package scan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const jpeg = "\xff\xd8\xff\xe0rest"

// put writes files below dir; a name that ends in '/' makes a folder.
func put(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		name, data, ok := strings.Cut(name, "=")
		if !ok {
			data = jpeg
		}
		full := dir + "/" + name
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			continue
		}
		if err := os.WriteFile(full, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

type seen struct {
	files    []File
	problems []Problem
	counts   Counts
}

func (s seen) rels() []string {
	rels := []string{}
	for _, f := range s.files {
		rels = append(rels, f.Rel)
	}
	return rels
}

func walk(t *testing.T, root, sub string, o Options) seen {
	t.Helper()
	var s seen
	c, err := Walk(t.Context(), root, sub, o, Visitor{
		File:    func(f File) error { s.files = append(s.files, f); return nil },
		Problem: func(p Problem) error { s.problems = append(s.problems, p); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Reconciles() {
		t.Errorf("counts do not add up: %+v", c)
	}
	s.counts = c
	return s
}

func TestWalkOrder(t *testing.T) {
	root := t.TempDir()
	put(t, root, "a/x.jpg", "a.jpg", "a-b.jpg", "a b/1.jpg", "a/b/c.jpg", "a0.jpg", "B.jpg", "é.jpg", "\xff.jpg", "a/b.jpg")
	got := walk(t, root, "", Options{})
	want := []string{"B.jpg", "a b/1.jpg", "a-b.jpg", "a.jpg", "a/b.jpg", "a/b/c.jpg", "a/x.jpg", "a0.jpg", "é.jpg", "\xff.jpg"}
	if d := cmp.Diff(want, got.rels()); d != "" {
		t.Error(d)
	}
	if !slices.IsSorted(got.rels()) {
		t.Error("not in bytewise order")
	}
	below := walk(t, root, "a", Options{})
	if d := cmp.Diff([]string{"a/b.jpg", "a/b/c.jpg", "a/x.jpg"}, below.rels()); d != "" {
		t.Error(d)
	}
}

func TestWalkFacts(t *testing.T) {
	root := t.TempDir()
	put(t, root, "a.jpg", "film.mov=\x00\x00\x00\x14ftypqt  ", "noext", "notes.txt=hello", "empty=")
	if err := os.Link(root+"/a.jpg", root+"/b.jpg"); err != nil {
		t.Fatal(err)
	}
	got := walk(t, root, "", Options{})
	info, err := os.Stat(root + "/a.jpg")
	if err != nil {
		t.Fatal(err)
	}
	f := got.files[0]
	if f.SizeBytes != 8 || f.MtimeNS != info.ModTime().UnixNano() || f.Links != 2 || f.Class != Photo || f.Managed {
		t.Errorf("facts of a.jpg: %+v", f)
	}
	if g := got.files[1]; g.Rel != "b.jpg" || g.Inode != f.Inode || g.Device != f.Device {
		t.Errorf("hard link %+v has another identity than %+v", g, f)
	}
	classes := map[string]Class{}
	for _, f := range got.files {
		classes[f.Rel] = f.Class
	}
	want := map[string]Class{"a.jpg": Photo, "b.jpg": Photo, "film.mov": Other, "noext": Photo, "notes.txt": Other, "empty": Other}
	if d := cmp.Diff(want, classes); d != "" {
		t.Error(d)
	}
}

func TestKnownFilesAreNotOpened(t *testing.T) {
	root := t.TempDir()
	put(t, root, "noext", "a.jpg", "notes.txt=x")
	got := walk(t, root, "", Options{Known: func(f File) bool {
		if f.Rel == "a.jpg" {
			t.Error("asked about a photo's name")
		}
		return f.Rel == "noext"
	}})
	for _, f := range got.files {
		if want := map[string]Class{"noext": KnownUnsniffed, "a.jpg": Photo, "notes.txt": Other}[f.Rel]; f.Class != want {
			t.Errorf("%s: class %s, want %s", f.Rel, f.Class, want)
		}
	}
}

func TestRules(t *testing.T) {
	root := t.TempDir()
	put(t, root,
		"p/a.jpg",
		".hidden.jpg", ".cache/x.jpg",
		".Trash-1000/files/x.jpg", "$RECYCLE.BIN/x.jpg", "#recycle/x.jpg", ".stversions/x.jpg", "@Recycle/x.jpg",
		"p/@eaDir/SYNO.jpg", "lost+found/x.jpg",
		"DCIM/.thumbnails/1.jpg", ".@__thumb/1.jpg",
		"thumbnails/mine.jpg", "Thumbs/mine.jpg", "thumbs/mine.jpg", "up/thumbs/.immich=", "up/thumbs/1.webp",
		".dupfind-quarantine/run/x.jpg", "moved/dupfind-manifest.jsonl={}", "moved/x.jpg", "moved/deep/x.jpg",
		"Cat Previews.lrdata/x.jpg", "c1.cocatalog/x.jpg", "Old.aplibrary/Masters/x.jpg", "s/CaptureOne/Cache/x.jpg", "mine/CaptureOne/x.jpg",
	)
	got := walk(t, root, "", Options{})
	want := []string{"Thumbs/mine.jpg", "mine/CaptureOne/x.jpg", "p/a.jpg", "thumbnails/mine.jpg", "thumbs/mine.jpg"}
	if d := cmp.Diff(want, got.rels()); d != "" {
		t.Error(d)
	}
	counts := map[Rule]Tally{}
	for r, n := range got.counts.LeftOut() {
		if n != (Tally{}) {
			counts[r] = n
		}
	}
	wantCounts := map[Rule]Tally{
		RuleHidden: {Folders: 1, Files: 1}, RuleTrash: {Folders: 5}, RuleSystem: {Folders: 2}, RuleThumbnails: {Folders: 3},
		RuleQuarantine: {Folders: 2}, RuleManaged: {Folders: 4},
	}
	if d := cmp.Diff(wantCounts, counts); d != "" {
		t.Error(d)
	}
}

func TestPhotosLibrary(t *testing.T) {
	root := t.TempDir()
	put(t, root, "Me.photoslibrary/originals/0/IMG.heic", "Me.photoslibrary/originals/.x.jpg", "Me.photoslibrary/resources/derivatives/d.jpg",
		"Me.photoslibrary/database/Photos.sqlite", "Me.photoslibrary/Info.plist", "Old.PhotoLibrary/Masters/2010/a.jpg", "Old.PhotoLibrary/Thumbnails/a.jpg", "free.jpg")
	check := func(s seen, want ...string) {
		t.Helper()
		if d := cmp.Diff(want, s.rels()); d != "" {
			t.Error(d)
		}
		for _, f := range s.files {
			if f.Managed != (f.Rel != "free.jpg") {
				t.Errorf("%s: managed %v", f.Rel, f.Managed)
			}
		}
	}
	all := walk(t, root, "", Options{})
	check(all, "Me.photoslibrary/originals/0/IMG.heic", "Old.PhotoLibrary/Masters/2010/a.jpg", "free.jpg")
	if want := (Tally{Folders: 3, Files: 1}); all.counts.Managed != want {
		t.Errorf("internals left out: %v, want %v", all.counts.Managed, want)
	}
	// The library itself, and folders in it, given as the root or below it.
	check(walk(t, root, "Me.photoslibrary", Options{}), "Me.photoslibrary/originals/0/IMG.heic")
	check(walk(t, root+"/Me.photoslibrary", "", Options{}), "originals/0/IMG.heic")
	check(walk(t, root+"/Me.photoslibrary/originals", "", Options{}), "0/IMG.heic")
	none := walk(t, root+"/Me.photoslibrary/resources", "", Options{})
	if len(none.files) != 0 || none.counts.Managed.Folders != 1 {
		t.Errorf("internals given as root: %+v", none)
	}
}

func TestRootInQuarantine(t *testing.T) {
	root := t.TempDir()
	put(t, root, ".dupfind-quarantine/run/x.jpg", "to/dupfind-manifest.jsonl=", "to/x.jpg")
	for _, r := range []string{root + "/.dupfind-quarantine/run", root + "/to"} {
		if s := walk(t, r, "", Options{}); len(s.files) != 0 || s.counts.Quarantine.Folders != 1 {
			t.Errorf("%s: %+v", r, s)
		}
	}
}

func TestHiddenRootIsWalked(t *testing.T) {
	root := t.TempDir()
	put(t, root, ".photos/a.jpg", ".photos/.b.jpg")
	if d := cmp.Diff([]string{"a.jpg"}, walk(t, root+"/.photos", "", Options{}).rels()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{".photos/a.jpg"}, walk(t, root, ".photos", Options{}).rels()); d != "" {
		t.Error(d)
	}
}

func TestExcludeOptions(t *testing.T) {
	root := t.TempDir()
	put(t, root, "a/1.jpg", "a/.nomedia=", "b/1.jpg", "b/2.png", "b/keep.png", "raw/1.dng", ".film/1.jpg", ".other/1.jpg", "#recycle/x.jpg", "deep/raw/2.dng")
	s := walk(t, root, "", Options{Exclude: []string{"*.png", "!keep.png", "/raw/", "!.film"}, ExcludeIfPresent: []string{".nomedia"}})
	want := []string{".film/1.jpg", "b/1.jpg", "b/keep.png", "deep/raw/2.dng"}
	if d := cmp.Diff(want, s.rels()); d != "" {
		t.Error(d)
	}
	if s.counts.Excluded != (Tally{Folders: 1, Files: 1}) || s.counts.ExcludeIfPresent != (Tally{Folders: 1}) || s.counts.Hidden != (Tally{Folders: 1}) {
		t.Errorf("counts: %+v", s.counts)
	}
	for _, bad := range []Options{{Exclude: []string{"a[b"}}, {ExcludeIfPresent: []string{"a/b"}}} {
		if _, err := Walk(t.Context(), root, "", bad, Visitor{}); err == nil {
			t.Errorf("%+v accepted", bad)
		}
	}
}

func TestLinksAndSpecialFilesStayShut(t *testing.T) {
	root, out := t.TempDir(), t.TempDir()
	put(t, out, "outside.jpg")
	put(t, root, "a.jpg", "d/b.jpg")
	for name, to := range map[string]string{"l.jpg": "a.jpg", "dangling.jpg": "no", "self.jpg": "self.jpg", "up": ".", "d/up": "..", "out": out, "zero.jpg": "/dev/zero"} {
		if err := os.Symlink(to, root+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"fifo.jpg", "fifo"} { // opened, either would hang
		if err := unix.Mkfifo(root+"/"+name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := walk(t, root, "", Options{})
	if d := cmp.Diff([]string{"a.jpg", "d/b.jpg"}, s.rels()); d != "" {
		t.Error(d)
	}
	if s.counts.Symlinks.Files != 7 || s.counts.Special.Files != 2 {
		t.Errorf("links %v, special %v", s.counts.Symlinks, s.counts.Special)
	}
	if c, err := sniffFile(mustOpen(t, root), "fifo"); err != nil || c != Other {
		t.Errorf("sniffing a FIFO: %v, %v", c, err)
	}
	if _, err := sniffFile(mustOpen(t, root), "l.jpg"); !errors.Is(err, unix.ELOOP) {
		t.Errorf("sniffing a link: %v", err)
	}
}

func mustOpen(t *testing.T, dir string) int {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return int(f.Fd())
}

func TestFolderReplacedByLinkIsNotEntered(t *testing.T) {
	root, out := t.TempDir(), t.TempDir()
	put(t, out, "sub/x.jpg")
	if err := os.Symlink(out, root+"/d"); err != nil {
		t.Fatal(err)
	}
	for _, rel := range []string{"d", "d/sub"} {
		if fd, err := openFolder(mustOpen(t, root), rel); err == nil {
			_ = unix.Close(fd)
			t.Errorf("opened %s through a link", rel)
		}
	}
}

func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		asNobody(t)
		return
	}
	root := t.TempDir()
	put(t, root, "a.jpg", "no_list/in.jpg", "no_enter/in.jpg", "secret", "z/b.jpg")
	for name, mode := range map[string]fs.FileMode{"no_list": 0, "no_enter": 0o400, "secret": 0} {
		if err := os.Chmod(root+"/"+name, mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(root+"/"+name, 0o700) })
	}
	s := walk(t, root, "", Options{})
	if d := cmp.Diff([]string{"a.jpg", "z/b.jpg"}, s.rels()); d != "" {
		t.Error(d)
	}
	got := []string{}
	for _, p := range s.problems {
		got = append(got, fmt.Sprint(p.Rel, " ", p.Dir, " ", p.Reason, " ", p.Err))
	}
	want := []string{
		"no_enter/in.jpg false unreadable permission denied",
		"no_list true unreadable permission denied",
		"secret false unreadable permission denied",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := Walk(t.Context(), root, "no_list", Options{}, Visitor{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("walk that begins at an unreadable folder: %v", err)
	}
}

// asNobody runs the test again as a user who may not read everything. The
// test's binary lies where only root can go, so it is named by the link that
// the system keeps for it.
func asNobody(t *testing.T) {
	t.Helper()
	self := os.Args[0]
	if runtime.GOOS == "linux" {
		self = "/proc/self/exe"
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "TMPDIR=/tmp")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("as another user: %v\n%s", err, out)
	}
}

func TestDeepPath(t *testing.T) {
	root := t.TempDir()
	name := strings.Repeat("d", 200)
	fd := mustOpen(t, root)
	depth := pathMax/200 + 3
	for range depth {
		if err := unix.Mkdirat(fd, name, 0o700); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(fd, name, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(next) })
		fd = next
	}
	s := walk(t, root, "", Options{})
	if len(s.problems) != 1 || s.problems[0].Reason != PathTooLong || !s.problems[0].Dir {
		t.Errorf("got %d problems: %.200v", len(s.problems), s.problems)
	}
}

func TestVisitorStopsWalk(t *testing.T) {
	root := t.TempDir()
	put(t, root, "a.jpg", "b.jpg", "c/d.jpg")
	stop := errors.New("stop")
	n := 0
	_, err := Walk(t.Context(), root, "", Options{}, Visitor{File: func(File) error { n++; return stop }})
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("got %v after %d files", err, n)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err = Walk(ctx, root, "", Options{}, Visitor{File: func(f File) error { cancel(stop); return nil }})
	if !errors.Is(err, stop) {
		t.Errorf("got %v after the context ended", err)
	}
}

func TestSubMustBeBelow(t *testing.T) {
	root := t.TempDir()
	put(t, root, "a/b.jpg")
	for _, sub := range []string{"..", "../x", "/etc", "a/../.."} {
		if _, err := Walk(t.Context(), root, sub, Options{}, Visitor{}); err == nil {
			t.Errorf("walked %q", sub)
		}
	}
	if _, err := Walk(t.Context(), root, "gone", Options{}, Visitor{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	if s := walk(t, root, "a/.", Options{}); len(s.files) != 1 {
		t.Errorf("a/.: %v", s.rels())
	}
}

// TestTotalsReconcile makes random trees of everything and compares what a
// walk says with what filepath.WalkDir finds.
func TestTotalsReconcile(t *testing.T) {
	names := []string{"a", "b.jpg", "c.JPG", "x.txt", ".h", ".h.jpg", "@eaDir", ".Trash-0", ".dupfind-quarantine", "L.photoslibrary", "originals",
		"P.lrdata", "thumbnails", "dupfind-manifest.jsonl", ".nomedia", "\xff\xfe", "new\nline", "é", "lost+found"}
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		root := t.TempDir()
		grow(t, r, root, names, 4)
		s := walk(t, root, "", Options{Exclude: []string{"c.*", "!/a/c.JPG"}, ExcludeIfPresent: []string{".nomedia"}})
		if !slices.IsSorted(s.rels()) {
			t.Errorf("seed %d: not sorted", seed)
		}
		if int64(len(s.files)) != s.counts.Visited.Files {
			t.Errorf("seed %d: %d files handed on, %d counted", seed, len(s.files), s.counts.Visited.Files)
		}
		again := walk(t, root, "", Options{Exclude: []string{"c.*", "!/a/c.JPG"}, ExcludeIfPresent: []string{".nomedia"}})
		if d := cmp.Diff(s.rels(), again.rels()); d != "" || s.counts != again.counts {
			t.Errorf("seed %d: two walks differ: %s", seed, d)
		}
		checkSeen(t, root, s)
	}
}

// checkSeen counts the entries of every folder that was walked by other means.
func checkSeen(t *testing.T, root string, s seen) {
	t.Helper()
	if len(s.files) == 0 {
		return // a rule may have left out the root itself
	}
	folders := map[string]bool{".": true}
	for _, f := range s.files {
		for d := filepath.Dir(f.Rel); d != "."; d = filepath.Dir(d) {
			folders[d] = true
		}
	}
	var atLeast int64
	for d := range folders {
		entries, err := os.ReadDir(root + "/" + d)
		if err != nil {
			t.Fatal(err)
		}
		atLeast += int64(len(entries))
	}
	if got := s.counts.Seen.Folders + s.counts.Seen.Files; got < atLeast {
		t.Errorf("%d entries seen, folders with files in them alone hold %d", got, atLeast)
	}
}

func grow(t *testing.T, r *rand.Rand, dir string, names []string, depth int) {
	t.Helper()
	for range r.IntN(8) {
		full := dir + "/" + names[r.IntN(len(names))]
		if _, err := os.Lstat(full); err == nil {
			continue
		}
		var err error
		switch k := r.IntN(10); {
		case k < 4 && depth > 0:
			if err = os.Mkdir(full, 0o700); err == nil {
				grow(t, r, full, names, depth-1)
			}
		case k == 8:
			err = os.Symlink("..", full)
		case k == 9:
			err = unix.Mkfifo(full, 0o600)
		default:
			err = os.WriteFile(full, []byte(jpeg), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkWalk(b *testing.B) {
	const folders, files = 100, 1000
	root := b.TempDir()
	for d := range folders {
		dir := fmt.Sprintf("%s/folder_%03d", root, d)
		if err := os.Mkdir(dir, 0o700); err != nil {
			b.Fatal(err)
		}
		for i := range files {
			if err := os.WriteFile(fmt.Sprintf("%s/IMG_%05d.jpg", dir, i), nil, 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		c, err := Walk(b.Context(), root, "", Options{}, Visitor{})
		if err != nil || c.Visited.Files != folders*files {
			b.Fatal(c, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/100kfiles")
}
