package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/internal/find"
	"github.com/dupfind/dupfind/internal/group"
	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/internal/quarantine"
	"github.com/dupfind/dupfind/internal/term"
	"github.com/dupfind/dupfind/store"
)

// unmeasuredKinds is all that a model without a measured scale may move.
var unmeasuredKinds = []match.Kind{match.Identical, match.SamePixels}

func (a app) quarantineCommand() command {
	return command{
		name: "quarantine", usage: "move copies out of the way; restore puts them back", args: "[PATH...]",
		examples: []string{
			"dupfind quarantine --dry-run                     show what would be moved",
			"dupfind quarantine                               move sure copies; asks first",
			"dupfind quarantine ~/Pictures/phone              only copies in this folder",
			"dupfind quarantine --to /media/backup/copies     to another place, verified after copying",
			"dupfind quarantine --kinds identical,similar     also what only looks alike: look at the report first",
		},
		flags: append([]cli.Flag{
			&cli.StringFlag{Name: flagKinds, Usage: "move these `KINDS`, separated by commas: " + joinKinds(match.Kinds(), ", "), DefaultText: joinKinds(match.CopyKinds(), ",")},
			&cli.StringFlag{Name: flagTo, Usage: "move to `DIR` instead of " + quarantine.FolderName + " beside the photos"},
			&cli.BoolFlag{Name: flagDryRun, Aliases: []string{"n"}, Usage: "show what would be moved, and change nothing"},
			&cli.BoolFlag{Name: flagYes, Aliases: []string{"y"}, Usage: "move without asking"},
		}, findFlags()...),
		run: a.quarantine,
	}
}

func joinKinds(ks []match.Kind, separator string) string {
	var names []string
	for _, k := range ks {
		names = append(names, string(k))
	}
	return strings.Join(names, separator)
}

func (a app) quarantine(ctx context.Context, o flagOptions, c *cli.Context) error {
	f, err := readFindOptions(o, c)
	if err != nil {
		return err
	}
	q := quarantine.Options{To: c.String(flagTo), DryRun: c.Bool(flagDryRun), Now: a.now, Log: a.logger(o)}
	if q.To != "" {
		if q.To, err = realPath(q.To); err != nil {
			return err
		}
	}
	if !q.DryRun && !c.Bool(flagYes) && !a.terminal(a.stdin) {
		return fmt.Errorf("quarantine asks before it moves photos, and there is no terminal to ask at; add --yes, or --dry-run to look")
	}
	if q.DryRun {
		db, err := a.openForReading(ctx, o)
		if err != nil {
			return err
		}
		return errors.Join(a.moveCopies(ctx, db, f, q, c.Bool(flagYes)), db.Close())
	}
	lib, err := a.openKnown(ctx, o, "quarantine")
	if err != nil {
		return err
	}
	return errors.Join(a.moveCopies(ctx, lib.DB, f, q, c.Bool(flagYes)), lib.Close())
}

