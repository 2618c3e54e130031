package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sources yields the module's files with one of the endings, as slash-separated paths below root.
func sources(t *testing.T, root string, endings ...string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "build" || base == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if slices.Contains(endings, filepath.Ext(base)) {
			files = append(files, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("walk the module: %v", err)
	}
	return files
}

func TestForbiddenNames(t *testing.T) {
	_, root, _ := listPackages(t)
	for _, rel := range sources(t, root, ".go") {
		if strings.HasSuffix(rel, "_test.go") || strings.HasPrefix(rel, "tools/") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, filepath.Join(root, rel), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("parse %s: %v", rel, err)
			continue
		}
		for _, rule := range forbidden {
			if slices.ContainsFunc(rule.allowed, func(a string) bool { return a == rel || strings.HasSuffix(a, "/") && strings.HasPrefix(rel, a) }) {
				continue
			}
			for _, use := range uses(file, rule.pkg, rule.names) {
				t.Errorf("%s:%d uses %s.%s: %s", rel, fset.Position(use.Pos()).Line, rule.pkg, use.Sel.Name, rule.why)
			}
		}
	}
}

// uses finds where a file selects one of the names of an imported package.
func uses(file *ast.File, pkg string, names []string) []*ast.SelectorExpr {
	local := ""
	for _, spec := range file.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil && p == pkg {
			local = path.Base(pkg)
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	if local == "" {
		return nil
	}
	var found []*ast.SelectorExpr
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == local && slices.ContainsFunc(names, func(name string) bool { return matches(sel.Sel.Name, name) }) {
			found = append(found, sel)
		}
		return true
	})
	return found
}

func matches(name, pattern string) bool {
	prefix, any := strings.CutSuffix(pattern, "*")
	return name == pattern || any && strings.HasPrefix(name, prefix)
}

func TestFileLength(t *testing.T) {
	_, root, _ := listPackages(t)
	for _, rel := range sources(t, root, ".go", ".py", ".sh", ".c") {
		made := func(ending string) bool { return strings.HasSuffix(rel, ending) }
		if slices.ContainsFunc(generated, made) || strings.HasSuffix(rel, "_test.go") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, rel))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(data, []byte("\n")); n > maxFileLines {
			t.Errorf("%s has %d lines, more than %d: it has more than one subject", rel, n, maxFileLines)
		}
	}
}

// The rules above must be able to fail: each of these is what one of them looks for.
func TestTheRulesBite(t *testing.T) {
	src := `package p
import ("os"; l "log"; "log/slog")
func f(lg *slog.Logger) { os.Exit(1); l.Fatalf("x"); slog.InfoContext(nil, ""); lg.Info(""); _ = slog.New }`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, rule := range forbidden {
		total += len(uses(file, rule.pkg, rule.names))
	}
	if total != 3 {
		t.Errorf("found %d forbidden uses, want 3", total)
	}
	if _, ok := rowOf("internal/unheard"); ok {
		t.Error("a package without a row has one")
	}
	if r, ok := rowOf("tools/bench/dumptiles"); !ok || r.pkg != "tools/..." {
		t.Errorf("row of a tool: %v, %v", r, ok)
	}
	if !linksTo(listed{CgoPkgConfig: []string{"libjpeg"}}, "jpeg") || linksTo(listed{CgoLDFLAGS: []string{"-lm"}}, "jpeg") {
		t.Error("a link to libjpeg is not seen, or seen where there is none")
	}
	if _, known := usersOf("github.com/nobody/nothing"); known {
		t.Error("a module without a row has one")
	}
}
