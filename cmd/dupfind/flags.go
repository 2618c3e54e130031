package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/internal/match"
)

// The flags' names, once each: a misspelt name would read as the zero value.
const (
	flagDB            = "db"
	flagJSON          = "json"
	flagQuiet         = "quiet"
	flagVerbose       = "verbose"
	flagModel         = "model"
	flagONNXRuntime   = "onnxruntime"
	flagExclude       = "exclude"
	flagIfPresent     = "exclude-if-present"
	flagOneFileSystem = "one-file-system"
	flagVerify        = "verify"
	flagDryRun        = "dry-run"
	flagJobs          = "jobs"
	flagThreshold     = "threshold"
	flagFormat        = "format"
	flagKinds         = "kinds"
	flagMinSize       = "min-size"
	flagNull          = "null"
	flagTo            = "to"
	flagYes           = "yes"
	flagLast          = "last"
	flagAll           = "all"
	flagOnly          = "only"
	flagBackend       = "backend"
	flagTokenFile     = "token-file"
	flagCA            = "ca"
	flagWire          = "wire"
	flagAllowRandom   = "allow-random"
	flagPrice         = "price-per-hour"
)

// Environment variables, for people who set a thing once.
const (
	envDB    = "DUPFIND_DB"
	envToken = "DUPFIND_TOKEN"
)

// flagOptions are the flags that every command has.
type flagOptions struct {
	DB      string
	dbNamed bool // by --db: a command to type next must name it, too
	JSON    bool
	Quiet   bool
	Verbose bool

	Model       string // --model, where the command has it
	ONNXRuntime string
}

func commonFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: flagDB, Usage: "the library's `FILE` (also DUPFIND_DB)", DefaultText: "in your data folder"},
		&cli.BoolFlag{Name: flagJSON, Usage: "print JSON; progress and errors too"},
		&cli.BoolFlag{Name: flagQuiet, Aliases: []string{"q"}, Usage: "no progress and no remarks; scan prints no summary"},
		&cli.BoolFlag{Name: flagVerbose, Usage: "say more on stderr"},
	}
}

func (a app) commonOptions(c *cli.Context) (flagOptions, error) {
	o := flagOptions{
		DB: c.String(flagDB), JSON: c.Bool(flagJSON), Quiet: c.Bool(flagQuiet), Verbose: c.Bool(flagVerbose),
		Model: c.String(flagModel), ONNXRuntime: c.String(flagONNXRuntime),
	}
	o.dbNamed = o.DB != ""
	if o.DB == "" {
		o.DB = a.getenv(envDB)
	}
	if o.DB == "" {
		dir, err := a.dataDir()
		if err != nil {
			return o, err
		}
		o.DB = filepath.Join(dir, "dupfind.db")
	}
	return o, nil
}

// next is a command to type next, on the same library.
func (o flagOptions) next(command string) string {
	if o.dbNamed {
		return "dupfind " + command + " --db " + shellQuote(o.DB)
	}
	return "dupfind " + command
}

// shellQuote quotes what a shell would take apart.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r == '/' || r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// dataDir is where the library is kept by default: never in a cache folder,
// which people are told they may delete.
func (a app) dataDir() (string, error) {
	if d := a.getenv("XDG_DATA_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "dupfind"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find your data folder: %w; name the library with --db FILE", err)
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "dupfind"), nil
	}
	return filepath.Join(home, ".local", "share", "dupfind"), nil
}

// threshold reads --threshold, a similarity.
func threshold(c *cli.Context) (float64, error) {
	t := c.Float64(flagThreshold)
	if math.IsNaN(t) || t <= 0 || t > 1 {
		return 0, usagef(c.Command.Name, "--threshold %v is not a similarity: give a number above 0 and at most 1, such as 0.95", t)
	}
	return t, nil
}

// kinds reads --kinds, a comma-separated list; nil when the flag is not given.
func kinds(c *cli.Context) ([]match.Kind, error) {
	if !c.IsSet(flagKinds) {
		return nil, nil
	}
	ks, err := match.ParseKinds(c.String(flagKinds))
	if err != nil {
		return nil, usagef(c.Command.Name, "--kinds: %v", err)
	}
	return ks, nil
}

// sizeBytes reads a size such as 500k, 2M or 1.5G (powers of 1000).
func sizeBytes(command, s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	unit := 1.0
	number := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(s), "b"), "i")
	for suffix, u := range map[string]float64{"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12} {
		if n, ok := strings.CutSuffix(number, suffix); ok {
			number, unit = n, u
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(n) || n < 0 || n*unit > 1e15 {
		return 0, usagef(command, "%q is not a size: give bytes, or a number with k, M or G", s)
	}
	return int64(n * unit), nil
}
