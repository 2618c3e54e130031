package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/internal/term"
	"github.com/dupfind/dupfind/store"
)

func (a app) forgetCommand() command {
	return command{
		name: "forget", usage: "drop a folder from the library; no photo is touched", args: "PATH...",
		examples: []string{"dupfind forget /media/old-drive", "dupfind forget ~/Pictures/work"},
		run: func(ctx context.Context, o flagOptions, c *cli.Context) error {
			if c.NArg() == 0 {
				return usagef("forget", "name the folder to forget; dupfind status lists them")
			}
			paths, err := realPaths(c)
			if err != nil {
				return err
			}
			lib, err := a.openKnown(ctx, o, "forget")
			if err != nil {
				return err
			}
			return errors.Join(a.forget(ctx, o, lib.DB, paths), lib.Close())
		},
	}
}

// forgetJSON is the document of forget --json.
type forgetJSON struct {
	Schema   int    `json:"schema"`
	Type     string `json:"type"` // "forgotten"
	Files    int    `json:"files"`
	Contents int    `json:"contents"`
	Vectors  int    `json:"vectors"`
	Pairs    int    `json:"pairs"`
}

func (a app) forget(ctx context.Context, o flagOptions, db *store.DB, paths []string) error {
	type place struct {
		root int64
		sub  string
	}
	roots, err := db.Roots(ctx)
	if err != nil {
		return err
	}
	var places []place
	for _, p := range paths { // all are found before any is dropped
		root, sub, ok := rootOf(p, roots)
		if !ok {
			return fmt.Errorf("%s is not in the library; dupfind status lists its folders", term.Escape(p))
		}
		places = append(places, place{root.ID, sub})
	}
	var sum forgetJSON
	for _, p := range places {
		f, err := db.Forget(ctx, p.root, p.sub)
		if err != nil {
			return err
		}
		sum.Files, sum.Contents = sum.Files+f.Files, sum.Contents+f.Contents
		sum.Vectors, sum.Pairs = sum.Vectors+f.Vectors, sum.Pairs+f.Pairs
	}
	if sum.Files == 0 && places[0].sub != "" {
		return fmt.Errorf("nothing is known below %s", term.Escape(paths[0]))
	}
	if o.JSON {
		sum.Schema, sum.Type = schema, "forgotten"
		return a.printJSON(sum)
	}
	return a.lines(fmt.Sprintf("Forgot %s, with %s that nothing else holds. The photos themselves are where they were.",
		term.Number(sum.Files, "file"), term.Number(sum.Vectors, "vector")))
}

// rootOf finds the root that a path is or lies in, also when it is not there.
func rootOf(path string, roots []store.Root) (r store.Root, sub string, ok bool) {
	for _, root := range roots {
		if path == root.Path {
			return root, "", true
		}
		rest, found := strings.CutPrefix(path, strings.TrimSuffix(root.Path, "/")+"/")
		if found && len(root.Path) > len(r.Path) {
			r, sub, ok = root, rest, true
		}
	}
	return r, sub, ok
}
