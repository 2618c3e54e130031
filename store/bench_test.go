package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// benchRows is the size of the library that the benchmarks read: 100,000
// photos, with vectors of 512 numbers where the name says so.
const benchRows = 100_000

func sha(n int) [32]byte {
	return sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

// unit returns a random vector of length 1.
func unit(rng *rand.Rand, dim int) []float32 {
	v := make([]float32, dim)
	var sum float64
	for i := range v {
		v[i] = float32(rng.NormFloat64())
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

// photo makes the row of photo n of a root, as a scan would store it.
func photo(rootID int64, n int, v []float32) Ingest {
	size := int64(2_000_000 + n)
	return Ingest{
		File: File{RootID: rootID, Path: fmt.Sprintf("2024/%02d/DSC%06d.jpg", n%100, n), SizeBytes: size,
			MtimeNS: 1_700_000_000_123_456_789 + int64(n), Device: 66305, Inode: uint64(10_000_000 + n), Links: 1,
			State: StatePhoto, Decoder: 1},
		Content: &Content{SHA256: sha(n), SizeBytes: size, Decoder: 1, Format: "jpeg", Width: 6000, Height: 4000,
			Orientation: 1, TileHash: sha(-n), JPEGQuality: 92, Exif: Exif{Present: true, Make: "Canon",
				Model: "EOS R6", TakenAt: "2024:05:01 12:00:00", ISO: 100, FNumber: 5.6, ExposureTime: 0.005}},
		Vector: v,
	}
}

// fill puts n photos of a new root in batches of 256; vectors of dim numbers
// unless dim is 0. It returns the ids of the root and the model.
func fill(t testing.TB, ctx context.Context, d *DB, n, dim int) (rootID, modelID int64) {
	t.Helper()
	rootID, err := d.AddRoot(ctx, Root{Path: "/photos", Device: 66305, StableInodes: true})
	if err != nil {
		t.Fatal(err)
	}
	modelID, err = d.EnsureModel(ctx, Model{Name: "test", Digest: "sha256:00", Dim: max(dim, 1), ManifestJSON: "{}"})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	batch := make([]Ingest, 0, 256)
	for i := range n {
		var v []float32
		if dim > 0 {
			v = unit(rng, dim)
		}
		batch = append(batch, photo(rootID, i, v))
		if len(batch) == cap(batch) || i == n-1 {
			if err := d.Put(ctx, modelID, batch); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	return rootID, modelID
}

func benchDB(b *testing.B, n, dim int) (d *DB, rootID, modelID int64) {
	b.Helper()
	d = newDB(b)
	rootID, modelID = fill(b, b.Context(), d, n, dim)
	return d, rootID, modelID
}

func BenchmarkFiles100k(b *testing.B) {
	d, root, _ := benchDB(b, benchRows, 0)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range d.Files(b.Context(), root) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != benchRows {
			b.Fatal(n)
		}
	}
}

func BenchmarkHashState100k(b *testing.B) {
	d, _, model := benchDB(b, benchRows, 0)
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range d.HashState(b.Context(), model) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkMarkGone100k(b *testing.B) {
	d, root, _ := benchDB(b, benchRows, 0)
	ids := make([]int64, benchRows)
	for i := range ids {
		ids[i] = int64(i + 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := d.MarkGone(b.Context(), root, ids); err != nil {
			b.Fatal(err)
		}
		if err := d.MarkPresent(b.Context(), root, ids); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPut256 stores batches of 256 new photos with vectors of 512 numbers.
func BenchmarkPut256(b *testing.B) {
	d, root, _ := benchDB(b, 0, 0)
	model, err := d.EnsureModel(b.Context(), Model{Name: "sscd", Digest: "sha256:01", Dim: 512})
	if err != nil {
		b.Fatal(err)
	}
	v := unit(rand.New(rand.NewPCG(1, 2)), 512)
	batch := make([]Ingest, 256)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch {
			batch[i] = photo(root, n, v)
			n++
		}
		if err := d.Put(b.Context(), model, batch); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVectors20k(b *testing.B) {
	d, _, model := benchDB(b, 20_000, 512)
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range d.Vectors(b.Context(), model, "exact") {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkPutPairs100k(b *testing.B) {
	d, _, model := benchDB(b, 10_000, 4)
	pairs := make([]Pair, 100_000)
	for i := range pairs {
		pairs[i] = Pair{int64(1 + i/20), int64(2 + i/20 + i%20*100), 0.5}
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := d.PutPairs(b.Context(), model, "exact", 0.35, pairs, nil, true); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSnapshot100k(b *testing.B) {
	d, _, _ := benchDB(b, benchRows, 0)
	b.ReportAllocs()
	for b.Loop() {
		s, err := d.Snapshot(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range s.Contents(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
		}
		for _, err := range s.Files(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkForget100k forgets a root of 100,000 photos and all that hangs on them.
func BenchmarkForget100k(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		d, err := Open(b.Context(), filepath.Join(b.TempDir(), "x.db"), Options{})
		if err != nil {
			b.Fatal(err)
		}
		root, _ := fill(b, b.Context(), d, benchRows, 4)
		b.StartTimer()
		if _, err := d.Forget(b.Context(), root, ""); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
