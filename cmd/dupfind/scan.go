package main

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/embed/local"
	"github.com/dupfind/dupfind/index/exact"
	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/internal/find"
	"github.com/dupfind/dupfind/internal/ingest"
	"github.com/dupfind/dupfind/internal/term"
	"github.com/dupfind/dupfind/scan"
	"github.com/dupfind/dupfind/store"
)

// searchFloor is the similarity down to which a scan searches pairs, so that
// reports at any threshold above it need no search.
const searchFloor = 0.90

// batchTiles is how many tiles the model gets at once: enough to fill the
// cores, few enough that a kill costs little.
const batchTiles = 16

func (a app) scanCommand() command {
	return command{
		name: "scan", usage: "look at photos and remember them", args: "[PATH...]",
		examples: []string{
			"dupfind scan ~/Pictures                          add a folder, or refresh it",
			"dupfind scan                                     refresh every folder scanned before",
			"dupfind scan ~/Pictures --exclude 'Raw/' --exclude '*.tif'",
			"dupfind scan /media/photos --one-file-system --dry-run",
		},
		flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: flagExclude, Usage: "leave out what matches `GLOB` (gitignore syntax; repeatable)"},
			&cli.StringSliceFlag{Name: flagIfPresent, Usage: "leave out folders that hold a file named `NAME` (repeatable)"},
			&cli.BoolFlag{Name: flagOneFileSystem, Usage: "stay on the file system of each PATH"},
			&cli.BoolFlag{Name: flagVerify, Usage: "open every file again, also those that look unchanged"},
			&cli.BoolFlag{Name: flagDryRun, Aliases: []string{"n"}, Usage: "say what would be done, and change nothing"},
			&cli.IntFlag{Name: flagJobs, Usage: "decode `N` photos at once", DefaultText: "one per core"},
		}, modelFlags()...),
		run: a.scan,
	}
}

// scanOptions are the flags of scan.
type scanOptions struct {
	flagOptions
	paths  []string
	walk   scan.Options
	verify bool
	jobs   int
}

func readScanOptions(o flagOptions, c *cli.Context) (scanOptions, error) {
	s := scanOptions{
		flagOptions: o, paths: c.Args().Slice(), verify: c.Bool(flagVerify), jobs: runtime.NumCPU(),
		walk: scan.Options{
			Exclude: c.StringSlice(flagExclude), ExcludeIfPresent: c.StringSlice(flagIfPresent),
			OneFileSystem: c.Bool(flagOneFileSystem),
		},
	}
	for _, p := range s.paths {
		if p == "" {
			return s, usagef("scan", "a PATH is empty")
		}
	}
	for _, pattern := range s.walk.Exclude {
		if err := scan.CheckExclude(pattern); err != nil {
			return s, usagef("scan", "--exclude %q: %v", pattern, err)
		}
	}
	if c.IsSet(flagJobs) {
		if s.jobs = c.Int(flagJobs); s.jobs < 1 || s.jobs > 256 {
			return s, usagef("scan", "--jobs %d: give a number from 1 to 256", s.jobs)
		}
	}
	return s, nil
}

func (a app) scan(ctx context.Context, o flagOptions, c *cli.Context) error {
	s, err := readScanOptions(o, c)
	if err != nil {
		return err
	}
	if c.Bool(flagDryRun) {
		return a.scanDryRun(ctx, s)
	}
	if err := a.statDB(o); errors.Is(err, store.ErrNoDB) {
		// Mistakes are found before a library is made for them.
		if err := canScan(s.paths); err != nil {
			return err
		}
	}
	lib, err := a.openForWriting(ctx, o, "scan")
	if err != nil {
		return err
	}
	progress := a.progress(o, stream)
	done, err := a.scanLibrary(ctx, lib.DB, s, progress)
	if err = errors.Join(err, progress.Close(), lib.Close()); err != nil {
		return err
	}
	if err := a.printScan(s, done); err != nil {
		return err
	}
	switch {
	case done.sum.Interrupted:
		return exitStatus(exitInterrupted)
	case done.sum.Failed():
		return exitStatus(exitPartly)
	}
	return nil
}

// canScan reports paths that no scan can begin with.
func canScan(paths []string) error {
	if len(paths) == 0 {
		return usagef("scan", "no folder to scan: name one")
	}
	for _, p := range paths {
		if _, err := scan.ResolveRoot(p); err != nil {
			return err
		}
	}
	return nil
}

