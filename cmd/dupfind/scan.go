package main

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

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

// With servers, remoteCalls x remoteTiles tiles are with the client at most,
// 77 MB of raw ones: as many as 16 requests of 32, which is what a long and
// fast link may have under way.
const (
	remoteCalls = 64
	remoteTiles = 8
)

func (a app) scanCommand() command {
	return command{
		name: "scan", usage: "look at photos and remember them", args: "[PATH...]",
		examples: []string{
			"dupfind scan ~/Pictures                          add a folder, or refresh it",
			"dupfind scan                                     refresh every folder scanned before",
			"dupfind scan ~/Pictures --exclude 'Raw/' --exclude '*.tif'",
			"dupfind scan /media/photos --one-file-system --dry-run",
			"dupfind scan ~/Pictures --backend grpcs://gpu.example.net:8001   embed at a server; only tiles are sent",
		},
		flags: slices.Concat([]cli.Flag{
			&cli.StringSliceFlag{Name: flagExclude, Usage: "leave out what matches `GLOB` (gitignore syntax; repeatable)"},
			&cli.StringSliceFlag{Name: flagIfPresent, Usage: "leave out folders that hold a file named `NAME` (repeatable)"},
			&cli.BoolFlag{Name: flagOneFileSystem, Usage: "stay on the file system of each PATH"},
			&cli.BoolFlag{Name: flagVerify, Usage: "open every file again, also those that look unchanged"},
			&cli.BoolFlag{Name: flagDryRun, Aliases: []string{"n"}, Usage: "say what would be done, and change nothing"},
			&cli.IntFlag{Name: flagJobs, Usage: "decode `N` photos at once", DefaultText: "one per core"},
			&cli.StringSliceFlag{Name: flagBackend, Usage: "embed at the server `URL`, grpc://HOST:PORT or grpcs:// for TLS (repeatable), or on this machine: local", DefaultText: "the last scan's"},
			priceFlag(),
		}, remoteFlags(), modelFlags()),
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
	remote remoteOptions
}

func readScanOptions(o flagOptions, c *cli.Context) (scanOptions, error) {
	s := scanOptions{
		flagOptions: o, paths: c.Args().Slice(), verify: c.Bool(flagVerify), jobs: runtime.NumCPU(),
		walk: scan.Options{
			Exclude: c.StringSlice(flagExclude), ExcludeIfPresent: c.StringSlice(flagIfPresent),
			OneFileSystem: c.Bool(flagOneFileSystem),
		},
	}
	var err error
	if s.remote, err = readRemoteOptions(c); err != nil {
		return s, err
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
	model    *scanModel
	targets  []ingest.Target
	sum      ingest.Summary
	search   find.UpdateStats
	searched bool
	tooMany  *find.TooManyPairsError
	took     time.Duration
}

func (a app) scanLibrary(ctx context.Context, db *store.DB, s scanOptions, p *term.Progress) (out scanned, err error) {
	began := a.now()
	m, err := a.scanModel(ctx, db, s, p)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	targets, away, err := ingest.Targets(ctx, db, s.paths, ingest.Write)
	if err != nil {
		return out, err
	}
	if len(targets) == 0 && len(away) == 0 {
		return out, usagef("scan", "no folder to scan: name one")
	}
	out.targets = targets
	out.sum, err = a.ingest(ctx, db, s, m, targets, p)
	if changed, ok := errors.AsType[*modelChangedError](err); ok && m.link.choice.asked {
		a.noteBeside(p, s.flagOptions, "%s: photos are embedded by %s now", changed.Error(), changed.now)
		m.link.model = storedModel{}
		if err = m.link.connect(ctx); err == nil {
			out.sum, err = a.ingest(ctx, db, s, m, targets, p)
		}
	}
	err = errors.Join(err, m.close()) // its memory is free for the search
	out.model = m
	out.sum.NotHere = away
	if err = a.remember(context.WithoutCancel(ctx), db, m, out.sum, err); err != nil {
		return out, err
	}
	if !out.sum.Interrupted {
		err = a.search(ctx, db, s, m, p, &out)
	}
	out.took = a.now().Sub(began)
	return out, err
}

// search looks for the pairs of the new photos.
func (a app) search(ctx context.Context, db *store.DB, s scanOptions, m *scanModel, p *term.Progress, out *scanned) (err error) {
	p.Stage("search", "comparison")
	out.search, err = find.Update(ctx, db, &exact.Engine{}, find.UpdateOptions{
		ModelID: m.id(), FloorCosine: m.manifest().Calibration.Cosine(searchFloor), Check: s.verify, Progress: p.Set,
	})
	out.searched = err == nil
	if many, ok := errors.AsType[*find.TooManyPairsError](err); ok {
		// The vectors are kept; a report searches at its own threshold.
		out.tooMany, err = many, nil
	}
	if errors.Is(err, context.Canceled) {
		out.sum.Interrupted, err = true, nil
	}
	return err
}

func (a app) ingest(ctx context.Context, db *store.DB, s scanOptions, m *scanModel, targets []ingest.Target, p *term.Progress) (sum ingest.Summary, err error) {
	pool := decode.NewPool(decode.PoolOptions{Workers: s.jobs, Log: a.logger(s.flagOptions)})
	defer func() { err = errors.Join(err, pool.Close()) }()
	o := ingest.Options{
		Targets: targets, Walk: s.walk, Verify: s.verify,
		ModelID: m.id(), TileSize: m.manifest().TileSize, Dim: m.manifest().Dim,
		Decoder: pool, Workers: s.jobs, BatchTiles: batchTiles,
		OpenEmbedder: m.open, Progress: p, Now: a.now,
	}
	if m.link != nil {
		o.EmbedCalls, o.BatchTiles = remoteCalls, remoteTiles
		defer context.AfterFunc(ctx, func() {
			a.noteBeside(p, s.flagOptions, "finishing what is under way; Ctrl-C once more stops at once")
		})()
	}
	p.Stage("scan", "photo")
	return ingest.Run(ctx, db, o)
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
	choice, model, err := a.dryRunModel(ctx, db, s)
	if err != nil {
		return err
	}
	pre, err := ingest.DryRun(ctx, db, model.ID, targets, s.walk, s.verify)
	if err != nil {
		return err
	}
	plan, err := a.planSending(ctx, db, s, choice, model, pre.Open)
	if err != nil {
		return err
	}
	return a.printDryRun(s, pre, away, plan)
}
