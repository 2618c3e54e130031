package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dupfind/dupfind/internal/group"
	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/internal/term"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// taken is when the photos of the sample were last changed.
var taken = time.Date(2024, 6, 1, 12, 0, 0, 500, time.UTC).UnixNano()

func photo(path string, sizeBytes int64, w, h int, sum byte) File {
	return File{Path: path, SizeBytes: sizeBytes, MtimeNS: taken, SHA256: [32]byte{sum}, Format: "jpeg", Width: w, Height: h, TakenAt: "2024:06:01 14:00:00"}
}

func member(f File, k match.Kind, similarity, cosine float64) Member {
	return Member{File: f, Kind: k, Similarity: similarity, Cosine: cosine, Reason: "more pixels: 4032x3024", Movable: true, FreesBytes: f.SizeBytes}
}

// sample has one of everything that a report can say.
func sample() *Document {
	identical := member(photo("/home/ann/Pictures/phone/IMG_1 (1).jpg", 3_100_000, 4032, 3024, 1), match.Identical, 1, 1)
	identical.Links = []string{"/home/ann/Pictures/phone/link.jpg"}
	identical.FreesBytes = 0
	small := member(photo("/home/ann/Pictures/mail/a folder with a rather long name that goes on and on/holiday small.jpg", 210_000, 1024, 768, 2), match.Resized, 0.99123456, 0.91)
	small.KeeperLacks = []string{"GPS position", "rating", "a caption"}
	managed := member(photo("/home/ann/Pictures/Photos.photoslibrary/originals/0/0A.heic", 1_900_000, 4032, 3024, 3), match.SamePixels, 1, 0.9999)
	managed.Managed, managed.Movable, managed.FreesBytes = true, false, 0
	managed.StaysBecause = "inside a managed photo library: /home/ann/Pictures/Photos.photoslibrary/originals/0/0A.heic"
	burst := member(photo("/home/ann/Pictures/2024/\xff\xfe new\nline\x1b[31m.jpg", 3_000_000, 4032, 3024, 4), match.Similar, 0.952, 0.4434)
	burst.KeeperOf, burst.StaysBecause = "0a0b0c0d0e0f", "kept in group 0a0b0c0d0e0f"
	burst.Movable, burst.FreesBytes = false, 0
	burst.RemovedBefore = "2024-07-01-001"
	kept := photo("/home/ann/Pictures/2024/IMG_1.jpg", 3_100_000, 4032, 3024, 1)
	kept.Protected = true
	return &Document{
		Program: "dupfind 0.1.0", Threshold: 0.95, ThresholdCosine: 0.44,
		Model:           Model{Name: "sscd_disc_mixup", Digest: "sha256:00ff", Measured: true},
		Engine:          Engine{Name: "exact", Exact: true},
		Roots:           []Root{{"/home/ann/Pictures", true}, {"/media/ann/drive", false}},
		QuarantineKinds: match.CopyKinds(),
		Numbers: Numbers{
			Files: 50_012, Photos: 50_000, Compared: 49_960, LowDetail: 37, NoVector: 3, Skipped: 1, TooSmall: 2, Outside: 1,
			Proposals: 1312, Confirmed: 4, ExpectedFalse: 1248,
		},
		MinSizeBytes: 10_000,
		Unconfirmed:  []Unconfirmed{{"/home/ann/Pictures/x.png", "took too long to decode"}},
		Groups: []Group{
			{ID: "1f2e3d4c5b6a", Keeper: kept, KeeperReason: "in a protected folder", Members: []Member{identical, managed, small}},
			{ID: "a1b2c3d4e5f6", Keeper: photo("/home/ann/Pictures/2024/写真.jpg", 4_000_000, 4032, 3024, 5), KeeperReason: "less compressed: quality 95 rather than 80", Members: []Member{burst}},
		},
		Notes: []string{"3 photos came since the last search."},
		Next:  []string{"dupfind quarantine --dry-run", "dupfind quarantine", "dupfind skipped"},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s differs (-update rewrites it):\n%s", name, d)
	}
}