// scanned is what a scan did, for printing.
type scanned struct {
	model    modelChoice
	targets  []ingest.Target
	sum      ingest.Summary
	search   find.UpdateStats
	searched bool
	tooMany  *find.TooManyPairsError
	took     time.Duration
}

func (a app) scanLibrary(ctx context.Context, db *store.DB, s scanOptions, p *term.Progress) (scanned, error) {
	began := a.now()
	model, err := a.scanModel(ctx, db, s)
	if err != nil {
		return scanned{}, err
	}
	out := scanned{model: model}
	targets, away, err := ingest.Targets(ctx, db, s.paths, ingest.Write)
	if err != nil {
		return out, err
	}
	if len(targets) == 0 && len(away) == 0 {
		return out, usagef("scan", "no folder to scan: name one")
	}
	out.targets = targets
	modelID, err := ensureModel(ctx, db, model.Manifest)
	if err != nil {
		return out, err
	}
	if out.sum, err = a.ingest(ctx, db, s, model, modelID, targets, p); err != nil {
		return out, err
	}
	out.sum.NotHere = away
	if err := db.SetLast(context.WithoutCancel(ctx), store.Last{ModelID: modelID, Backend: "local", ModelFlag: model.Flag}); err != nil {
		return out, err
	}
	if !out.sum.Interrupted {
		p.Stage("search", "comparison")
		out.search, err = find.Update(ctx, db, &exact.Engine{}, find.UpdateOptions{
			ModelID: modelID, FloorCosine: model.Manifest.Calibration.Cosine(searchFloor), Check: s.verify, Progress: p.Set,
		})
		out.searched = err == nil
		if many, ok := errors.AsType[*find.TooManyPairsError](err); ok {
			// The vectors are kept; a report searches at its own threshold.
			out.tooMany, err = many, nil
		}
		if errors.Is(err, context.Canceled) {
			out.sum.Interrupted, err = true, nil
		}
	}
	out.took = a.now().Sub(began)
	return out, err
}

// scanModel is the model that the user named, or else the last scan's.
func (a app) scanModel(ctx context.Context, db *store.DB, s scanOptions) (modelChoice, error) {
	if s.Model == "" && a.getenv(local.EnvModel) == "" {
		last, err := db.LastModel(ctx)
		if err != nil {
			return modelChoice{}, err
		}
		s.Model = last.ModelFlag
	}
	return a.pickModel(s.flagOptions)
}

func (a app) ingest(ctx context.Context, db *store.DB, s scanOptions, model modelChoice, modelID int64, targets []ingest.Target, p *term.Progress) (sum ingest.Summary, err error) {
	pool := decode.NewPool(decode.PoolOptions{Workers: s.jobs, Log: a.logger(s.flagOptions)})
	defer func() { err = errors.Join(err, pool.Close()) }()
	var backend closer
	defer func() { err = errors.Join(err, backend.close()) }()
	p.Stage("scan", "photo")
	return ingest.Run(ctx, db, ingest.Options{
		Targets: targets, Walk: s.walk, Verify: s.verify,
		ModelID: modelID, TileSize: model.Manifest.TileSize, Dim: model.Manifest.Dim,
		Decoder: pool, Workers: s.jobs, BatchTiles: batchTiles,
		OpenEmbedder: func(ctx context.Context) (ingest.Embedder, error) {
			b, err := model.Open(ctx)
			if err != nil {
				return nil, err
			}
			backend.c = b
			return b, nil
		},
		Progress: p, Now: a.now,
	})
}

// closer closes what was opened, if anything was.
type closer struct{ c interface{ Close() error } }

func (c closer) close() error {
	if c.c == nil {
		return nil
	}
	return c.c.Close()
}

func (a app) scanDryRun(ctx context.Context, s scanOptions) error {
	db, err := a.openForReading(ctx, s.flagOptions)
	if err != nil && !errors.Is(err, store.ErrNoDB) {
		return err
	}
	if db != nil {
		defer db.Close()
	}
	targets, away, err := ingest.Targets(ctx, db, s.paths, ingest.ReadOnly)
	if err != nil {
		return err
	}
	if len(targets) == 0 && len(away) == 0 {
		return usagef("scan", "no folder to scan: name one")
	}
	var modelID int64
	if db != nil {
		m, err := knownModel(ctx, db, "")
		if err == nil && s.Model == "" {
			modelID = m.ID
		}
	}
	pre, err := ingest.DryRun(ctx, db, modelID, targets, s.walk, s.verify)
	if err != nil {
		return err
	}
	return a.printDryRun(s, pre, away)
}
