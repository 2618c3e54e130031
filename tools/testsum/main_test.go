package main

import (
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	pass := `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":0.1}
`
	skipped := `{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:3: no server here\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
`
	failing := `{"Action":"output","Package":"q","Test":"TestC","Output":"    c_test.go:9: got 1, want 2\n"}
{"Action":"fail","Package":"q","Test":"TestC"}
{"Action":"fail","Package":"q","Elapsed":0.1}
`
	died := `{"Action":"run","Package":"q","Test":"TestD"}
{"Action":"output","Package":"q","Test":"TestD","Output":"panic: oh\n"}
{"Action":"fail","Package":"q","Elapsed":0.1}
`
	noBuild := `{"ImportPath":"q [q.test]","Action":"build-output","Output":"q.go:1: undefined: x\n"}
{"ImportPath":"q [q.test]","Action":"build-fail"}
{"Action":"fail","Package":"q","FailedBuild":"q [q.test]"}
`
	empty := `{"Action":"skip","Package":"r"}` + "\n"
	cases := []struct {
		name, in string
		strict   bool
		good     bool
		want     []string // pieces of the output, the last one its end
	}{
		{"all pass", pass, true, true, []string{"ok    p", "1 passed, 0 failed, 0 skipped\n"}},
		{"a skip is listed with its reason", skipped + pass, false, true, []string{"p TestB: b_test.go:3: no server here", "1 passed, 0 failed, 1 skipped\n"}},
		{"a skip fails in CI", skipped + pass, true, false, []string{"with CI=true a skipped test is a failure", "1 passed, 1 failed\n"}},
		{"a failure shows its output", pass + failing, false, false, []string{"got 1, want 2", "failed:\n  q TestC\n", "1 passed, 1 failed, 0 skipped\n"}},
		{"a test that took its package down", pass + died, false, false, []string{"panic: oh", "q TestD", "1 passed, 1 failed, 0 skipped\n"}},
		{"a package that does not build", pass + noBuild, false, false, []string{"undefined: x", "q (the package itself)", "1 passed, 1 failed, 0 skipped\n"}},
		{"no test at all", empty, false, false, []string{"no test files", "0 passed, 0 failed, 0 skipped\n"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			good, err := run(strings.NewReader(c.in), &out, c.strict)
			if err != nil || good != c.good {
				t.Errorf("got good %v, err %v, want good %v", good, err, c.good)
			}
			for _, piece := range c.want {
				if !strings.Contains(out.String(), piece) {
					t.Errorf("output lacks %q:\n%s", piece, &out)
				}
			}
			if last := c.want[len(c.want)-1]; !strings.HasSuffix(out.String(), last) {
				t.Errorf("output does not end with %q:\n%s", last, &out)
			}
		})
	}
}
