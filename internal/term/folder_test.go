package term

import (
	"slices"
	"testing"
)

func TestCommonFolder(t *testing.T) {
	for _, c := range []struct {
		paths []string
		want  string
	}{
		{[]string{"/a/b/c.jpg", "/a/b/d/e.jpg"}, "/a/b/"},
		{[]string{"/a/bc/x.jpg", "/a/bd/x.jpg"}, "/a/"},
		{[]string{"/a/x.jpg", "/b/x.jpg"}, ""},
		{[]string{"/x.jpg", "/y.jpg"}, ""},
		{nil, ""},
	} {
		if got := CommonFolder(slices.Values(c.paths)); got != c.want {
			t.Errorf("%q: got %q, want %q", c.paths, got, c.want)
		}
	}
}
