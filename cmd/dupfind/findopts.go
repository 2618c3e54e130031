package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/index/exact"
	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/internal/find"
	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/internal/term"
	"github.com/dupfind/dupfind/store"
)

// defaultThreshold is the similarity of one false pair per million, whatever
// the model.
const defaultThreshold = 0.95

// findOptions are the flags that report and quarantine share.
type findOptions struct {
	flagOptions
	threshold float64
	kinds     []match.Kind
	minSize   int64
	paths     []string // absolute
}

func findFlags() []cli.Flag {
	return []cli.Flag{
		&cli.Float64Flag{Name: flagThreshold, Value: defaultThreshold, Usage: "the least `SIMILARITY` of a pair; 0.95 lets one unrelated pair in a million through"},
		&cli.StringFlag{Name: flagMinSize, Usage: "leave out files smaller than `SIZE` (500k, 2M)"},
		&cli.StringFlag{Name: flagModel, Usage: "`NAME` of a model that a scan has used", DefaultText: "the last scan's"},
	}
}

func readFindOptions(o flagOptions, c *cli.Context) (findOptions, error) {
	f := findOptions{flagOptions: o}
	var err error
	if f.threshold, err = threshold(c); err != nil {
		return f, err
	}
	if f.kinds, err = kinds(c); err != nil {
		return f, err
	}
	if f.minSize, err = sizeBytes(c.Command.Name, c.String(flagMinSize)); err != nil {
		return f, err
	}
	f.paths, err = realPaths(c)
	return f, err
}

// realPaths resolves a command's arguments, none of which may be empty: an
// unset variable of a script must not stand for the current folder.
func realPaths(c *cli.Context) ([]string, error) {
	var out []string
	for _, p := range c.Args().Slice() {
		if p == "" {
			return nil, usagef(c.Command.Name, "a PATH is empty")
		}
		real, err := realPath(p)
		if err != nil {
			return nil, err
		}
		out = append(out, real)
	}
	return out, nil
}

// knownPaths checks that each path is in the library or around a part of it,
// so that a mistyped one does not pass for one without copies.
func knownPaths(ctx context.Context, db *store.DB, paths []string) error {
	roots, err := db.Roots(ctx)
	if err != nil {
		return err
	}
	for _, p := range paths {
		_, _, inside := rootOf(p, roots)
		around := slices.ContainsFunc(roots, func(r store.Root) bool { return isBelow(r.Path, []string{p}) })
		if !inside && !around {
			return fmt.Errorf("%s is not in the library; dupfind status lists its folders", term.Escape(p))
		}
		if _, err := os.Lstat(p); inside && errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s is not there", term.Escape(p))
		}
	}
	return nil
}

// realPath is the path as the library knows it: absolute, symlinks resolved
// where it exists.
func realPath(p string) (string, error) {
	abs, err := filepath.Abs(p)
	if err != nil {
		return "", fmt.Errorf("resolve %q: %w", p, err)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	}
	return abs, nil
}

// search is everything find needs, opened.
type search struct {
	options find.Options
	model   storedModel
	pool    *decode.Pool
	bar     *term.Progress
}

// prepareFind turns flags into find's options.
func (a app) prepareFind(ctx context.Context, db *store.DB, f findOptions) (*search, error) {
	model, err := knownModel(ctx, db, f.Model)
	if err != nil {
		return nil, err
	}
	if err := knownPaths(ctx, db, f.paths); err != nil {
		return nil, err
	}
	s := &search{model: model, pool: decode.NewPool(decode.PoolOptions{Log: a.logger(f.flagOptions)})}
	s.bar = a.progress(f.flagOptions, barOnly)
	s.options = find.Options{
		ModelID: model.ID, Engine: &exact.Engine{}, Threshold: f.threshold, Scale: model.Manifest.Calibration,
		Kinds: f.kinds, Paths: f.paths, MinSize: f.minSize, Pool: s.pool,
		Progress: s.bar.Set,
		Confirming: func(done, total int) {
			if done == 0 {
				s.bar.Stage("confirm", "photo")
			}
			s.bar.Set(int64(done), int64(total))
		},
		Searching: func(r find.SearchReason) {
			a.note(f.flagOptions, "%s", searchingText(r, f.threshold))
			s.bar.Stage("search", "comparison")
		},
	}
	return s, nil
}

func (s *search) Close() error { return errors.Join(s.bar.Close(), s.pool.Close()) }

func searchingText(r find.SearchReason, threshold float64) string {
	switch r {
	case find.BelowFloor:
		return fmt.Sprintf("scans search down to similarity %.2f; searching again for %.2f", searchFloor, threshold)
	case find.NotSearched:
		return "some photos have not been searched yet (an interrupted scan?); searching now"
	}
	return "searching"
}
