package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/internal/term"
	"github.com/dupfind/dupfind/store"
)

func (a app) skippedCommand() command {
	return command{
		name: "skipped", usage: "list what was not compared, and why", args: "[PATH...]",
		examples: []string{"dupfind skipped", "dupfind skipped ~/Pictures/phone", "dupfind skipped -0 | xargs -0 ls -l"},
		flags:    []cli.Flag{&cli.BoolFlag{Name: flagNull, Aliases: []string{"0"}, Usage: "paths only, each ended by a NUL byte"}},
		run: func(ctx context.Context, o flagOptions, c *cli.Context) error {
			paths, err := realPaths(c)
			if err != nil {
				return err
			}
			db, err := a.openForReading(ctx, o)
			if err != nil {
				return err
			}
			return errors.Join(a.skipped(ctx, o, db, paths, c.Bool(flagNull)), db.Close())
		},
	}
}

// skippedFile is a row of the list.
type skippedFile struct {
	path string
	store.File
}

func (a app) skipped(ctx context.Context, o flagOptions, db *store.DB, paths []string, null bool) error {
	if err := knownPaths(ctx, db, paths); err != nil {
		return err
	}
	files, err := skippedFiles(ctx, db, paths)
	if err != nil {
		return err
	}
	switch {
	case null:
		return a.buffered(func(w io.Writer) error {
			for _, f := range files {
				if _, err := fmt.Fprintf(w, "%s\x00", f.path); err != nil {
					return err
				}
			}
			return nil
		})
	case o.JSON:
		return a.printJSON(skippedDocument(files))
	case len(files) == 0:
		return a.lines("Nothing was skipped: every photo was compared.")
	}
	return a.buffered(func(w io.Writer) error { return skippedList(w, a.width(), files) })
}

func skippedFiles(ctx context.Context, db *store.DB, paths []string) ([]skippedFile, error) {
	roots, err := db.Roots(ctx)
	if err != nil {
		return nil, err
	}
	rootPath := map[int64]string{}
	for _, r := range roots {
		rootPath[r.ID] = r.Path
	}
	var out []skippedFile
	for f, err := range db.Skipped(ctx, 0) {
		if err != nil {
			return nil, err
		}
		s := skippedFile{filepath.Join(rootPath[f.RootID], f.Path), f}
		if isBelow(s.path, paths) {
			out = append(out, s)
		}
	}
	return out, nil
}

// skippedList groups the list by what is wrong, so that a person reads each
// reason once.
func skippedList(w io.Writer, width int, files []skippedFile) error {
	var order []string
	byReason := map[string][]skippedFile{}
	for _, f := range files {
		if byReason[f.Reason] == nil {
			order = append(order, f.Reason)
		}
		byReason[f.Reason] = append(byReason[f.Reason], f)
	}
	for i, reason := range order {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n", reason, reasonText(reason))
		t := term.Table{Columns: []term.Column{{Shrink: true}, {Shrink: true}}, Indent: 2, Width: width}
		for _, f := range byReason[reason] {
			t.Row(nil, term.Escape(f.path), term.Escape(f.Detail))
		}
		if err := t.Write(w); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s not compared. What could not be read or embedded is tried at each scan, the rest when it changes.\n", term.Number(len(files), "file or folder", "files and folders"))
	return err
}

// skippedJSON is the document of skipped --json.
type skippedJSON struct {
	Schema int               `json:"schema"`
	Type   string            `json:"type"` // "skipped"
	Files  []skippedFileJSON `json:"files"`
}

type skippedFileJSON struct {
	pathJSON
	Folder bool   `json:"folder"`
	Reason string `json:"reason"`
	Text   string `json:"text"`
	Detail string `json:"detail"`
}

func skippedDocument(files []skippedFile) skippedJSON {
	doc := skippedJSON{schema, "skipped", []skippedFileJSON{}}
	for _, f := range files {
		doc.Files = append(doc.Files, skippedFileJSON{jsonPath(f.path), f.State == store.StateFolder, f.Reason, reasonText(f.Reason), f.Detail})
	}
	return doc
}
