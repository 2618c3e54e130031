package store

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain is also the process that tests kill: with the variable set it does
// what it says and no tests.
func TestMain(m *testing.M) {
	if what := os.Getenv("DUPFIND_STORE_HELPER"); what != "" {
		if err := help(what, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// help plays another process on the library at path until it is killed.
func help(what, path string) error {
	ctx := context.Background()
	switch what {
	case "lock":
		l, err := Lock(path, "scan /photos")
		if err != nil {
			return err
		}
		fmt.Println("locked")
		time.Sleep(time.Minute)
		return l.Release()
	case "put":
		return helpPut(ctx, path)
	}
	return fmt.Errorf("no helper %q", what)
}

// helper starts the test binary as another process on the library at path.
func helper(t *testing.T, what, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], path)
	cmd.Env = append(os.Environ(), "DUPFIND_STORE_HELPER="+what)
	cmd.Stderr = os.Stderr
	return cmd
}
