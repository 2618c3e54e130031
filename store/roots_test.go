package store

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRoots(t *testing.T) {
	d := newDB(t)
	b, err := d.AddRoot(t.Context(), Root{Path: "/b"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.AddRoot(t.Context(), Root{Path: "/b"}); err == nil {
		t.Error("one path added twice")
	}
	a, err := d.AddRoot(t.Context(), Root{Path: "/a", Device: 1, StableInodes: true, LastScanNS: 5})
	if err != nil {
		t.Fatal(err)
	}
	put(t, d, 0, Ingest{File: File{RootID: b, Path: "x", State: StateSkipped, Reason: "r"}},
		Ingest{File: File{RootID: b, Path: "y", State: StateOther}})
	if err := d.UpdateRoot(t.Context(), Root{ID: b, Path: "/c", Device: 1 << 63, LastScanNS: 7}); err != nil {
		t.Fatal(err)
	}
	if err := d.UpdateRoot(t.Context(), Root{ID: 99, Path: "/d"}); err == nil {
		t.Error("a root that is not there was updated")
	}
	got, err := d.Roots(t.Context())
	want := []Root{{ID: a, Path: "/a", Device: 1, StableInodes: true, LastScanNS: 5},
		{ID: b, Path: "/c", Device: 1 << 63, LastScanNS: 7, Files: 1}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestMarkGoneAndPresent(t *testing.T) {
	now := time.Unix(0, 1000)
	d := openDB(t, t.TempDir()+"/x.db", Options{Now: func() time.Time { return now }})
	const n = 20_000 // three chunks of ids
	root, model := fill(t, t.Context(), d, n, 4)
	other, err := d.AddRoot(t.Context(), Root{Path: "/other"})
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for _, f := range filesByPath(t, d, root) {
		ids = append(ids, f.ID)
	}
	if err := d.MarkGone(t.Context(), other, ids); err != nil {
		t.Fatal(err)
	}
	if got := present(t, d); got != n {
		t.Errorf("files of another root marked: %d present, want %d", got, n)
	}
	if err := d.MarkGone(t.Context(), root, ids[1:]); err != nil {
		t.Fatal(err)
	}
	now = time.Unix(0, 2000)
	if err := d.MarkGone(t.Context(), root, ids); err != nil {
		t.Fatal(err)
	}
	since := map[int64]int{}
	for _, f := range filesByPath(t, d, root) {
		since[f.GoneNS]++
	}
	if !maps.Equal(since, map[int64]int{1000: n - 1, 2000: 1}) {
		t.Errorf("gone since %v", since)
	}
	if got := present(t, d); got != 0 {
		t.Errorf("%d present, want none", got)
	}
	if len(known(t, d, model)) != n {
		t.Error("contents of gone files are not known any more")
	}
	if err := d.MarkPresent(t.Context(), root, ids[:5]); err != nil {
		t.Fatal(err)
	}
	if got := present(t, d); got != 5 {
		t.Errorf("%d present, want 5", got)
	}
}

// present counts the photos and, which must agree, the contents of a snapshot.
func present(t *testing.T, d *DB) int {
	t.Helper()
	s := snapshot(t, d)
	files, err := collect(s.Files(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	contents, err := collect(s.Contents(t.Context()))
	if err != nil || len(contents) != len(files) {
		t.Errorf("%d contents of %d files, %v", len(contents), len(files), err)
	}
	return len(files)
}

func TestAbsorbRoot(t *testing.T) {
	d := newDB(t)
	outer, err := d.AddRoot(t.Context(), Root{Path: "/p"})
	if err != nil {
		t.Fatal(err)
	}
	inner, err := d.AddRoot(t.Context(), Root{Path: "/p/\xff/in"})
	if err != nil {
		t.Fatal(err)
	}
	const prefix = "\xff/in"
	var batch []Ingest
	want := []string{"own", prefix + "/both", prefix + "/gone outside", prefix}
	for i, name := range anyBytes {
		batch = append(batch, Ingest{File: File{RootID: inner, Path: name, State: StateOther, SizeBytes: int64(i)}})
		want = append(want, prefix+"/"+name)
	}
	for _, f := range []File{
		{RootID: inner, Path: ""}, // the folder itself
		{RootID: inner, Path: "both", SizeBytes: 1},
		{RootID: inner, Path: "gone outside", SizeBytes: 1},
		{RootID: outer, Path: "own"},
		{RootID: outer, Path: prefix + "/both", SizeBytes: 2},
		{RootID: outer, Path: prefix + "/gone outside", SizeBytes: 2},
	} {
		f.State = StateOther
		batch = append(batch, Ingest{File: f})
	}
	put(t, d, 0, batch...)
	if err := d.MarkGone(t.Context(), outer, []int64{filesByPath(t, d, outer)[prefix+"/gone outside"].ID}); err != nil {
		t.Fatal(err)
	}
	run := newRun(t, d, Move{Seq: 1, RootID: inner, Rel: "\xfe", Path: "/p/\xff/in/\xfe"})
	if err := d.AbsorbRoot(t.Context(), inner, outer, prefix); err != nil {
		t.Fatal(err)
	}
	files := filesByPath(t, d, outer)
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(files))); diff != "" {
		t.Error(diff)
	}
	if a, b := files[prefix+"/both"].SizeBytes, files[prefix+"/gone outside"].SizeBytes; a != 2 || b != 1 {
		t.Errorf("rows that both knew: got %d and %d, want the outer and the inner one", a, b)
	}
	moves, err := collect(d.Moves(t.Context(), run))
	if err != nil || moves[0].RootID != outer || moves[0].Rel != prefix+"/\xfe" {
		t.Errorf("move: got %+v, %v", moves, err)
	}
	if roots, err := d.Roots(t.Context()); err != nil || len(roots) != 1 {
		t.Errorf("roots: got %v, %v", roots, err)
	}
}

func TestForget(t *testing.T) {
	d := newDB(t)
	root, model := fill(t, t.Context(), d, 300, 4)
	ids := known(t, d, model)
	id := func(n int) int64 { return ids[sha(n)].ContentID }
	// Photos 0, 100 and 200 lie in 2024/00; 0 has a copy outside.
	put(t, d, model,
		Ingest{File: File{RootID: root, Path: "keep/copy", State: StatePhoto}, SHA256: sha(0)},
		Ingest{File: File{RootID: root, Path: "2024/00", State: StateFolder, Reason: "unreadable"}},
		Ingest{File: File{RootID: root, Path: "2024/00.jpg", State: StateOther}},
		Ingest{File: File{RootID: root, Path: "2024/00-x/y", State: StateOther}})
	err := d.PutPairs(t.Context(), model, "exact", 0, []Pair{{id(0), id(1), 1}, {id(0), id(100), 1}, {id(100), id(200), 1}}, []int64{id(0), id(1)}, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.PutEvidence(t.Context(), []Evidence{{A: id(0), B: id(100), Method: "m", Kind: "k"}}); err != nil {
		t.Fatal(err)
	}
	run := newRun(t, d, Move{Seq: 1, RootID: root, Rel: photo(root, 100, nil).File.Path, SHA256: sha(100)})
	if err := d.SetMove(t.Context(), run, 1, MoveMoved, ""); err != nil {
		t.Fatal(err)
	}
	got, err := d.Forget(t.Context(), root, "2024/00")
	if want := (Forgotten{Files: 4, Contents: 2, Vectors: 2, Pairs: 2}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	files := filesByPath(t, d, root)
	for _, path := range []string{"keep/copy", "2024/00.jpg", "2024/00-x/y"} {
		if _, ok := files[path]; !ok {
			t.Errorf("%s was forgotten", path)
		}
	}
	if got := pairsOf(t, d, model); len(got) != 1 {
		t.Errorf("pairs left: %v", got)
	}
	if got, err := collect(d.Evidence(t.Context(), "m")); err != nil || len(got) != 0 {
		t.Errorf("evidence left: %v, %v", got, err)
	}
	forgetAll(t, d, root)
	removed, err := d.RemovedBefore(t.Context())
	if err != nil || removed[sha(100)] != "run-1" {
		t.Errorf("journal after forget: got %v, %v", removed, err)
	}
	next, err := d.AddRoot(t.Context(), Root{Path: "/photos"})
	if err != nil || next == root {
		t.Errorf("new root: got id %d, %v: the journal's moves would meet its files", next, err)
	}
}

// forgetAll forgets a root and checks that nothing of it is left.
func forgetAll(t *testing.T, d *DB, root int64) {
	t.Helper()
	if _, err := d.Forget(t.Context(), root, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Forget(t.Context(), root, ""); err == nil {
		t.Error("a root was forgotten twice")
	}
	for _, table := range []string{"roots", "files", "contents", "exif", "thumbnails", "embeddings", "pairs", "searched", "evidence"} {
		var n int
		if err := d.r.QueryRowContext(context.Background(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d rows left, %v", table, n, err)
		}
	}
}

func TestSamplePaths(t *testing.T) {
	d := newDB(t)
	root, _ := fill(t, t.Context(), d, 10, 4)
	for _, n := range []int{1, 3, 10, 50} {
		got, err := d.SamplePaths(t.Context(), root, n)
		if err != nil || len(got) != min(n, 10) || !slices.IsSorted(got) {
			t.Errorf("%d: got %q, %v", n, got, err)
		}
	}
	three, err := d.SamplePaths(t.Context(), root, 3)
	if want := []string{"2024/00/DSC000000.jpg", "2024/03/DSC000003.jpg", "2024/06/DSC000006.jpg"}; err != nil || !slices.Equal(three, want) {
		t.Errorf("got %q, %v, want %q", three, err, want)
	}
}
