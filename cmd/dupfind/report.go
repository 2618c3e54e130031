package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/internal/find"
	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/internal/report"
	"github.com/dupfind/dupfind/store"
)

// The formats of report.
const (
	formatTable = "table"
	formatJSON  = "json"
	formatCSV   = "csv"
	formatPairs = "pairs"
)

func (a app) reportCommand() command {
	return command{
		name: "report", usage: "show groups of copies, and which one to keep", args: "[PATH...]",
		examples: []string{
			"dupfind report                                   all groups, at similarity 0.95",
			"dupfind report --kinds identical,same-pixels     only what is certain",
			"dupfind report ~/Pictures/phone --threshold 0.9  groups that touch a folder",
			"dupfind report --format csv > copies.csv",
			"dupfind report --format pairs -0                 every pair, for scripts",
		},
		flags: append([]cli.Flag{
			&cli.StringFlag{Name: flagFormat, Value: formatTable, Usage: "`FORMAT`: table, json, csv or pairs (--json is --format json)"},
			&cli.StringFlag{Name: flagKinds, Usage: "only these `KINDS`, separated by commas: " + joinKinds(match.Kinds(), ", "), DefaultText: "all"},
			&cli.BoolFlag{Name: flagNull, Aliases: []string{"0"}, Usage: "with --format pairs: end records with NUL bytes and leave names as they are"},
		}, findFlags()...),
		run: a.report,
	}
}

func (a app) report(ctx context.Context, o flagOptions, c *cli.Context) error {
	format := c.String(flagFormat)
	switch format {
	case formatTable, formatJSON, formatCSV, formatPairs:
	default:
		return usagef("report", "--format %q is none; the formats are table, json, csv and pairs", format)
	}
	if o.JSON {
		if c.IsSet(flagFormat) && format != formatJSON {
			return usagef("report", "--json and --format %s contradict each other", format)
		}
		format = formatJSON
	}
	if c.Bool(flagNull) && format != formatPairs {
		return usagef("report", "-0 goes with --format pairs")
	}
	f, err := readFindOptions(o, c)
	if err != nil {
		return err
	}
	db, err := a.openForEvidence(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(a.reportFrom(ctx, db, f, format, c.Bool(flagNull)), db.Close())
}

// openForEvidence opens the library to read it, and to keep what comparing
// pixels shows. That needs no lock: a scan may go on beside it.
func (a app) openForEvidence(ctx context.Context, o flagOptions) (*store.DB, error) {
	if err := a.statDB(o); err != nil {
		return nil, err
	}
	return store.Open(ctx, o.DB, store.Options{Now: a.now, Log: a.logger(o)})
}

func (a app) reportFrom(ctx context.Context, db *store.DB, f findOptions, format string, null bool) (err error) {
	s, err := a.prepareFind(ctx, db, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if format == formatPairs {
		return a.reportPairs(ctx, db, s, report.PairOptions{NUL: null})
	}
	found, err := find.Groups(ctx, db, s.options)
	if err != nil {
		return err
	}
	s.bar.EndStage()
	roots, err := db.Roots(ctx)
	if err != nil {
		return err
	}
	doc := document(f, s, found, roots)
	return a.buffered(func(w io.Writer) error {
		switch format {
		case formatJSON:
			return report.WriteJSON(w, doc)
		case formatCSV:
			return report.WriteCSV(w, doc)
		}
		return report.WriteTable(w, doc, report.TableOptions{Width: a.width(), Paint: a.paint(f.flagOptions)})
	})
}

func (a app) reportPairs(ctx context.Context, db *store.DB, s *search, o report.PairOptions) error {
	w := report.NewPairWriter(a.stdout, o)
	_, err := find.EachPair(ctx, db, s.options, func(p find.FilePair) error {
		return w.Write(report.Pair{PathA: p.PathA, PathB: p.PathB, Similarity: p.Similarity, Cosine: p.Cosine, Kind: p.Kind})
	})
	return errors.Join(err, w.Flush())
}

// document gathers what a report says.
func document(f findOptions, s *search, found find.Result, roots []store.Root) *report.Document {
	m := s.model.Manifest
	doc := &report.Document{
		Program:   "dupfind " + version,
		Threshold: f.threshold, ThresholdCosine: m.Calibration.Cosine(f.threshold),
		Model:  report.Model{Name: m.Name, Digest: m.Digest, Measured: m.Calibration.Measured()},
		Engine: report.Engine{Name: s.options.Engine.Name(), Exact: s.options.Engine.Exact()},
		Kinds:  f.kinds, Paths: f.paths, MinSizeBytes: f.minSize, QuarantineKinds: movableKinds(s.model),
		Numbers: report.Numbers{
			Files: found.Files, Photos: found.Photos, Compared: found.Compared, LowDetail: found.LowDetail,
			NoVector: found.NoVector, Skipped: found.Skipped, TooSmall: found.TooSmall,
			Proposals: found.Proposals, Confirmed: found.Confirmed, Outside: found.Outside, ExpectedFalse: found.ExpectedFalse,
		},
	}
	if !m.Calibration.Measured() {
		doc.Model.Remark = "its scale of similarity was not measured: the similarity shown may mean little"
	}
	for _, r := range roots {
		_, err := os.Stat(r.Path)
		doc.Roots = append(doc.Roots, report.Root{Path: r.Path, Here: err == nil})
	}
	for _, u := range found.Unconfirmed {
		doc.Unconfirmed = append(doc.Unconfirmed, report.Unconfirmed{Path: u.Path, Reason: string(u.Reason)})
	}
	for _, g := range found.Groups {
		doc.Groups = append(doc.Groups, report.NewGroup(g, func(id int64) report.Facts {
			c := found.Contents[id]
			return report.Facts{
				SHA256: c.SHA256, Format: c.Format, Width: c.Width, Height: c.Height,
				TakenAt: c.Exif.TakenAt, RemovedBefore: found.RemovedBefore[id],
			}
		}))
	}
	doc.Next = nextCommands(f, doc)
	return doc
}

func nextCommands(f findOptions, doc *report.Document) []string {
	var next []string
	if doc.Totals().Moves > 0 {
		next = append(next, f.next("quarantine --dry-run"))
	}
	if len(doc.Unconfirmed) > 0 || doc.Numbers.Skipped > 0 {
		next = append(next, f.next("skipped"))
	}
	return next
}
