package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/internal/quarantine"
	"github.com/dupfind/dupfind/store"
)

func (a app) restoreCommand() command {
	return command{
		name: "restore", usage: "put quarantined photos back", args: "[RUN | FOLDER]",
		examples: []string{
			"dupfind restore --last                           the newest run not yet restored",
			"dupfind restore 2026-11-24-103000                one run; dupfind status lists them",
			"dupfind restore ~/Pictures/.dupfind-quarantine/2026-11-24-103000   works without the library, too",
			"dupfind restore --last --only phone/IMG_1.jpg    one file of it",
			"dupfind restore --all",
		},
		flags: []cli.Flag{
			&cli.BoolFlag{Name: flagLast, Usage: "the newest run that has something to put back"},
			&cli.BoolFlag{Name: flagAll, Usage: "every run"},
			&cli.StringSliceFlag{Name: flagOnly, Usage: "only this file or folder: its `PATH` where it was, or in the quarantine (repeatable)"},
		},
		run: a.restore,
	}
}

func (a app) restore(ctx context.Context, o flagOptions, c *cli.Context) error {
	target, err := readTarget(c)
	if err != nil {
		return err
	}
	options := quarantine.RestoreOptions{Only: c.StringSlice(flagOnly), Now: a.now, Log: a.logger(o)}
	lib, err := a.openForWritingIfThere(ctx, o, target)
	if err != nil {
		return err
	}
	var db *store.DB
	if lib != nil {
		db = lib.DB
	}
	result, err := quarantine.Restore(ctx, db, target, options)
	if lib != nil {
		err = errors.Join(err, lib.Close())
	}
	if err != nil && len(result.Items) == 0 {
		return err
	}
	if err == nil && len(options.Only) > 0 && result.Count(quarantine.Refused) == len(result.Items) && noneInRun(result) {
		return usagef("restore", "no file of what is restored is named %q", options.Only[0])
	}
	if printErr := a.printMoved(findOptions{flagOptions: o}, "restore", result); err == nil {
		err = printErr
	}
	if err == nil && !result.Complete() {
		err = exitStatus(exitPartly)
	}
	return err
}

// noneInRun says that --only named nothing of what was to be restored.
func noneInRun(r quarantine.Result) bool {
	for _, i := range r.Items {
		if i.Reason != quarantine.ReasonNotInRun {
			return false
		}
	}
	return len(r.Items) > 0
}

// openForWritingIfThere opens the library, or returns nil where there is none
// and a folder is to be restored from its manifest alone.
func (a app) openForWritingIfThere(ctx context.Context, o flagOptions, t quarantine.Target) (*library, error) {
	lib, err := a.openKnown(ctx, o, "restore")
	if t.Folder != "" && errors.Is(err, store.ErrNoDB) {
		return nil, nil
	}
	if t.Folder != "" && (errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrNewerSchema) || errors.Is(err, store.ErrNotOurs)) {
		a.note(o, "the library cannot be used (%v); restoring from the manifest alone", err)
		return nil, nil
	}
	return lib, err
}

func readTarget(c *cli.Context) (quarantine.Target, error) {
	t := quarantine.Target{Last: c.Bool(flagLast), All: c.Bool(flagAll)}
	switch {
	case c.NArg() > 1:
		return t, usagef("restore", "name one run or folder, got %d", c.NArg())
	case c.NArg() == 1 && (t.Last || t.All), t.Last && t.All:
		return t, usagef("restore", "give one of RUN, FOLDER, --last and --all")
	case c.NArg() == 0 && !t.Last && !t.All:
		return t, usagef("restore", "say what to restore: a run, a folder, --last or --all")
	case c.NArg() == 0:
		return t, nil
	}
	name := c.Args().First()
	if name == "" {
		return t, usagef("restore", "the name of the run or folder is empty")
	}
	if fi, err := os.Stat(name); err == nil && fi.IsDir() {
		folder, err := realPath(name)
		t.Folder = folder
		return t, err
	}
	if strings.ContainsRune(name, os.PathSeparator) {
		return t, usagef("restore", "no such folder: %s", name)
	}
	t.Run = name
	return t, nil
}
