package ingest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dupfind/dupfind/internal/ingest"
)

func targetsOf(t *testing.T, l *library, paths ...string) (roots, subs []string, away []ingest.RootNotHere) {
	t.Helper()
	targets, away, err := ingest.Targets(t.Context(), l.db, paths, ingest.Write)
	must(t, err)
	for _, x := range targets {
		roots = append(roots, x.Root.Path)
		subs = append(subs, x.Sub)
	}
	return roots, subs, away
}

func TestTargets(t *testing.T) {
	l := newLibrary(t)
	inner := filepath.Join(l.dir, "2019")

	roots, _, _ := targetsOf(t, l, inner, inner, filepath.Join(inner, "."))
	if len(roots) != 1 || roots[0] != inner {
		t.Fatalf("one folder named three times: got %q", roots)
	}
	roots, _, _ = targetsOf(t, l, l.dir, inner)
	if len(roots) != 1 || roots[0] != l.dir {
		t.Fatalf("a folder and one inside it: got %q", roots)
	}
	all, err := l.db.Roots(t.Context())
	must(t, err)
	if len(all) != 1 {
		t.Errorf("the outer folder did not take the inner one in: %+v", all)
	}
	roots, subs, _ := targetsOf(t, l, inner)
	if len(roots) != 1 || roots[0] != l.dir || subs[0] != "2019" {
		t.Errorf("a folder inside a known one: got %q, %q", roots, subs)
	}
	roots, _, _ = targetsOf(t, l)
	if len(roots) != 1 || roots[0] != l.dir {
		t.Errorf("no folder named: got %q, want all known ones", roots)
	}
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(l.dir, link))
	if roots, _, _ = targetsOf(t, l, link); len(roots) != 1 || roots[0] != l.dir {
		t.Errorf("a symlink to a known folder: got %q", roots)
	}
}

func TestUnpluggedRoot(t *testing.T) {
	l := newLibrary(t)
	l.mustRun(settings{})
	elsewhere := l.dir + "-unplugged"
	must(t, os.Rename(l.dir, elsewhere))
	if _, _, away := targetsOf(t, l); len(away) != 1 || away[0].Path != l.dir {
		t.Errorf("a folder that is missing: got %+v", away)
	}
	must(t, os.Mkdir(l.dir, 0o755))
	if _, _, away := targetsOf(t, l, l.dir); len(away) != 1 {
		t.Errorf("an empty mount point: got %+v", away)
	}
	must(t, os.Remove(l.dir))
	must(t, os.Rename(elsewhere, l.dir))
	if sum := l.mustRun(settings{}); sum.Unchanged != 42 {
		t.Errorf("plugged in again: %+v", sum)
	}
	if _, _, err := ingest.Targets(t.Context(), l.db, []string{filepath.Join(l.dir, "nowhere")}, ingest.Write); err == nil {
		t.Error("a folder that never was: no error")
	}
}
