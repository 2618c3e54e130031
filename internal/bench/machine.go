package bench

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Machine is where the client ran.
type Machine struct {
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	CPU   string `json:"cpu"` // its maker's name; empty where it is not known
	Cores int    `json:"cores"`
	Go    string `json:"go"`
}

// ThisMachine describes the machine without naming it.
func ThisMachine(ctx context.Context) Machine {
	m := Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version()}
	if name := field("/etc/os-release", "PRETTY_NAME", "="); name != "" {
		m.OS += ", " + name
	}
	m.CPU = field("/proc/cpuinfo", "model name", ":")
	if m.CPU == "" && runtime.GOOS == "darwin" {
		if out, err := exec.CommandContext(ctx, "sysctl", "-n", "machdep.cpu.brand_string").Output(); err == nil {
			m.CPU = strings.TrimSpace(string(out))
		}
	}
	return m
}

// field is the first value of a name in a file of names and values; empty when there is none.
func field(path, name, separator string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "" // not that system
	}
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Scan() {
		if k, v, ok := strings.Cut(s.Text(), separator); ok && strings.TrimSpace(k) == name {
			return strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return ""
}
