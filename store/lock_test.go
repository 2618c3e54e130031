package store

import (
	"bufio"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "dupfind.db")
	l, err := Lock(path, "scan\n/photos")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Lock(path, "quarantine")
	held, ok := errors.AsType[*LockedError](err)
	if !ok || !errors.Is(err, ErrLocked) {
		t.Fatalf("second lock: got %v, want *LockedError", err)
	}
	if held.Command != "scan /photos" || held.PID == 0 || !strings.Contains(err.Error(), `"scan /photos" (process `) {
		t.Errorf("got %+v, %v", held, err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	l, err = Lock(path, "quarantine")
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestLockOutlivesNoKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dupfind.db")
	cmd := helper(t, "lock", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "locked\n" {
		t.Fatalf("helper said %q, %v", line, err)
	}
	_, err = Lock(path, "report")
	held, ok := errors.AsType[*LockedError](err)
	if !ok || held.PID != cmd.Process.Pid || held.Command != "scan /photos" {
		t.Errorf("beside the holder %d: got %v", cmd.Process.Pid, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	l, err := Lock(path, "report")
	if err != nil {
		t.Fatalf("after kill -9 of the holder: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestReadHolderOfHalfATest(t *testing.T) {
	for text, want := range map[string]string{
		"":           "library is in use by another dupfind",
		"x\ny\n":     "library is in use by another dupfind",
		"-1\ny\n":    "library is in use by another dupfind",
		"12":         "library is in use by process 12",
		"12\nscan a": `library is in use by "scan a" (process 12)`,
	} {
		f := tempFile(t, text)
		if got := readHolder(f).Error(); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
