package store

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVectors(t *testing.T) {
	d := newDB(t)
	root, model := fill(t, t.Context(), d, 3, 4)
	blank := photo(root, 3, []float32{0, 1, 0, 0})
	blank.Content.LowDetail = true
	put(t, d, model, blank, photo(root, 4, nil))
	other, err := d.EnsureModel(t.Context(), Model{Name: "test", Digest: "sha256:11", Dim: 2})
	if err != nil {
		t.Fatal(err)
	}
	put(t, d, other, Ingest{File: File{RootID: root, Path: "x", State: StatePhoto}, SHA256: sha(0), Vector: []float32{0, 1}})
	got, err := collect(d.Vectors(t.Context(), model, "exact"))
	if err != nil || len(got) != 3 {
		t.Fatalf("got %v, %v", got, err)
	}
	for i, v := range got {
		if v.ContentID != int64(i+1) || len(v.V) != 4 || v.Searched {
			t.Errorf("got %+v", v)
		}
	}
	if n, err := d.CountVectors(t.Context(), model); err != nil || n != 3 {
		t.Errorf("count: got %d, %v", n, err)
	}
	got, err = collect(d.Vectors(t.Context(), other, "exact"))
	if want := []Vector{{ContentID: 1, V: []float32{0, 1}}}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("other model: got %v, %v", got, err)
	}
	state := known(t, d, model)
	if k := state[sha(3)]; !k.LowDetail || !k.HasVector {
		t.Errorf("blank: got %+v", k)
	}
	if k := state[sha(4)]; k.HasVector || k.LowDetail || k.Decoder != 1 {
		t.Errorf("without vector: got %+v", k)
	}
	if state := known(t, d, other); !state[sha(0)].HasVector || state[sha(1)].HasVector || len(state) != 5 {
		t.Errorf("other model: got %v", state)
	}
}

