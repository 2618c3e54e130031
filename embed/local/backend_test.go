//go:build cgo

package local

import (
	"errors"
	"os"
	"testing"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/embedtest"
)

// realModel finds the library and the default model, which the set-up installs. Without them the test is skipped,
// but not in CI, which has them.
func realModel(t testing.TB) Found {
	t.Helper()
	f, err := Locate(LocateOptions{})
	if _, ok := errors.AsType[*MissingError](err); ok && os.Getenv("CI") != "true" {
		t.Skipf("needs the real model (make setup): %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func openReal(t testing.TB) *Backend {
	t.Helper()
	b, err := Open(t.Context(), realModel(t).Options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() }) // closing twice is allowed
	return b
}

func TestConformance(t *testing.T) {
	embedtest.Conformance(t, func(t *testing.T) embed.Backend { return openReal(t) })
}
