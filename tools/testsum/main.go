package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	ok, err := run(os.Stdin, os.Stdout, os.Getenv("CI") == "true")
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

// event is one line of `go test -json`, as `go doc test2json` describes it.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// test names one test, or with an empty name a whole package.
type test struct{ pkg, name string }

// summary collects the events of one run.
type summary struct {
	out     io.Writer
	output  map[test]*strings.Builder // what a test printed, until it ends
	build   map[string]*strings.Builder
	passed  int
	failed  []test
	skipped []skip
	broken  []string // packages that failed without a failing test: build errors, crashes, leaks
}

type skip struct {
	test
	reason string
}

// run prints the summary and reports whether the whole run counts as good.
func run(in io.Reader, out io.Writer, strict bool) (bool, error) {
	s := &summary{out: out, output: map[test]*strings.Builder{}, build: map[string]*strings.Builder{}}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			s.line(line)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return false, fmt.Errorf("read events: %w", err)
		}
	}
	return s.finish(strict), nil
}

func (s *summary) line(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil { // go's own words, as when a pattern matches nothing
		fmt.Fprintf(s.out, "%s\n", strings.TrimRight(string(line), "\n"))
		return
	}
	switch t := (test{e.Package, e.Test}); e.Action {
	case "build-output":
		buffer(s.build, e.ImportPath).WriteString(e.Output)
	case "output":
		buffer(s.output, t).WriteString(e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.packageEnd(e)
		} else {
			s.testEnd(e.Action, t)
		}
	}
}

func buffer[K comparable](m map[K]*strings.Builder, k K) *strings.Builder {
	if m[k] == nil {
		m[k] = &strings.Builder{}
	}
	return m[k]
}

func (s *summary) testEnd(action string, t test) {
	output := buffer(s.output, t).String()
	delete(s.output, t)
	switch action {
	case "pass":
		s.passed++
	case "fail":
		s.failed = append(s.failed, t)
		fmt.Fprintf(s.out, "--- %s %s\n%s", t.pkg, t.name, output)
	case "skip":
		s.skipped = append(s.skipped, skip{t, skipReason(output)})
	}
}

// skipReason takes the last line that the test itself printed before it skipped.
func skipReason(output string) string {
	reason := "no reason given"
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			reason = line
		}
	}
	return reason
}

func (s *summary) packageEnd(e event) {
	key := test{e.Package, ""}
	output := buffer(s.output, key).String()
	delete(s.output, key)
	switch e.Action {
	case "pass":
		fmt.Fprintf(s.out, "ok    %s  %.1fs\n", e.Package, e.Elapsed)
	case "skip": // no test files; not a skipped test
		fmt.Fprintf(s.out, "-     %s  no test files\n", e.Package)
	case "fail":
		fmt.Fprintf(s.out, "FAIL  %s  %.1fs\n", e.Package, e.Elapsed)
		if e.FailedBuild != "" {
			output = buffer(s.build, e.FailedBuild).String() + output
		}
		s.unfinished(e.Package)
		if !slices.ContainsFunc(s.failed, func(t test) bool { return t.pkg == e.Package }) {
			s.broken = append(s.broken, e.Package)
		}
		io.WriteString(s.out, output)
	}
}

// unfinished prints what the tests had said that were running when their package died.
func (s *summary) unfinished(pkg string) {
	var open []test
	for t := range s.output {
		if t.pkg == pkg && t.name != "" {
			open = append(open, t)
		}
	}
	slices.SortFunc(open, func(a, b test) int { return strings.Compare(a.name, b.name) })
	for _, t := range open {
		s.failed = append(s.failed, t)
		fmt.Fprintf(s.out, "--- %s %s (did not end)\n%s", t.pkg, t.name, s.output[t])
		delete(s.output, t)
	}
}

func (s *summary) finish(strict bool) bool {
	if len(s.skipped) > 0 {
		fmt.Fprintln(s.out, "skipped:")
		for _, k := range s.skipped {
			fmt.Fprintf(s.out, "  %s %s: %s\n", k.pkg, k.name, k.reason)
		}
	}
	if len(s.failed)+len(s.broken) > 0 {
		fmt.Fprintln(s.out, "failed:")
		for _, t := range s.failed {
			fmt.Fprintf(s.out, "  %s %s\n", t.pkg, t.name)
		}
		for _, pkg := range s.broken {
			fmt.Fprintf(s.out, "  %s (the package itself)\n", pkg)
		}
	}
	failed := len(s.failed) + len(s.broken)
	good := failed == 0 && s.passed > 0
	if strict && len(s.skipped) > 0 {
		fmt.Fprintln(s.out, "with CI=true a skipped test is a failure")
		failed += len(s.skipped)
		good = false
		fmt.Fprintf(s.out, "%d passed, %d failed\n", s.passed, failed)
		return good
	}
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped\n", s.passed, failed, len(s.skipped))
	return good
}
