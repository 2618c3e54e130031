package local

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dupfind/dupfind/embed"
)

// The manifest that tools/export_sscd.py writes, the one part of it that needs no Python package, is found beside its
// model and says how it is used, in the terms of this program.
func TestExportScriptWritesAManifest(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("needs python3: %v", err)
	}
	model := filepath.Join(t.TempDir(), "mine.onnx")
	if err := os.WriteFile(model, []byte("weights"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join("..", "..", "tools", "export_sscd.py")
	cmd := exec.CommandContext(t.Context(), python, "-B", script, "--manifest-only", model, "--name", "mine")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m, err := LocateModel(LocateOptions{Model: model})
	if err != nil {
		t.Fatal(err)
	}
	digest, err := fileDigest(t.Context(), model)
	if err != nil {
		t.Fatal(err)
	}
	want := embed.SSCD()
	want.Name, want.Digest, want.Source = "mine", digest, m.Manifest.Source
	want.Calibration.Source = "" // nobody measured it
	if d := cmp.Diff(want, m.Manifest); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