func (a app) moveCopies(ctx context.Context, db *store.DB, f findOptions, q quarantine.Options, yes bool) (err error) {
	s, err := a.prepareFind(ctx, db, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if f.kinds == nil {
		f.kinds = movableKinds(s.model)
	}
	if err := allowedKinds(s.model, f.kinds); err != nil {
		return err
	}
	s.options.Kinds = f.kinds
	found, err := find.Groups(ctx, db, s.options)
	if err != nil {
		return err
	}
	s.bar.EndStage()
	moves, stay, err := a.moves(ctx, db, found, f)
	if err != nil {
		return err
	}
	plan, err := quarantine.Prepare(ctx, db, moves, q)
	if err != nil {
		return err
	}
	plan.Held = append(stay, plan.Held...)
	if q.DryRun || len(plan.Moves) == 0 {
		if err := a.printPlanned(f, plan, q.DryRun); err != nil || q.DryRun || len(plan.Held) == 0 {
			return err
		}
		return exitStatus(exitPartly)
	}
	if !yes {
		if err := a.confirm(ctx, f, plan); err != nil {
			return err
		}
	}
	result, err := plan.Run(ctx)
	if err != nil && len(result.Items) == 0 {
		return err
	}
	if printErr := a.printMoved(f, "quarantine", result); err == nil {
		err = printErr
	}
	if err == nil && !result.Complete() {
		err = exitStatus(exitPartly)
	}
	return err
}

// movableKinds are the kinds that quarantine moves unless told otherwise.
func movableKinds(m storedModel) []match.Kind {
	if m.Manifest.Calibration.Measured() {
		return match.CopyKinds()
	}
	return unmeasuredKinds
}

// allowedKinds refuses what the model cannot answer for.
func allowedKinds(m storedModel, ks []match.Kind) error {
	if m.Manifest.Calibration.Measured() {
		return nil
	}
	for _, k := range ks {
		if !slices.Contains(unmeasuredKinds, k) {
			return fmt.Errorf("model %s has no measured scale of similarity, so %q cannot be moved on its word; --kinds %s can",
				m.Manifest.Name, k, joinKinds(unmeasuredKinds, ","))
		}
	}
	return nil
}

// moves turns groups into moves, and lists the copies that must stay.
func (a app) moves(ctx context.Context, db *store.DB, found find.Result, f findOptions) ([]quarantine.Move, []quarantine.Item, error) {
	roots, err := db.Roots(ctx)
	if err != nil {
		return nil, nil, err
	}
	ref := func(photo int64, f group.File) quarantine.FileRef {
		r := quarantine.FileRef{
			RootID: f.RootID, SHA256: found.Contents[photo].SHA256, SizeBytes: f.SizeBytes,
			MtimeNS: f.MtimeNS, Device: f.Device, Inode: f.Inode,
		}
		for _, root := range roots {
			if root.ID == f.RootID {
				r.Root = root.Path
				r.Rel = strings.TrimPrefix(strings.TrimPrefix(f.Path, root.Path), "/")
			}
		}
		return r
	}
	var moves []quarantine.Move
	var stay []quarantine.Item
	for _, g := range found.Groups {
		for _, m := range g.Members {
			if !wanted(f, m) {
				continue
			}
			if !m.Movable {
				stay = append(stay, quarantine.Item{
					Path: m.File.Path, Keeper: g.Keeper.File.Path, Kind: m.Kind, Lacks: m.Lacks,
					SizeBytes: m.File.SizeBytes, Outcome: quarantine.Held, Detail: m.Why,
				})
				continue
			}
			// A copy goes with all its names: one left behind would keep it where it is.
			for _, name := range append([]group.File{m.File}, m.OtherNames...) {
				moves = append(moves, quarantine.Move{Copy: ref(m.PhotoID, name), Keeper: ref(g.Keeper.PhotoID, g.Keeper.File), Kind: m.Kind, Lacks: m.Lacks})
			}
		}
	}
	return moves, stay, nil
}

// wanted says whether a member is one of those the user asked for: of a wanted
// kind, and below a named path where paths were named.
func wanted(f findOptions, m group.Member) bool {
	if !slices.Contains(f.kinds, match.Kind(m.Kind)) || m.OtherGroup != "" {
		return false
	}
	return isBelow(m.File.Path, f.paths)
}

var errDeclined = errors.New("nothing was moved")

// confirm asks before moving.
func (a app) confirm(ctx context.Context, f findOptions, plan *quarantine.Plan) error {
	a.say("%s", planText(plan, a.width()))
	for _, k := range f.kinds {
		if !slices.Contains(match.CopyKinds(), k) {
			a.say("%s: %s\n", k, k.Meaning())
		}
	}
	a.say("Move %s (%s)? They can be restored. [y/N] ", term.Number(len(plan.Moves), "copy", "copies"), term.Bytes(plan.Bytes))
	answer, err := a.answer(ctx)
	if err != nil {
		a.say("\n%v\n", errDeclined)
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errDeclined
}

// answer reads a line from the terminal, unless the user interrupts. The read
// itself cannot be interrupted; the program ends soon after.
func (a app) answer(ctx context.Context) (string, error) {
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(a.stdin).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		return l.text, l.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// say writes to the person at the terminal.
func (a app) say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.stderr, format, args...) // nothing to do if stderr is gone
}
