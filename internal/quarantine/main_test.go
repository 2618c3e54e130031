package quarantine

import (
	"context"
	"encoding/gob"
	"fmt"
	"os"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/dupfind/dupfind/store"
)

// childEnv names the file with the task of a test's child process, which is there to be killed.
const childEnv = "DUPFIND_TEST_QUARANTINE_CHILD"

func TestMain(m *testing.M) {
	if file := os.Getenv(childEnv); file != "" {
		if err := childMain(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// task is what a child process does, and where it dies.
type task struct {
	DB, To string
	Act    string // quarantine, restore, recover
	Moves  []Move
	DieAt  string // failpoint; empty: none
	DieOn  int    // at which of its hits, from 1
	Log    string // file that takes the names of the failpoints passed
	Ready  bool   // say so on stdout before the act
}

func childMain(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	var t task
	if err := gob.NewDecoder(f).Decode(&t); err != nil {
		return err
	}
	log, err := os.OpenFile(t.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	hits := map[string]int{}
	onFailpoint = func(name string) {
		hits[name]++
		fmt.Fprintln(log, name)
		if name == t.DieAt && hits[name] == t.DieOn {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	}
	return t.act()
}

func (t task) act() error {
	ctx := context.Background()
	db, err := store.Open(ctx, t.DB, store.Options{})
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // the child ends here
	if t.Ready {
		fmt.Println("ready")
	}
	switch t.Act {
	case "quarantine":
		var p *Plan
		if p, err = Prepare(ctx, db, t.Moves, Options{To: t.To}); err == nil {
			_, err = p.Run(ctx)
		}
	case "restore":
		_, err = Restore(ctx, db, Target{All: true}, RestoreOptions{})
	case "recover":
		_, err = Recover(ctx, db, RecoverOptions{})
	}
	return err
}
