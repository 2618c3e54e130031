package store

import (
	"database/sql"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/vN.db of the newest version N, if there is none")

// writeSample puts a few rows into every table.
func writeSample(t *testing.T, d *DB) {
	t.Helper()
	ctx := t.Context()
	root, model := fill(t, ctx, d, 3, 4)
	withThumb := photo(root, 3, nil)
	withThumb.Content.Thumb = []byte("jpeg")
	put(t, d, model, withThumb, Ingest{File: File{RootID: root, Path: "\xff", State: StateSkipped, Reason: "damaged", Decoder: 1}})
	if err := d.PutPairs(ctx, model, "exact", 0.35, []Pair{{1, 2, 0.5}}, []int64{1, 2, 3}, false); err != nil {
		t.Fatal(err)
	}
	if err := d.PutEvidence(ctx, []Evidence{{1, 2, "pixels 1", "same-pixels", ""}}); err != nil {
		t.Fatal(err)
	}
	if err := d.SetLast(ctx, Last{ModelID: model, Backend: "local"}); err != nil {
		t.Fatal(err)
	}
	if err := d.PutGolden(ctx, model, sampleGolden()); err != nil {
		t.Fatal(err)
	}
	if err := d.PutRate(ctx, sampleRate(model)); err != nil {
		t.Fatal(err)
	}
	run := newRun(t, d, Move{Seq: 1, RootID: root, Rel: photo(root, 0, nil).File.Path, SHA256: sha(0)})
	if err := d.SetMove(ctx, run, 1, MoveMoved, ""); err != nil {
		t.Fatal(err)
	}
}

// checkSample reads back what writeSample put.
func checkSample(t *testing.T, d *DB) {
	t.Helper()
	ctx := t.Context()
	st, err := d.Stats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r := st.Roots[0]
	if len(st.Roots) != 1 || r.Photos != 3 || r.Skipped != 1 || r.Removed != 1 || st.Contents != 3 || st.Kept != 1 || st.InRuns != 1 {
		t.Errorf("stats: got %+v", st)
	}
	if f := filesByPath(t, d, r.ID)["\xff"]; f.Reason != "damaged" {
		t.Errorf("skipped file: got %+v", f)
	}
	if got := pairsOf(t, d, 1); !cmp.Equal(got, []Pair{{1, 2, 0.5}}) {
		t.Errorf("pairs: got %v", got)
	}
	vectors, err := collect(d.Vectors(ctx, 1, "exact"))
	if err != nil || len(vectors) != 3 || !vectors[2].Searched {
		t.Errorf("vectors: got %v, %v", vectors, err)
	}
	if e, err := collect(d.Evidence(ctx, "pixels 1")); err != nil || len(e) != 1 {
		t.Errorf("evidence: got %v, %v", e, err)
	}
	if b, err := d.Thumb(ctx, 4); err != nil || string(b) != "jpeg" {
		t.Errorf("thumb: got %q, %v", b, err)
	}
	if l, err := d.LastModel(ctx); err != nil || l != (Last{ModelID: 1, Backend: "local"}) {
		t.Errorf("last: got %v, %v", l, err)
	}
	if removed, err := d.RemovedBefore(ctx); err != nil || removed[sha(0)] != "run-1" {
		t.Errorf("removed: got %v, %v", removed, err)
	}
	if problems, err := d.Check(ctx); err != nil || len(problems) > 0 {
		t.Errorf("check: got %q, %v", problems, err)
	}
}

func sampleGolden() [][]float32 {
	rng := rand.New(rand.NewPCG(3, 4))
	all := make([][]float32, goldenCount)
	for i := range all {
		all[i] = unit(rng, 4)
	}
	return all
}

func sampleRate(model int64) Rate {
	return Rate{Backend: "grpc://127.0.0.1:8001", ModelID: model, Photos: 3, SentBytes: 231000, Busy: 2 * time.Second, MeasuredNS: 5}
}

// checkRemote reads back what came with version 2. A library of version 1 has
// none of it, and takes it.
func checkRemote(t *testing.T, d *DB, written bool) {
	t.Helper()
	ctx := t.Context()
	want := sampleRate(1)
	golden, err := d.Golden(ctx, 1)
	rate, measured, err2 := d.LastRate(ctx, want.Backend, 1)
	if !written {
		if golden != nil || err != nil || measured || err2 != nil {
			t.Errorf("before the first: got golden vectors %v, %v, rate %v, %v", golden, err, rate, err2)
		}
		if err := errors.Join(d.PutGolden(ctx, 1, sampleGolden()), d.PutRate(ctx, want)); err != nil {
			t.Fatal(err)
		}
		golden, err = d.Golden(ctx, 1)
		rate, measured, err2 = d.LastRate(ctx, want.Backend, 1)
	}
	if err != nil || !cmp.Equal(golden, sampleGolden()) {
		t.Errorf("golden vectors: got %v, %v", golden, err)
	}
	if err2 != nil || !measured || rate != want {
		t.Errorf("rate: got %v, %v, %v", rate, measured, err2)
	}
}

// TestMigrate opens a library of every released version and finds in it what
// was written then, under the schema that a new library has.
func TestMigrate(t *testing.T) {
	steps, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		writeTestdata(t, len(steps))
	}
	want := schema(t, newDB(t))
	old, err := filepath.Glob("testdata/v*.db")
	if err != nil || len(old) != len(steps) {
		t.Fatalf("%d files testdata/vN.db for %d versions, %v", len(old), len(steps), err)
	}
	for _, name := range old {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "x.db")
			writeFile(t, path, b)
			d := openDB(t, path, Options{})
			checkSample(t, d)
			checkRemote(t, d, filepath.Base(name) != "v1.db")
			if diff := cmp.Diff(want, schema(t, d)); diff != "" {
				t.Errorf("schema differs from that of a new library: a released migration was edited?\n%s", diff)
			}
		})
	}
}

