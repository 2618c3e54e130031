// Command decoderate decodes a folder's photos by the pool of worker processes that a scan uses, and throws the tiles away.
// It prints one JSON line: how many photos, and in how many seconds.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dupfind/dupfind/internal/decode"
)

type result struct {
	Photos  int     `json:"photos"`
	Seconds float64 `json:"seconds"`
}

func main() {
	program := flag.String("dupfind", "bin/dupfind", "the program that the workers are")
	jobs := flag.Int("jobs", runtime.NumCPU(), "photos decoded at once")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *program, *jobs, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "decoderate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, program string, jobs int, folder string) (err error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.jpg"))
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("no *.jpg in %q", folder)
	}
	began := time.Now()
	pool := decode.NewPool(decode.PoolOptions{Workers: jobs, Command: []string{program, "decode-worker"}})
	defer func() { err = errors.Join(err, pool.Close()) }()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(jobs)
	for _, path := range paths {
		g.Go(func() error {
			photo, err := pool.Decode(ctx, decode.Request{Path: path}, func([32]byte) bool { return true })
			if err == nil && len(photo.Tile) == 0 {
				err = fmt.Errorf("%s has no tile", path)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(result{len(paths), time.Since(began).Seconds()})
}
