package scan

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestResolveRoot(t *testing.T) {
	root := t.TempDir()
	put(t, root, "Lib/a.jpg")
	if err := os.Symlink("Lib", root+"/link"); err != nil {
		t.Fatal(err)
	}
	want, err := filepath.EvalSymlinks(root + "/Lib")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{root + "/Lib", root + "/Lib/", root + "/link", root + "/./x/../Lib"} {
		if got, err := ResolveRoot(p); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", p, got, err, want)
		}
	}
	if _, err := ResolveRoot(root + "/Lib/a.jpg"); !errors.Is(err, ErrNotFolder) {
		t.Errorf("a file: %v", err)
	}
	if _, err := ResolveRoot(root + "/no"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	t.Chdir(root)
	if got, err := ResolveRoot("Lib"); err != nil || got != want {
		t.Errorf("relative: got %q, %v", got, err)
	}
	if same, err := SameRoot(root+"/link", root+"/Lib"); err != nil || !same {
		t.Errorf("same root: %v, %v", same, err)
	}
	if same, err := SameRoot(root, root+"/Lib"); err != nil || same {
		t.Errorf("other root: %v, %v", same, err)
	}
}

// TestSpelling stands in for a filesystem that does not tell case apart: a
// hard link in another case is the same file under both names, too.
func TestSpelling(t *testing.T) {
	root := t.TempDir()
	put(t, root, "Lib/é.jpg")
	if got := spelling(root + "/Lib/é.jpg"); got != root+"/Lib/é.jpg" {
		t.Errorf("exact name became %q", got)
	}
	if got := spelling(root + "/lib"); got != root+"/lib" { // not there: Linux tells case apart
		t.Errorf("missing name became %q", got)
	}
	if !mayBeSpelt("Lib", "lib") || !mayBeSpelt("é", "e\u0301") || mayBeSpelt("a", "b") || mayBeSpelt("a", "é") {
		t.Error("mayBeSpelt")
	}
}

func TestCheckRoot(t *testing.T) {
	root := t.TempDir()
	put(t, root, "full/2024/a.jpg", "empty/", "hidden/.DS_Store", "file")
	device := walk(t, root, "", Options{}).files[0].Device
	full := KnownRoot{Device: device, HadFiles: true, Sample: []string{"2024/a.jpg", "2024/b.jpg"}}
	with := func(f func(*KnownRoot)) KnownRoot { k := full; f(&k); return k }
	for name, c := range map[string]struct {
		path string
		k    KnownRoot
		want bool
	}{
		"as it was":                        {"full", full, true},
		"missing":                          {"no", full, false},
		"below a file":                     {"file/x", full, false},
		"a file has its name":              {"file", full, false},
		"empty where full":                 {"empty", full, false},
		"only hidden names where full":     {"hidden", full, false},
		"empty as before":                  {"empty", with(func(k *KnownRoot) { k.HadFiles = false }), true},
		"other device, sample there":       {"full", with(func(k *KnownRoot) { k.Device++ }), true},
		"other device, none of the sample": {"full", with(func(k *KnownRoot) { k.Device++; k.Sample = []string{"x.jpg"} }), false},
		"other device, was empty":          {"empty", KnownRoot{Device: device + 1}, true},
		"same device, sample moved":        {"full", with(func(k *KnownRoot) { k.Sample = []string{"x.jpg"} }), true},
	} {
		here, why, _, err := CheckRoot(root+"/"+c.path, c.k)
		if err != nil || here != c.want || here != (why == "") {
			t.Errorf("%s: got %v, %q, %v", name, here, why, err)
		}
	}
}

func TestStableInodes(t *testing.T) {
	if _, err := StableInodes(t.TempDir()); err != nil {
		t.Error(err)
	}
	if _, err := StableInodes("/no/such"); err == nil {
		t.Error("missing folder has stable inodes")
	}
}