func TestGolden(t *testing.T) {
	empty := &Document{
		Program: "dupfind 0.1.0", Threshold: 0.95, ThresholdCosine: 0.44, QuarantineKinds: match.CopyKinds(),
		Model: Model{Name: "sscd_disc_mixup"}, Engine: Engine{"exact", true}, Numbers: Numbers{Files: 12, Photos: 12, Compared: 12},
	}
	none := sample()
	none.QuarantineKinds = []match.Kind{match.Resized}
	none.Groups = none.Groups[1:]
	none.Model.Remark = "its scale is provisional, not measured: run dupfind calibrate"
	none.Engine = Engine{Name: "hnsw"}
	for name, write := range map[string]func(io.Writer) error{
		"table40.txt": func(w io.Writer) error { return WriteTable(w, sample(), TableOptions{Width: 40}) },
		"table80.txt": func(w io.Writer) error { return WriteTable(w, sample(), TableOptions{Width: 80}) },
		"table.txt":   func(w io.Writer) error { return WriteTable(w, sample(), TableOptions{}) },
		"colour.txt": func(w io.Writer) error {
			return WriteTable(w, sample(), TableOptions{Width: 100, Paint: term.Paint{On: true}})
		},
		"empty.txt":    func(w io.Writer) error { return WriteTable(w, empty, TableOptions{Width: 80}) },
		"unsure.txt":   func(w io.Writer) error { return WriteTable(w, none, TableOptions{Width: 80}) },
		"report.json":  func(w io.Writer) error { return WriteJSON(w, sample()) },
		"nothing.json": func(w io.Writer) error { return WriteJSON(w, &Document{}) },
		"report.csv":   func(w io.Writer) error { return WriteCSV(w, sample()) },
	} {
		t.Run(name, func(t *testing.T) {
			var one, two bytes.Buffer
			if err := write(&one); err != nil {
				t.Fatal(err)
			}
			if err := write(&two); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
				t.Errorf("two writes differ: %v", err)
			}
			golden(t, name, one.Bytes())
		})
	}
}

func TestJSONHasNoNull(t *testing.T) {
	for _, d := range []*Document{{}, sample(), {Groups: []Group{{Members: []Member{{}}}}}} {
		var b bytes.Buffer
		if err := WriteJSON(&b, d); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "null") {
			t.Errorf("null in %s", b.String())
		}
		if !json.Valid(b.Bytes()) {
			t.Error("not JSON")
		}
	}
}

func TestCSVKeepsBytes(t *testing.T) {
	var b bytes.Buffer
	if err := WriteCSV(&b, sample()); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 7 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if got, want := rows[6][2], sample().Groups[1].Members[0].Path; got != want {
		t.Errorf("path %q, want %q", got, want)
	}
}

