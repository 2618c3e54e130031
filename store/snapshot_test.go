package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSnapshotIsOneMoment reads a snapshot, one sequence within another, while
// the library changes beside it.
func TestSnapshotIsOneMoment(t *testing.T) {
	d := newDB(t)
	root, model := fill(t, t.Context(), d, 20, 4)
	if err := d.PutPairs(t.Context(), model, "exact", 0.3, []Pair{{1, 2, 0.5}}, []int64{1, 2}, false); err != nil {
		t.Fatal(err)
	}
	s := snapshot(t, d)
	put(t, d, model, photo(root, 20, []float32{1, 0, 0, 0}))
	if err := d.PutPairs(t.Context(), model, "exact", 0.2, nil, nil, true); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	contents := 0
	for _, err := range s.Contents(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		contents++
		files, err := collect(s.Files(ctx))
		if err != nil || len(files) != 20 {
			t.Fatalf("got %d files, %v", len(files), err)
		}
		if contents == 5 {
			if _, err := d.Forget(ctx, root, "2024/03"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if contents != 20 {
		t.Errorf("got %d contents", contents)
	}
	pairs, err := collect(s.Pairs(ctx, model, "exact", 0))
	if err != nil || !cmp.Equal(pairs, []Pair{{1, 2, 0.5}}) {
		t.Errorf("got %v, %v", pairs, err)
	}
	if floor, ok, err := s.SearchState(ctx, model, "exact"); floor != 0.3 || !ok || err != nil {
		t.Errorf("got %v, %v, %v", floor, ok, err)
	}
	vectors, err := collect(s.Vectors(ctx, model, "exact"))
	if err != nil || len(vectors) != 20 || !vectors[0].Searched {
		t.Errorf("got %d vectors, %v", len(vectors), err)
	}
	if n, err := s.CountVectors(ctx, model); err != nil || n != 20 {
		t.Errorf("count: got %d, %v", n, err)
	}
	if ms, err := s.Models(ctx); err != nil || len(ms) != 1 {
		t.Errorf("models: got %v, %v", ms, err)
	}
	if roots, err := s.Roots(ctx); err != nil || len(roots) != 1 || roots[0].Files != 20 {
		t.Errorf("roots: got %v, %v", roots, err)
	}
	if now, err := d.Stats(ctx); err != nil || now.Roots[0].Photos != 20 || now.Contents != 20 {
		t.Errorf("now: got %+v, %v", now, err) // 21 photos, one forgotten
	}
}

func TestStats(t *testing.T) {
	d := newDB(t)
	root, model := fill(t, t.Context(), d, 4, 4)
	blank := photo(root, 4, nil)
	blank.Content.LowDetail = true
	put(t, d, model, blank,
		Ingest{File: File{RootID: root, Path: "a", State: StateSkipped, Reason: "damaged"}},
		Ingest{File: File{RootID: root, Path: "b", State: StateSkipped, Reason: "damaged"}},
		Ingest{File: File{RootID: root, Path: "c", State: StateFolder, Reason: "unreadable"}},
		Ingest{File: File{RootID: root, Path: "d", State: StateOther}})
	gone := filesByPath(t, d, root)[photo(root, 0, nil).File.Path]
	if err := d.MarkGone(t.Context(), root, []int64{gone.ID}); err != nil {
		t.Fatal(err)
	}
	got, err := d.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.FileBytes == 0 {
		t.Error("the library has no size")
	}
	want := Stats{
		Roots: []RootStats{{Root: Root{ID: root, Path: "/photos", Device: 66305, StableInodes: true, Files: 6},
			Photos: 4, PhotoBytes: 8_000_010, Skipped: 2, Other: 1, Folders: 1, Gone: 1}},
		Skipped:   []Reason{{"damaged", 2}, {"unreadable", 1}},
		Models:    []ModelStats{{Model: Model{ID: model, Name: "test", Digest: "sha256:00", Dim: 4, ManifestJSON: "{}"}, Vectors: 4}},
		Contents:  4,
		LowDetail: 1,
		Kept:      1,
		FileBytes: got.FileBytes,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
