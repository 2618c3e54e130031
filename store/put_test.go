package store

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// anyBytes are names that no text format carries well.
var anyBytes = []string{"a", "ünï/ö", "\xff\xfe/\x80", "tab\there", "new\nline", "quote'\"", "-rf", "%41?#", "a\u0301", "\x01\x7f", "100%"}

func put(t *testing.T, d *DB, model int64, batch ...Ingest) {
	t.Helper()
	if err := d.Put(t.Context(), model, batch); err != nil {
		t.Fatal(err)
	}
}

func filesByPath(t *testing.T, d *DB, root int64) map[string]File {
	t.Helper()
	all := map[string]File{}
	for f, err := range d.Files(t.Context(), root) {
		if err != nil {
			t.Fatal(err)
		}
		all[f.Path] = f
	}
	return all
}

func known(t *testing.T, d *DB, model int64) map[[32]byte]Known {
	t.Helper()
	all := map[[32]byte]Known{}
	for k, err := range d.HashState(t.Context(), model) {
		if err != nil {
			t.Fatal(err)
		}
		all[k.SHA256] = k
	}
	return all
}

func TestPutKeepsNamesAndNumbers(t *testing.T) {
	d := newDB(t)
	root, err := d.AddRoot(t.Context(), Root{Path: "/r\xff", Device: math.MaxUint64})
	if err != nil {
		t.Fatal(err)
	}
	if roots, err := d.Roots(t.Context()); err != nil || roots[0].Path != "/r\xff" || roots[0].Device != math.MaxUint64 {
		t.Errorf("got %+v, %v", roots, err)
	}
	want := map[string]File{}
	for i, name := range anyBytes {
		f := File{RootID: root, Path: name, SizeBytes: 1 << 40, MtimeNS: -1, Device: math.MaxUint64, Inode: 1<<63 + uint64(i),
			Links: 2, State: StateSkipped, Managed: i%2 == 0, Decoder: 3, Reason: "damaged", Detail: "bad Huffman code in " + name}
		put(t, d, 0, Ingest{File: f})
		f.ID = int64(i + 1)
		want[name] = f
	}
	if diff := cmp.Diff(want, filesByPath(t, d, root)); diff != "" {
		t.Error(diff)
	}
	skipped, err := collect(d.Skipped(t.Context(), root))
	if err != nil || len(skipped) != len(anyBytes) {
		t.Errorf("got %d skipped, %v", len(skipped), err)
	}
}