func TestPairs(t *testing.T) {
	pairs := []Pair{
		{"/lib/a.jpg", "/lib/b.jpg", 1, 1, match.Identical},
		{"/lib/a\tb.jpg", "/lib/new\nline \x1b\xff\\.jpg", 0.9512345678, 0.4412345678, match.Similar},
		{"/lib/é写.jpg", "/lib/c1\u009b.jpg", 0.95, 0.44, match.SamePixels},
	}
	write := func(o PairOptions) string {
		var b strings.Builder
		w := NewPairWriter(&b, o)
		for _, p := range pairs {
			if err := w.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := "path_a\tpath_b\tsimilarity\tcosine\tkind\n" +
		"/lib/a.jpg\t/lib/b.jpg\t1.000000\t1.000000\tidentical\n" +
		`/lib/a\tb.jpg` + "\t" + `/lib/new\nline \x1b\xff\\.jpg` + "\t0.951235\t0.441235\tsimilar\n" +
		"/lib/é写.jpg\t" + `/lib/c1\xc2\x9b.jpg` + "\t0.950000\t0.440000\tsame-pixels\n"
	if d := cmp.Diff(want, write(PairOptions{})); d != "" {
		t.Error(d)
	}
	want = "path_a\tpath_b\tsimilarity\tcosine\tkind\x00" +
		"/lib/a.jpg\t/lib/b.jpg\t1.000000\t1.000000\tidentical\x00" +
		"/lib/a\tb.jpg\t/lib/new\nline \x1b\xff\\.jpg\t0.951235\t0.441235\tsimilar\x00" +
		"/lib/é写.jpg\t/lib/c1\u009b.jpg\t0.950000\t0.440000\tsame-pixels\x00"
	if d := cmp.Diff(want, write(PairOptions{NUL: true})); d != "" {
		t.Error(d)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriteErrors(t *testing.T) {
	for name, err := range map[string]error{
		"table": WriteTable(fullDisk{}, sample(), TableOptions{}),
		"json":  WriteJSON(fullDisk{}, sample()),
		"csv":   WriteCSV(fullDisk{}, sample()),
		"pairs": func() error { w := NewPairWriter(fullDisk{}, PairOptions{}); return w.Flush() }(),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	w := NewPairWriter(fullDisk{}, PairOptions{})
	var err error
	for i := 0; err == nil && i < 1_000_000; i++ {
		err = w.Write(Pair{PathA: "/a", PathB: "/b"})
	}
	if err == nil {
		t.Error("a million pairs written to a full disk")
	}
}

// FuzzEscapePath: what is written can be turned back into the bytes.
func FuzzEscapePath(f *testing.F) {
	f.Add("/lib/a\\tb\t\xff\n\u0085")
	f.Fuzz(func(t *testing.T, s string) {
		e := escapePath(s)
		if strings.ContainsAny(e, "\t\n\r\x00") {
			t.Errorf("%q leaves its field", e)
		}
		if got := unescape(e); got != s {
			t.Errorf("%q became %q and came back as %q", s, e, got)
		}
	})
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'x':
			var c byte
			fmt.Sscanf(s[i+1:i+3], "%02x", &c)
			b.WriteByte(c)
			i += 2
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func TestNewGroup(t *testing.T) {
	g := group.Group{
		ID: "x", KeeperReason: "older", Keeper: group.Member{PhotoID: 1, File: group.File{Path: "/a.jpg", SizeBytes: 10, Protected: true}},
		Members: []group.Member{
			{PhotoID: 1, File: group.File{Path: "/b.jpg", SizeBytes: 10, Links: 1}, Kind: "identical", Similarity: 1, Cosine: 1, Movable: true, Reason: "r", Lacks: []string{"GPS"}},
			{PhotoID: 2, File: group.File{Path: "/c.jpg", SizeBytes: 20, Links: 2}, OtherNames: []group.File{{Path: "/d.jpg"}}, Kind: "similar", Movable: true, OtherGroup: "y"},
			{PhotoID: 2, File: group.File{Path: "/e.jpg", SizeBytes: 20, Links: 3}, Kind: "similar", Movable: true},
			{PhotoID: 2, File: group.File{Path: "/m.jpg", SizeBytes: 20, Managed: true}, Kind: "similar", Why: "managed"},
		},
	}
	facts := func(id int64) Facts {
		return Facts{SHA256: [32]byte{byte(id)}, Format: "png", Width: int(id), Height: 2, TakenAt: "t", RemovedBefore: map[int64]string{2: "run"}[id]}
	}
	f := func(path string, size int64, id byte, removed string) File {
		return File{Path: path, SizeBytes: size, SHA256: [32]byte{id}, Format: "png", Width: int(id), Height: 2, TakenAt: "t", RemovedBefore: removed}
	}
	keeper, hard, managed := f("/a.jpg", 10, 1, ""), f("/c.jpg", 20, 2, "run"), f("/m.jpg", 20, 2, "run")
	keeper.Protected, hard.Links, managed.Managed = true, []string{"/d.jpg"}, true
	want := Group{
		ID: "x", KeeperReason: "older", Keeper: keeper,
		Members: []Member{
			{File: f("/b.jpg", 10, 1, ""), Kind: match.Identical, Similarity: 1, Cosine: 1, Movable: true, Reason: "r", KeeperLacks: []string{"GPS"}, FreesBytes: 10},
			{File: hard, Kind: match.Similar, Movable: true, KeeperOf: "y", FreesBytes: 20},
			{File: f("/e.jpg", 20, 2, "run"), Kind: match.Similar, Movable: true}, // a name of it is not known: frees nothing
			{File: managed, Kind: match.Similar, StaysBecause: "managed"},
		},
	}
	if d := cmp.Diff(want, NewGroup(g, facts)); d != "" {
		t.Error(d)
	}
}

func TestExpected(t *testing.T) {
	for f, want := range map[float64]string{0: "hardly any", 0.04: "hardly any", 0.06: "about 0.1", 3.14: "about 3.1", 12.4: "about 12", 1248: "about 1,200", 1.2e9: "about 1,200,000,000"} {
		if got := expected(f); got != want {
			t.Errorf("%v: got %q, want %q", f, got, want)
		}
	}
}