// A report does not migrate what it reads: until the next scan has, it says so.
func TestOlderSchemaForReading(t *testing.T) {
	b, err := os.ReadFile("testdata/v1.db")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.db")
	writeFile(t, path, b)
	before := listing(t, filepath.Dir(path))
	if _, err := Open(t.Context(), path, Options{ReadOnly: true}); !errors.Is(err, ErrOlderSchema) {
		t.Errorf("got %v, want ErrOlderSchema", err)
	}
	if !cmp.Equal(before, listing(t, filepath.Dir(path))) {
		t.Error("reading changed the file or its folder")
	}
	openDB(t, path, Options{})
	checkSample(t, openDB(t, path, Options{ReadOnly: true}))
}

// writeTestdata makes the sample library of the newest version, small.
func writeTestdata(t *testing.T, version int) {
	t.Helper()
	name := filepath.Join("testdata", "v"+string(rune('0'+version))+".db")
	if _, err := os.Stat(name); err == nil {
		return // released
	}
	path := filepath.Join(t.TempDir(), "x.db")
	d, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	writeSample(t, d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	// Out of WAL mode, which keeps its page size: a page each for two dozen
	// trees is most of the file.
	h, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.ExecContext(t.Context(), "PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM"); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func schema(t *testing.T, d *DB) map[string]string {
	t.Helper()
	rows, err := d.r.QueryContext(t.Context(), `SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	all := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		all[name] = text
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestMigrationRollsBack: a migration that fails half way leaves the file at
// the version before.
func TestMigrationRollsBack(t *testing.T) {
	d := newDB(t)
	steps, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	bad := append(steps, `CREATE TABLE extra (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1)`)
	if _, err := d.step(t.Context(), d.w, bad); err == nil {
		t.Fatal("a broken migration ran")
	}
	var version, tables int
	err = d.r.QueryRowContext(t.Context(), `SELECT (SELECT user_version FROM pragma_user_version),
		(SELECT count(*) FROM sqlite_schema WHERE name = 'extra')`).Scan(&version, &tables)
	if err != nil || version != len(steps) || tables != 0 {
		t.Errorf("got version %d and %d new tables, %v, want version %d and none", version, tables, err, len(steps))
	}
}
