package quarantine

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dupfind/dupfind/internal/fsx"
)

func sampleManifest() *manifest {
	m := &manifest{run: "R", created: "2026-01-02T03:04:05Z", roots: []string{"/photos", "/bad\xffroot"}, bySeq: map[int]*entry{}}
	for i, rel := range []string{"a.jpg", "b/\xff\xfe.jpg", "new\nline <&>.jpg", "ü.jpg"} {
		e := &entry{
			seq: i + 1, root: i % 2, rel: rel, dest: "d/" + rel, keeper: "/photos/\xffkeep.jpg", kind: "identical",
			sum: [32]byte{byte(i)}, keeperSum: [32]byte{9}, sizeBytes: 1 << 40, mtimeNS: -5, permissions: 0o4755,
			lacks: []string{"GPS"}, state: stateIntent,
		}
		m.entries = append(m.entries, e)
		m.bySeq[e.seq] = e
	}
	return m
}

var sameManifest = cmp.AllowUnexported(manifest{}, entry{})

func TestManifestRoundTrip(t *testing.T) {
	want := sampleManifest()
	data := encodeManifest(want)
	want.size = int64(len(data))
	got, err := parseManifest(data)
	must(t, err)
	if diff := cmp.Diff(want, got, sameManifest); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Every way of a move through its states, and every cut of the file.
	var buf bytes.Buffer
	step := func(seq int, s entryState, reason Reason) {
		e := want.bySeq[seq]
		must(t, e.enter(s))
		e.reason, e.detail = reason, ""
		if s == stateCopied {
			e.xattrs = []fsx.Xattr{{Name: "user.x", Value: []byte{0, 255}}}
		}
		encodeState(&buf, e, time.Unix(0, 1))
	}
	for _, s := range []entryState{stateCopied, stateMoved, stateRestoring, stateCopiedBack, stateRestored} {
		step(1, s, "")
	}
	step(2, stateFailed, ReasonInterrupted)
	step(3, stateMoved, "")
	data = append(data, buf.Bytes()...)
	want.size = int64(len(data))
	got, err = parseManifest(data)
	must(t, err)
	if diff := cmp.Diff(want, got, sameManifest); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	headerEnd := bytes.IndexByte(data, '\n')
	for cut := range data {
		m, err := parseManifest(data[:cut])
		if (err == nil) != (cut > headerEnd) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if err == nil && m.size > int64(cut) {
			t.Fatalf("cut at %d: %d whole bytes", cut, m.size)
		}
	}
}

func TestRunNameValid(t *testing.T) {
	for name, want := range map[string]bool{"2026-01-02-030405": true, "a b": true, "": false, ".": false, "..": false,
		"a/b": false, "a\x00": false, "\xff": false, "a\n": false, strings.Repeat("x", 201): false} {
		if got := validRunName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// FuzzManifestParse: whatever the bytes, a manifest that is accepted names only places below its folders,
// and says the same when it is written again.
func FuzzManifestParse(f *testing.F) {
	sample := encodeManifest(sampleManifest())
	f.Add(sample)
	var buf bytes.Buffer
	e := sampleManifest().entries[0]
	for _, s := range []entryState{stateCopied, stateMoved, stateRestoring, stateRestored} {
		_ = e.enter(s)
		e.xattrs = []fsx.Xattr{{Name: "user.x", Value: []byte("v")}}
		encodeState(&buf, e, time.Unix(0, 1))
	}
	f.Add(append(bytes.Clone(sample), buf.Bytes()...))
	f.Add(append(bytes.Clone(sample), `{"type":"moved","seq":1,"time":""}`...))
	f.Add([]byte(`{"type":"header","schema":1,"program":"dupfind","run":"R","created":"","roots":[{"path":"/"}]}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseManifest(data)
		if err != nil {
			return
		}
		if m.size > int64(len(data)) || !validRunName(m.run) || len(m.roots) == 0 {
			t.Fatalf("accepted: %+v", m)
		}
		for _, e := range m.entries {
			if fsx.CheckRel(e.rel) != nil || fsx.CheckRel(e.dest) != nil || e.root >= len(m.roots) || m.bySeq[e.seq] != e {
				t.Fatalf("accepted: %+v", e)
			}
			e.state, e.reason, e.detail, e.xattrs, e.copied = stateIntent, "", "", nil, false
			if e.lacks == nil {
				e.lacks = []string{}
			}
		}
		again := encodeManifest(m)
		m.size = int64(len(again))
		got, err := parseManifest(again)
		if err != nil {
			t.Fatalf("own manifest refused: %v\n%s", err, again)
		}
		if diff := cmp.Diff(m, got, sameManifest); diff != "" {
			t.Fatal(diff)
		}
	})
}
