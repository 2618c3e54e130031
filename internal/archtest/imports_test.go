package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath, Name, Dir, Doc         string
	Imports, TestImports, XTestImports []string
	CgoFiles, CgoPkgConfig, CgoLDFLAGS []string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Standard                           bool
	Module                             *struct{ Path, Dir string }
	Error                              *struct{ Err string }
}

// listPackages reads every package of the module.
func listPackages(t *testing.T) (module, root string, packages []listed) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Path}}\n{{.Dir}}").Output()
	if err != nil {
		t.Fatalf("go list -m: %v", withStderr(err))
	}
	module, root, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	list := exec.CommandContext(t.Context(), "go", "list", "-json", "./...")
	list.Dir = root
	if out, err = list.Output(); err != nil {
		t.Fatalf("go list ./...: %v", withStderr(err))
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return module, root, packages
		} else if err != nil {
			t.Fatalf("read go list's answer: %v", err)
		}
		packages = append(packages, p)
	}
}

func withStderr(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return err.Error() + ": " + string(exit.Stderr)
	}
	return err.Error()
}

// rowOf finds the row of a package; its own beats one that ends in /...
func rowOf(pkg string) (row, bool) {
	for _, r := range arrows {
		if r.pkg == pkg {
			return r, true
		}
	}
	for _, r := range arrows {
		if prefix, below := strings.CutSuffix(r.pkg, "..."); below && strings.HasPrefix(pkg+"/", prefix) {
			return r, true
		}
	}
	return row{}, false
}

func TestArrows(t *testing.T) {
	module, _, packages := listPackages(t)
	for _, p := range packages {
		pkg := strings.TrimPrefix(p.ImportPath, module+"/")
		r, ok := rowOf(pkg)
		if !ok {
			t.Errorf("%s has no row in the import table", pkg)
			continue
		}
		for _, path := range p.Imports {
			checkImport(t, module, r, pkg, path)
		}
		// A test may look at more than its package knows, but never at the command line or a tool.
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			to, ours := strings.CutPrefix(path, module+"/")
			if ours && to != pkg && (strings.HasPrefix(to, "cmd/") || strings.HasPrefix(to, "tools/")) {
				t.Errorf("a test of %s imports %s", pkg, to)
			}
		}
	}
}

func checkImport(t *testing.T, module string, r row, pkg, path string) {
	t.Helper()
	to, ours := strings.CutPrefix(path, module+"/")
	switch {
	case ours && strings.HasPrefix(to, "cmd/"):
		t.Errorf("%s imports %s: nothing imports a command", pkg, to)
	case ours && !slices.Contains(r.imports, to) && !slices.Contains(r.imports, "*"):
		t.Errorf("%s imports %s: this arrow is not in the import table", pkg, to)
	case !ours && thirdParty(path) && r.stdOnly:
		t.Errorf("%s imports %s: it may use only the standard library and golang.org/x", pkg, path)
	}
}

func thirdParty(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".") && first != "golang.org"
}

func TestThirdPartyModulesHaveOneUser(t *testing.T) {
	module, _, packages := listPackages(t)
	for _, p := range packages {
		pkg := strings.TrimPrefix(p.ImportPath, module+"/")
		imports := p.Imports
		tests := slices.Concat(p.TestImports, p.XTestImports)
		for _, path := range slices.Concat(imports, tests) {
			if !thirdParty(path) || path == module || strings.HasPrefix(path, module+"/") {
				continue
			}
			users, known := usersOf(path)
			if !known {
				t.Errorf("%s imports %s: this module has no row", pkg, path)
				continue
			}
			testsOnly := users == nil
			if testsOnly && slices.Contains(imports, path) {
				t.Errorf("%s imports %s outside its tests", pkg, path)
			}
			if !testsOnly && !slices.Contains(users, pkg) {
				t.Errorf("%s imports %s: only %s may", pkg, path, strings.Join(users, ", "))
			}
		}
	}
}

func usersOf(path string) (users []string, known bool) {
	for m, u := range modules {
		if path == m || strings.HasPrefix(path, m+"/") {
			return u, true
		}
	}
	return nil, false
}

func TestCgo(t *testing.T) {
	module, _, packages := listPackages(t)
	for _, p := range packages {
		pkg := strings.TrimPrefix(p.ImportPath, module+"/")
		if len(p.CgoFiles) > 0 && !slices.Contains(cgoPackages, pkg) {
			t.Errorf("%s uses cgo", pkg)
		}
		for library, users := range cLibraries {
			if linksTo(p, library) && !slices.Contains(users, pkg) {
				t.Errorf("%s links lib%s: only %q may", pkg, library, users)
			}
		}
	}
}

// linksTo looks at what a package says itself; wrappers such as govips stand in the table of modules.
func linksTo(p listed, library string) bool {
	return slices.Contains(p.CgoPkgConfig, "lib"+library) || slices.Contains(p.CgoPkgConfig, library) || slices.Contains(p.CgoLDFLAGS, "-l"+library)
}

func TestPackagesAreNamedAndDescribed(t *testing.T) {
	module, _, packages := listPackages(t)
	for _, p := range packages {
		pkg := strings.TrimPrefix(p.ImportPath, module+"/")
		if p.Doc == "" {
			t.Errorf("%s has no package comment", pkg)
		}
		if slices.Contains(vagueNames, p.Name) {
			t.Errorf("%s: the name says nothing about what is inside", pkg)
		}
	}
}
