package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/internal/bench"
	benchlink "github.com/dupfind/dupfind/internal/bench/link"
)

// The flags that only bench has.
const (
	flagNames    = "name"
	flagTests    = "tests"
	flagBatch    = "batch"
	flagInFlight = "in-flight"
	flagRate     = "rate"
	flagDuration = "duration"
	flagWarmup   = "warmup"
	flagRTT      = "rtt"
	flagUp       = "up"
	flagPhotos   = "photos"
	flagOut      = "out"
)

const defaultOut = "benchmark_results"

// maxBackends is how many stand side by side in a readable chart.
const maxBackends = 6

func (a app) benchCommand() command {
	return command{
		name: "bench", usage: "measure backends side by side",
		examples: []string{
			"dupfind bench                                                  this machine",
			"dupfind bench --backend grpc://gpu:8001 --backend grpc://gpu:8101 --name pytorch --name triton",
			"dupfind bench --backend grpc://127.0.0.1:8001 --rtt 180ms --up 20mbit   as if it were far away",
			"dupfind bench --tests latency,open --rate 20 --duration 30s",
		},
		flags: append(append(benchFlags(), priceFlag()), append(remoteFlags(), modelFlags()...)...),
		run: func(ctx context.Context, o flagOptions, c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			b, err := readBenchOptions(o, c)
			if err != nil {
				return err
			}
			return a.bench(ctx, b)
		},
	}
}

func benchFlags() []cli.Flag {
	d := bench.Defaults()
	return []cli.Flag{
		&cli.StringSliceFlag{Name: flagBackend, Usage: "measure `BACKEND`: local, grpc://HOST:PORT or grpcs://HOST:PORT (repeatable)", DefaultText: localBackend},
		&cli.StringSliceFlag{Name: flagNames, Usage: "call the backends `NAME` in tables and files (repeatable, in the same order)", DefaultText: "local, or the server's host and port"},
		&cli.StringFlag{Name: flagTests, Usage: "`LIST` of cold, latency, batch, closed, open, adaptive and naive", DefaultText: "all"},
		&cli.StringFlag{Name: flagBatch, Usage: "photos in a call, `N,N`", DefaultText: numbers(d.Batches)},
		&cli.StringFlag{Name: flagInFlight, Usage: "calls at once in the closed loop, `N,N`", DefaultText: numbers(d.InFlight)},
		&cli.Float64Flag{Name: flagRate, Usage: "photos due a second in the open loop, `N`", DefaultText: "half of what was measured before"},
		&cli.StringFlag{Name: flagDuration, Usage: "measure each load for `TIME` at most", DefaultText: d.Duration.String()},
		&cli.StringFlag{Name: flagWarmup, Usage: "warm each load up for `TIME`", DefaultText: d.Warmup.String()},
		&cli.StringFlag{Name: flagRTT, Usage: "put a round trip of `TIME` between, such as 180ms", DefaultText: "none"},
		&cli.StringFlag{Name: flagUp, Usage: "limit the way to the servers to `RATE`, such as 20mbit", DefaultText: "no limit"},
		&cli.StringFlag{Name: flagPhotos, Usage: "send the photos in `FOLDER`", DefaultText: "pictures made for the purpose"},
		&cli.StringFlag{Name: flagOut, Usage: "write the results to `FOLDER`", DefaultText: defaultOut},
	}
}

// benchOptions are the flags of bench, checked.
type benchOptions struct {
	flagOptions
	remote remoteOptions
	names  []string // of remote.Backends
	plan   bench.Options
	link   benchlink.Options
	photos string // a folder; "": none
	out    string
}

func readBenchOptions(o flagOptions, c *cli.Context) (b benchOptions, err error) {
	b = benchOptions{flagOptions: o, plan: bench.Defaults(), photos: c.String(flagPhotos), out: c.String(flagOut)}
	if b.remote, err = readRemoteOptions(c); err != nil {
		return b, err
	}
	if len(b.remote.Backends) == 0 {
		b.remote.Backends = []string{localBackend}
	}
	if b.out == "" {
		b.out = defaultOut
	}
	b.plan.RatePerSecond, b.plan.PricePerHour = c.Float64(flagRate), b.remote.PricePerHour
	if c.IsSet(flagRate) && !(b.plan.RatePerSecond > 0 && b.plan.RatePerSecond <= bench.MaxRate) {
		return b, usagef("bench", "--rate %v: give photos a second, above 0 and at most %d", b.plan.RatePerSecond, bench.MaxRate)
	}
	for _, read := range []func(*cli.Context) error{b.readLoads, b.readTimes, b.readLink, b.readNames} {
		if err := read(c); err != nil {
			return b, err
		}
	}
	if err := b.plan.Check(); err != nil {
		return b, usagef("bench", "%v", err)
	}
	return b, nil
}

