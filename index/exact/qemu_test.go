//go:build linux && amd64 && !race

package exact

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The kernel of arm64 passes the tests of this package under an emulator.
func TestOnARM64(t *testing.T) {
	qemu, err := exec.LookPath("qemu-aarch64")
	if err != nil {
		t.Skip("qemu-aarch64 is not here; tools/setup.sh test installs it")
	}
	program := filepath.Join(t.TempDir(), "exact.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", program, ".")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build for arm64: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), qemu, program, "-test.short", "-test.v").CombinedOutput()
	if err != nil {
		t.Fatalf("on arm64: %v\n%s", err, out)
	}
	if strings.Contains(string(out), "kernel neon is not tested here") || !strings.Contains(string(out), "--- PASS: TestTiles") {
		t.Errorf("the kernel neon was not tested:\n%s", out)
	}
}