func TestPutKeepsFacts(t *testing.T) {
	d := newDB(t)
	root, model := fill(t, t.Context(), d, 0, 4)
	full := Content{SHA256: sha(1), SizeBytes: 5, Decoder: 2, Format: "heic", Width: 10, Height: 20, Orientation: 6,
		TileHash: sha(2), LowDetail: true, JPEGQuality: 95, HasICC: true, Thumb: []byte("jpeg"),
		Exif: Exif{Present: true, Make: "Ünï\xff", Model: "M", Lens: "L", Software: "S", TakenAt: "2024:01:02 03:04:05", SubSec: "07",
			Offset: "+02:00", HasGPS: true, Latitude: -33.5, Longitude: 151.25, Rating: 4, Caption: "c", ExposureTime: 0.01,
			FNumber: 2.8, ExposureBias: -0.3, ISO: 6400, Sequence: "3"}}
	bare := Content{SHA256: sha(3), Format: "png", TileHash: sha(4)}
	odd := Content{SHA256: sha(5), Exif: Exif{Present: true, HasGPS: true, Latitude: math.NaN(), FNumber: math.Inf(1)}}
	put(t, d, model, Ingest{File: File{RootID: root, Path: "a", State: StatePhoto}, Content: &full},
		Ingest{File: File{RootID: root, Path: "b", State: StatePhoto}, Content: &bare},
		Ingest{File: File{RootID: root, Path: "c", State: StatePhoto}, Content: &odd})
	s := snapshot(t, d)
	got, err := collect(s.Contents(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	thumb, err := s.Thumb(t.Context(), got[0].ID)
	if err != nil || string(thumb) != "jpeg" {
		t.Errorf("thumb: got %q, %v", thumb, err)
	}
	if none, err := d.Thumb(t.Context(), got[1].ID); err != nil || none != nil {
		t.Errorf("no thumb: got %q, %v", none, err)
	}
	full.ID, bare.ID, odd.ID, full.Thumb = 1, 2, 3, nil
	odd.Exif.Latitude, odd.Exif.FNumber = 0, 0
	if diff := cmp.Diff([]Content{full, bare, odd}, got); diff != "" {
		t.Error(diff)
	}
}

func snapshot(t *testing.T, d *DB) *Snap {
	t.Helper()
	s, err := d.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestPutByHash(t *testing.T) {
	d := newDB(t)
	root, model := fill(t, t.Context(), d, 1, 4)
	id := known(t, d, model)[sha(0)].ContentID
	put(t, d, model,
		Ingest{File: File{RootID: root, Path: "by hash", State: StatePhoto}, SHA256: sha(0)},
		Ingest{File: File{RootID: root, Path: "by id", State: StatePhoto, ContentID: id}},
		Ingest{File: File{RootID: root, Path: "again", State: StatePhoto}, Content: photo(root, 0, nil).Content},
		Ingest{File: File{RootID: root, Path: "new", State: StatePhoto}, Content: photo(root, 1, nil).Content},
		Ingest{File: File{RootID: root, Path: "new, copy", State: StatePhoto}, SHA256: sha(1)})
	files := filesByPath(t, d, root)
	for _, path := range []string{"by hash", "by id", "again"} {
		if files[path].ContentID != id {
			t.Errorf("%s: got content %d, want %d", path, files[path].ContentID, id)
		}
	}
	if files["new"].ContentID == id || files["new"].ContentID != files["new, copy"].ContentID {
		t.Errorf("got %d and %d", files["new"].ContentID, files["new, copy"].ContentID)
	}
	err := d.Put(t.Context(), model, []Ingest{
		{File: File{RootID: root, Path: "x", State: StatePhoto}, SHA256: sha(1)},
		{File: File{RootID: root, Path: "y", State: StatePhoto}, SHA256: sha(9)},
	})
	if !errors.Is(err, ErrUnknownContent) {
		t.Errorf("unknown hash: got %v, want ErrUnknownContent", err)
	}
	if _, ok := filesByPath(t, d, root)["x"]; ok {
		t.Error("half of a failed batch is stored")
	}
}

// TestPutNewerDecoder: facts of a newer decoder replace the old, and what
// rested on the old tile goes; an older or equal one changes nothing.
func TestPutNewerDecoder(t *testing.T) {
	d := newDB(t)
	root, model := fill(t, t.Context(), d, 3, 4)
	ids := known(t, d, model)
	a, b, c := ids[sha(0)].ContentID, ids[sha(1)].ContentID, ids[sha(2)].ContentID
	if err := d.PutPairs(t.Context(), model, "exact", 0.3, []Pair{{a, b, 0.5}, {b, c, 0.6}}, []int64{a, b, c}, false); err != nil {
		t.Fatal(err)
	}
	if err := d.PutEvidence(t.Context(), []Evidence{{A: a, B: b, Method: "m"}, {A: b, B: c, Method: "m"}}); err != nil {
		t.Fatal(err)
	}
	again := photo(root, 0, []float32{1, 0, 0, 0})
	again.Content.Format = "other"
	put(t, d, model, again)
	if got := pairsOf(t, d, model); len(got) != 2 {
		t.Errorf("equal decoder: pairs %v", got)
	}
	again.Content.Decoder = 2
	again.Content.Exif = Exif{}
	put(t, d, model, again)
	if got := pairsOf(t, d, model); !cmp.Equal(got, []Pair{{b, c, 0.6}}) {
		t.Errorf("newer decoder: pairs %v", got)
	}
	evidence, err := collect(d.Evidence(t.Context(), "m"))
	if err != nil || !cmp.Equal(evidence, []Evidence{{A: b, B: c, Method: "m"}}) {
		t.Errorf("evidence %v, %v", evidence, err)
	}
	for v, err := range d.Vectors(t.Context(), model, "exact") {
		if err != nil || v.Searched == (v.ContentID == a) || (v.ContentID == a) != (v.V[0] == 1) {
			t.Errorf("got %+v, %v", v, err)
		}
	}
	contents, err := collect(snapshot(t, d).Contents(t.Context()))
	if err != nil || contents[0].Format != "other" || contents[0].Exif.Present || contents[0].Decoder != 2 {
		t.Errorf("got %+v, %v", contents, err)
	}
}

func pairsOf(t *testing.T, d *DB, model int64) []Pair {
	t.Helper()
	got, err := collect(d.Pairs(t.Context(), model, "exact", -1))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPutRefuses(t *testing.T) {
	d := newDB(t)
	root, model := fill(t, t.Context(), d, 1, 4)
	photoFile := File{RootID: root, Path: "x", State: StatePhoto}
	content := photo(root, 0, nil).Content
	for name, in := range map[string]Ingest{
		"no state":               {File: File{RootID: root, Path: "x"}},
		"skip without a reason":  {File: File{RootID: root, Path: "x", State: StateSkipped}},
		"photo with a reason":    {File: File{RootID: root, Path: "x", State: StatePhoto, Reason: "r"}, Content: content},
		"no such root":           {File: File{RootID: 99, Path: "x", State: StateOther}},
		"no such content":        {File: File{RootID: root, Path: "x", State: StatePhoto, ContentID: 99}},
		"vector too short":       {File: photoFile, Content: content, Vector: []float32{1, 0, 0}},
		"vector of length 2":     {File: photoFile, Content: content, Vector: []float32{2, 0, 0, 0}},
		"vector of NaN":          {File: photoFile, Content: content, Vector: []float32{float32(math.NaN()), 0, 0, 1}},
		"vector of zeroes":       {File: photoFile, Content: content, Vector: make([]float32, 4)},
		"vector of no dimension": {File: photoFile, Content: content, Vector: []float32{}},
	} {
		if err := d.Put(t.Context(), model, []Ingest{in}); err == nil {
			t.Errorf("%s: stored", name)
		}
	}
	if err := d.Put(t.Context(), 99, []Ingest{{File: photoFile, Content: content, Vector: []float32{1, 0, 0, 0}}}); err == nil {
		t.Error("vector of no model: stored")
	}
	if n := countFiles(t, d, root); n != 1 {
		t.Errorf("got %d files, want 1", n)
	}
}

// TestPutChangesState follows one name through a life.
func TestPutChangesState(t *testing.T) {
	d := newDB(t)
	root, model := fill(t, t.Context(), d, 1, 4)
	in := photo(root, 0, nil)
	path := in.File.Path
	for _, f := range []File{
		{State: StateSkipped, Reason: "truncated", Decoder: 1, ContentID: 1}, // the id is a leftover of the caller's
		{State: StateOther},
		{State: StateFolder, Reason: "unreadable"},
	} {
		f.RootID, f.Path = root, path
		put(t, d, model, Ingest{File: f})
		f.ID, f.ContentID = 1, 0
		if diff := cmp.Diff(f, filesByPath(t, d, root)[path]); diff != "" {
			t.Error(diff)
		}
	}
	put(t, d, model, in)
	in.File.ID, in.File.ContentID = 1, 1
	if diff := cmp.Diff(in.File, filesByPath(t, d, root)[path]); diff != "" {
		t.Error(diff)
	}
}
