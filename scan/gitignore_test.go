package scan

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		patterns string // one a line
		path     string // ends in '/' for a folder
		want     bool
	}{
		{"*.png", "a/b.png", true},
		{"*.png", "a/b.PNG", false},
		{"IMG (1).jpg", "a/IMG (1).jpg", true},
		{"a+b", "ab", false},
		{"?.jpg", "a.jpg", true},
		{"?.jpg", "ab.jpg", false},
		{"raw/", "raw", false},
		{"raw/", "x/raw/", true},
		{"/raw", "x/raw/", false},
		{"a/b", "x/a/b", false},
		{"a/*.jpg", "a/x.jpg", true},
		{"a/*.jpg", "a/b/x.jpg", false},
		{"**/b/c", "b/c", true},
		{"**/b/c", "a/x/b/c", true},
		{"a/**", "a/", false},
		{"a/**", "a/b/c", true},
		{"a/**/b", "a/b", true},
		{"a/**/b", "a/x/y/b", true},
		{"a**b", "axxb", true},
		{"/a**b", "ax/xb", false},
		{"[!a]x", "ax", false},
		{"[!a]x", "bx", true},
		{"[a-c]?[[:digit:]]", "bz7", true},
		{"[]-]", "]", true},
		{`\!x`, "!x", true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{"x ", "x", true},
		{`x\ `, "x ", true},
		{"#recycle", "#recycle/", true},
		{"*.jpg\n!a.jpg", "a.jpg", false},
		{"!a.jpg\n*.jpg", "a.jpg", true},
		{"\xff*", "\xff\xfe.jpg", true},
		{"", "a", false},
	} {
		r, err := newRules(Options{Exclude: strings.Split(c.patterns, "\n")})
		if err != nil {
			t.Errorf("%q: %v", c.patterns, err)
			continue
		}
		rel, dir := strings.CutSuffix(c.path, "/")
		if got := match(r.exclude, rel, dir) == excluded; got != c.want {
			t.Errorf("%q against %q: got %v", c.patterns, c.path, got)
		}
	}
	for _, bad := range []string{"a[b", `a\`, "/", "!/", "x/[a-"} {
		if CheckExclude(bad) == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

// TestPatternsAgreeWithGit asks git about random patterns and random paths.
func TestPatternsAgreeWithGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not here to compare with")
	}
	repo := t.TempDir()
	git := func(in []byte, args ...string) []byte {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", repo, "-c", "core.ignoreCase=false"}, args...)...)
		cmd.Stdin = bytes.NewReader(in)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		out, err := cmd.Output()
		if ee, ok := err.(*exec.ExitError); ok && (ee.ExitCode() != 1 || len(ee.Stderr) > 0) || err != nil && !ok {
			t.Fatalf("git %v: %v", args, err)
		}
		return out
	}
	git(nil, "init", "-q")
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	// Not "a**" beside a slash: git's documentation says that it is a plain
	// star there, and git 2.39 takes it for "**" all the same.
	atoms := []string{"a", "b", "ab", "a.b", "*", "?", "**", "a*", "*b", "[ab]", "[!a]", "[a-b]*", `\a`, "[[:alpha:]]"}
	names := []string{"a", "b", "ab", "a.b", "aab", "ba", "c"}

	var paths []string
	for range 60 {
		parts := []string{}
		for range 1 + r.IntN(4) {
			parts = append(parts, pick(names))
		}
		rel := strings.Join(parts, "/")
		if os.MkdirAll(repo+"/"+strings.Join(parts[:len(parts)-1], "/"), 0o700) != nil {
			continue // a file stands where a folder should
		}
		if r.IntN(2) == 0 {
			put(t, repo, rel+"/")
		} else if _, err := os.Lstat(repo + "/" + rel); err != nil {
			put(t, repo, rel)
		}
		paths = append(paths, rel)
	}
	for range 150 {
		var patterns []string
		for range 1 + r.IntN(3) {
			parts := []string{}
			for range 1 + r.IntN(3) {
				parts = append(parts, pick(atoms))
			}
			patterns = append(patterns, pick([]string{"", "", "/", "!"})+strings.Join(parts, "/")+pick([]string{"", "", "/"}))
		}
		compareWithGit(t, repo, patterns, paths, git)
	}
}

func compareWithGit(t *testing.T, repo string, patterns, paths []string, git func([]byte, ...string) []byte) {
	t.Helper()
	put(t, repo, ".git/info/exclude="+strings.Join(patterns, "\n")+"\n")
	ignored := map[string]bool{}
	for p := range strings.SplitSeq(string(git([]byte(strings.Join(paths, "\x00")), "check-ignore", "--no-index", "-z", "--stdin")), "\x00") {
		ignored[p] = true
	}
	rules, err := newRules(Options{Exclude: patterns})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if got := excludedByWalk(t, repo, rules.exclude, p); got != ignored[p] {
			t.Errorf("%q against %q: got %v, git says %v", patterns, p, got, ignored[p])
		}
	}
}

// excludedByWalk asks about each folder on the way first, as a walk does.
func excludedByWalk(t *testing.T, repo string, patterns []pattern, rel string) bool {
	t.Helper()
	for i := range len(rel) + 1 {
		if i < len(rel) && rel[i] != '/' {
			continue
		}
		info, err := os.Stat(repo + "/" + rel[:i])
		if err != nil {
			t.Fatal(err)
		}
		if match(patterns, rel[:i], info.IsDir()) == excluded {
			return true
		}
	}
	return false
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"a/**/b", "[[:alpha:]-z]*", "!x/", `\`, "****a"} {
		f.Add(s, "a/b")
	}
	f.Fuzz(func(t *testing.T, s, rel string) {
		p, ok, err := parsePattern(s)
		if ok && err == nil {
			p.matches(rel, true)
		}
	})
}
