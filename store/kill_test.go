package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// killRounds is how often TestKill kills a writer of one library.
const killRounds = 8

// helpPut puts photos that the library lacks in batches of 64, and says after
// each how many there are now.
func helpPut(ctx context.Context, path string) error {
	d, err := Open(ctx, path, Options{})
	if err != nil {
		return err
	}
	roots, err := d.Roots(ctx)
	if err != nil {
		return err
	}
	n := roots[0].Files
	rng := rand.New(rand.NewPCG(uint64(n), 0))
	for {
		batch := make([]Ingest, 64)
		for i := range batch {
			batch[i] = photo(roots[0].ID, n+i, unit(rng, 8))
		}
		if err := d.Put(ctx, 1, batch); err != nil {
			return err
		}
		n += len(batch)
		fmt.Println(n)
	}
}

// TestKill kills a writer at random moments: every batch that it called stored
// is there whole, and no other in part.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	d, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	root, _ := fill(t, t.Context(), d, 0, 8)
	if err := errors.Join(d.Close()); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	for range killRounds {
		said := putUntilKilled(t, path, time.Duration(rng.IntN(60))*time.Millisecond)
		checkKilled(t, path, root, said)
	}
}

// putUntilKilled runs the helper, kills it some time after its first batch, and
// returns how many photos it called stored.
func putUntilKilled(t *testing.T, path string, after time.Duration) (said int) {
	t.Helper()
	cmd := helper(t, "put", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var timer *time.Timer
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		if said, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
			t.Error(err)
		}
		if timer == nil {
			timer = time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
		}
	}
	_ = cmd.Wait() // it was killed
	if said == 0 {
		t.Fatal("the helper stored nothing")
	}
	return said
}

func checkKilled(t *testing.T, path string, root int64, said int) {
	t.Helper()
	d, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	n := countFiles(t, d, root)
	if n < said || n%64 != 0 {
		t.Errorf("%d files, the writer said %d", n, said)
	}
	vectors, err := collect(d.Vectors(t.Context(), 1, ""))
	if err != nil || len(vectors) != n {
		t.Errorf("%d vectors of %d files, %v", len(vectors), n, err)
	}
	if problems, err := d.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("check: %q, %v", problems, err)
	}
}