func TestDamagedVectors(t *testing.T) {
	d := newDB(t)
	_, model := fill(t, t.Context(), d, 5, 4)
	if err := d.PutPairs(t.Context(), model, "exact", 0, []Pair{{1, 2, 1}, {2, 3, 1}, {4, 5, 1}}, []int64{1, 2, 3, 4, 5}, false); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for id, blob := range map[int][]byte{
		2: EncodeVector([]float32{1, 0, 0, float32(math.Inf(1))}),
		3: EncodeVector([]float32{0.5, 0, 0, 0}),
	} {
		if _, err := d.w.ExecContext(ctx, `UPDATE embeddings SET vector = ? WHERE content_id = ?`, blob, id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.w.ExecContext(ctx, `UPDATE embeddings SET vector = x'0000', dim = 2 WHERE content_id = 1`); err == nil {
		t.Error("CHECK let a vector of half a length in")
	}
	if _, err := d.w.ExecContext(ctx, `UPDATE embeddings SET vector = x'0000803f', dim = 1 WHERE content_id = 1`); err != nil {
		t.Fatal(err)
	}
	var bad []int64
	good := 0
	for v, err := range d.Vectors(ctx, model, "exact") {
		if e, ok := errors.AsType[*DamagedVectorError](err); ok {
			bad = append(bad, e.ContentID)
			if v.V != nil || !errors.Is(err, ErrDamaged) || e.ModelID != model {
				t.Errorf("got %+v, %v", v, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		good++
	}
	if !cmp.Equal(bad, []int64{1, 2, 3}) || good != 2 {
		t.Errorf("damaged %v, good %d", bad, good)
	}
	if err := d.DropVectors(ctx, model, bad); err != nil {
		t.Fatal(err)
	}
	if got := pairsOf(t, d, model); !cmp.Equal(got, []Pair{{4, 5, 1}}) {
		t.Errorf("pairs left: %v", got)
	}
	if k := known(t, d, model); k[sha(1)].HasVector || !k[sha(3)].HasVector {
		t.Errorf("known: %v", k)
	}
}

func TestVectorsStopEarly(t *testing.T) {
	d := newDB(t)
	_, model := fill(t, t.Context(), d, 5, 4)
	for range 10 { // more than there are connections
		for _, err := range d.Vectors(t.Context(), model, "") {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range d.Vectors(ctx, model, "") {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("after cancel: got %v", last)
	}
}

func TestPairs(t *testing.T) {
	d := newDB(t)
	_, model := fill(t, t.Context(), d, 250, 4)
	ctx := t.Context()
	if _, ok, err := d.SearchState(ctx, model, "exact"); ok || err != nil {
		t.Errorf("before a search: got %v, %v", ok, err)
	}
	var all []Pair
	for i := range int64(249) { // three statements' worth
		all = append(all, Pair{i + 1, i + 2, 0.5 + float64(i)/1000})
	}
	if err := d.PutPairs(ctx, model, "exact", 0.35, all, nil, false); err != nil {
		t.Fatal(err)
	}
	if err := d.PutPairs(ctx, model, "exact", 0.35, all[:1], []int64{1, 2}, false); err != nil {
		t.Fatal(err)
	}
	if err := d.PutPairs(ctx, model, "other", 0.5, []Pair{{1, 250, 0.9}}, nil, false); err != nil {
		t.Fatal(err)
	}
	if got := pairsOf(t, d, model); !cmp.Equal(got, all) {
		t.Errorf("got %d pairs, want %d", len(got), len(all))
	}
	got, err := collect(d.Pairs(ctx, model, "exact", 0.748))
	if want := all[248:]; err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if floor, ok, err := d.SearchState(ctx, model, "exact"); floor != 0.35 || !ok || err != nil {
		t.Errorf("got %v, %v, %v", floor, ok, err)
	}
	searched := map[int64]bool{}
	for v, err := range d.Vectors(ctx, model, "exact") {
		if err != nil {
			t.Fatal(err)
		}
		searched[v.ContentID] = v.Searched
	}
	if !searched[1] || !searched[2] || searched[3] {
		t.Errorf("searched: %v", searched)
	}
	if err := d.PutPairs(ctx, model, "exact", 0.2, nil, nil, false); err == nil {
		t.Error("another floor was taken without reset")
	}
	if err := d.PutPairs(ctx, model, "exact", 0.2, []Pair{{2, 1, 0.5}}, nil, true); err == nil {
		t.Error("a pair with A > B was stored")
	}
	if len(pairsOf(t, d, model)) != len(all) {
		t.Error("a failed call dropped the earlier search")
	}
	if err := d.PutPairs(ctx, model, "exact", 0.2, all[:7], nil, true); err != nil {
		t.Fatal(err)
	}
	if got := pairsOf(t, d, model); !cmp.Equal(got, all[:7]) {
		t.Errorf("after reset: got %v", got)
	}
	if vs, err := collect(d.Vectors(ctx, model, "exact")); err != nil || vs[0].Searched {
		t.Errorf("after reset: %+v, %v", vs[0], err)
	}
	if got, err := collect(d.Pairs(ctx, model, "other", 0)); err != nil || len(got) != 1 {
		t.Errorf("other engine after reset: got %v, %v", got, err)
	}
}

func TestEvidence(t *testing.T) {
	d := newDB(t)
	fill(t, t.Context(), d, 3, 4)
	err := d.PutEvidence(t.Context(), []Evidence{{1, 2, "pixels 1", "", ""}, {2, 3, "pixels 1", "same-pixels", "d"},
		{1, 2, "pixels 2", "k", ""}, {1, 99, "pixels 1", "of a forgotten content", ""}})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.PutEvidence(t.Context(), []Evidence{{1, 2, "pixels 1", "same-pixels", "later"}}); err != nil {
		t.Fatal(err)
	}
	got, err := collect(d.Evidence(t.Context(), "pixels 1"))
	want := []Evidence{{1, 2, "pixels 1", "same-pixels", "later"}, {2, 3, "pixels 1", "same-pixels", "d"}}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if err := d.PutEvidence(t.Context(), []Evidence{{2, 1, "m", "", ""}}); err == nil {
		t.Error("a verdict with A > B was stored")
	}
}

func TestModels(t *testing.T) {
	d := newDB(t)
	ctx := t.Context()
	if l, err := d.LastModel(ctx); err != nil || l != (Last{}) {
		t.Errorf("before a scan: got %v, %v", l, err)
	}
	a, err := d.EnsureModel(ctx, Model{Name: "sscd", Digest: "sha256:a", Dim: 512, ManifestJSON: "{}"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.EnsureModel(ctx, Model{Name: "sscd", Digest: "sha256:a", Dim: 512, ManifestJSON: `{"x":1}`})
	if err != nil || again != a {
		t.Errorf("got %d, %v, want %d", again, err, a)
	}
	if _, err := d.EnsureModel(ctx, Model{Name: "sscd", Digest: "sha256:a", Dim: 256}); err == nil {
		t.Error("one model has two dimensions")
	}
	b, err := d.EnsureModel(ctx, Model{Name: "clip", Digest: "sha256:a", Dim: 2})
	if err != nil || b == a {
		t.Errorf("got %d, %v", b, err)
	}
	got, err := d.Models(ctx)
	want := []Model{{b, "clip", "sha256:a", 2, ""}, {a, "sscd", "sha256:a", 512, `{"x":1}`}}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, l := range []Last{{a, "local", ""}, {b, "grpc://x", "clip"}} {
		if err := d.SetLast(ctx, l); err != nil {
			t.Fatal(err)
		}
		if got, err := d.LastModel(ctx); err != nil || got != l {
			t.Errorf("got %v, %v, want %v", got, err, l)
		}
	}
}

func FuzzDecodeVector(f *testing.F) {
	f.Add([]byte{}, 0)
	f.Add(EncodeVector([]float32{0.6, 0.8}), 2)
	f.Add(EncodeVector([]float32{float32(math.NaN()), 1}), 2)
	f.Add([]byte{1, 2, 3}, 1)
	f.Add(EncodeVector([]float32{1}), math.MaxInt/4)
	f.Fuzz(func(t *testing.T, b []byte, dim int) {
		v, err := DecodeVector(b, dim)
		if err != nil {
			if v != nil || !errors.Is(err, ErrDamaged) {
				t.Errorf("got %v, %v", v, err)
			}
			return
		}
		var sum float64
		for _, x := range v {
			sum += float64(x) * float64(x)
		}
		if len(v) != dim || math.Abs(math.Sqrt(sum)-1) > normTolerance {
			t.Errorf("accepted %v for dimension %d", v, dim)
		}
		if got := EncodeVector(v); string(got) != string(b) {
			t.Errorf("came back as %x, was %x", got, b)
		}
	})
}