func (b *benchOptions) readLoads(c *cli.Context) (err error) {
	if c.IsSet(flagTests) {
		b.plan.Tests = nil
		for s := range strings.SplitSeq(c.String(flagTests), ",") {
			b.plan.Tests = append(b.plan.Tests, bench.Test(strings.TrimSpace(s)))
		}
	}
	if c.IsSet(flagBatch) {
		if b.plan.Batches, err = counts(flagBatch, c.String(flagBatch)); err != nil {
			return err
		}
	}
	if c.IsSet(flagInFlight) {
		b.plan.InFlight, err = counts(flagInFlight, c.String(flagInFlight))
	}
	return err
}

func (b *benchOptions) readTimes(c *cli.Context) error {
	for _, f := range []struct {
		name string
		to   *time.Duration
	}{{flagDuration, &b.plan.Duration}, {flagWarmup, &b.plan.Warmup}, {flagRTT, &b.link.RTT}} {
		if !c.IsSet(f.name) {
			continue
		}
		d, err := time.ParseDuration(c.String(f.name))
		if err != nil {
			return usagef("bench", "--%s %q is not a time: give a number with ms, s or m, such as 20s", f.name, c.String(f.name))
		}
		*f.to = d
	}
	return nil
}

func (b *benchOptions) readLink(c *cli.Context) (err error) {
	if b.link.UpBitsPerSecond, err = benchlink.ParseRate(c.String(flagUp)); err != nil {
		return usagef("bench", "--up: %v", err)
	}
	if err := b.link.Check(); err != nil {
		return usagef("bench", "--rtt and --up: %v", err)
	}
	if !b.link.Zero() && !b.anyServer() {
		return usagef("bench", "--rtt and --up put a link before a server: name one with --backend grpc://HOST:PORT")
	}
	return nil
}

func (b *benchOptions) anyServer() bool {
	return slices.ContainsFunc(b.remote.Backends, func(s string) bool { return s != localBackend })
}

// readNames settles what each backend is called. A name is a file's name, too.
func (b *benchOptions) readNames(c *cli.Context) error {
	if !b.anyServer() && len(b.remote.given) > 0 && b.remote.given[0] != flagPrice {
		return usagef("bench", "--%s goes with a server: name one with --backend grpc://HOST:PORT", b.remote.given[0])
	}
	given := c.StringSlice(flagNames)
	switch n := len(b.remote.Backends); {
	case n > maxBackends:
		return usagef("bench", "%d backends: at most %d stand side by side", n, maxBackends)
	case len(given) > 0 && len(given) != n:
		return usagef("bench", "%d names for %d backends: give each --backend its --name, in the same order", len(given), n)
	}
	files := map[string]string{}
	for i, backend := range b.remote.Backends {
		name := strings.TrimPrefix(strings.TrimPrefix(backend, "grpcs://"), "grpc://")
		if len(given) > 0 {
			name = given[i]
		}
		if strings.TrimSpace(name) == "" {
			return usagef("bench", "a --name is empty")
		}
		file := strings.ToLower(bench.FileName(name)) // some file systems do not tell cases apart
		if before, ok := files[file]; ok {
			return usagef("bench", "the names %q and %q would be one file: tell the backends apart with --name", before, name)
		}
		files[file] = name
		b.names = append(b.names, name)
	}
	return nil
}

func counts(flag, list string) ([]int, error) {
	var out []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil {
			return nil, usagef("bench", "--%s %q: give numbers with commas between, such as 8,32", flag, list)
		}
		out = append(out, n)
	}
	return out, nil
}

func numbers(ns []int) string {
	var out []string
	for _, n := range ns {
		out = append(out, strconv.Itoa(n))
	}
	return strings.Join(out, ",")
}

func (a app) bench(ctx context.Context, b benchOptions) error {
	plan, err := a.benchPlan(ctx, b)
	if err != nil {
		return err
	}
	dialer := &benchlink.Dialer{Options: b.link}
	defer dialer.Close()
	targets, err := a.benchTargets(b, dialer)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil { // before minutes are spent
		return fmt.Errorf("make folder for the results: %w", err)
	}
	progress := a.progress(b.flagOptions, barOnly)
	progress.Stage("bench", "second")
	plan.Version, plan.Now, plan.Progress = version, a.now, benchProgress{a, b.flagOptions, progress}
	records, err := bench.Run(ctx, targets, plan)
	err = errors.Join(err, progress.Close())
	if len(records) == 0 {
		return err
	}
	// What was measured before an interruption is kept.
	return errors.Join(err, a.benchResults(b, records))
}
