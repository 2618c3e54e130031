package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/remote"
)

// localBackend is what --backend calls this machine.
const localBackend = "local"

// remoteFlags say how servers are reached.
func remoteFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: flagTokenFile, Usage: "`FILE` that holds the server's token (also DUPFIND_TOKEN)"},
		&cli.StringFlag{Name: flagCA, Usage: "trust the certificates in `FILE` (PEM) instead of the system's"},
		&cli.StringFlag{Name: flagWire, Usage: "how tiles are sent, `WIRE`: auto, raw, webp (lossless) or jpeg95 (smaller, and a model of its own)", DefaultText: "auto"},
		&cli.BoolFlag{Name: flagAllowRandom, Usage: "take a server whose model has random weights, for trying out"},
	}
}

func priceFlag() cli.Flag {
	return &cli.Float64Flag{Name: flagPrice, Usage: "what the server costs an hour, `N` of any currency: say what the photos cost", DefaultText: "none"}
}

// remoteOptions are the flags about servers, checked.
type remoteOptions struct {
	Backends     []string // as given: "local", or addresses
	TokenFile    string
	CAFile       string // absolute
	Wire         remote.Wire
	AllowRandom  bool
	PricePerHour float64
	given        []string // flags, of those that only servers need
}

func readRemoteOptions(c *cli.Context) (remoteOptions, error) {
	command := c.Command.Name
	r := remoteOptions{
		Backends: c.StringSlice(flagBackend), TokenFile: c.String(flagTokenFile), CAFile: c.String(flagCA),
		Wire: remote.Wire(c.String(flagWire)), AllowRandom: c.Bool(flagAllowRandom), PricePerHour: c.Float64(flagPrice),
	}
	for _, name := range []string{flagTokenFile, flagCA, flagWire, flagAllowRandom, flagPrice} {
		if c.IsSet(name) {
			r.given = append(r.given, name)
		}
	}
	for i, b := range r.Backends {
		if b == localBackend {
			continue
		}
		if err := remote.CheckEndpoint(b); err != nil {
			return r, usagef(command, "--backend %v", err)
		}
		if slices.Contains(r.Backends[:i], b) {
			return r, usagef(command, "--backend %s is given twice", b)
		}
	}
	if r.Wire != "" && !r.Wire.Valid() {
		return r, usagef(command, "--wire %q: give auto, raw, webp or jpeg95", r.Wire)
	}
	if p := r.PricePerHour; math.IsNaN(p) || math.IsInf(p, 0) || p < 0 {
		return r, usagef(command, "--price-per-hour %v is not a price: give a number such as 0.57", p)
	}
	if r.CAFile != "" {
		abs, err := filepath.Abs(r.CAFile)
		if err != nil {
			return r, fmt.Errorf("resolve %q: %w", r.CAFile, err)
		}
		r.CAFile = abs
	}
	return r, nil
}

// servers is what embed/remote wants to know of a choice. The token is read
// here and never stored.
func (a app) servers(r remoteOptions, b backendChoice) (o remote.Options, err error) {
	o = remote.Options{Endpoints: b.Servers, CAFile: b.CAFile, Wire: b.Wire, AllowRandom: b.AllowRandom}
	if o.Token, err = a.token(r.TokenFile); err != nil {
		return o, err
	}
	o.Model, o.Manifest, err = modelAtServer(b.Model)
	return o, err
}

// errToken is a token that cannot be one.
var errToken = errors.New("the token is not a line of plain text")

// maxTokenBytes is far above what tokens have: a larger file is another file.
const maxTokenBytes = 16 << 10

// token reads the token from the file named, else from the environment.
func (a app) token(file string) (string, error) {
	if file == "" {
		return cleanToken(a.getenv(envToken), envToken)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTokenBytes+1))
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	t, err := cleanToken(string(b), "--token-file")
	if err == nil && t == "" {
		err = fmt.Errorf("--token-file: %w (it is empty)", errToken)
	}
	return t, err
}

// cleanToken takes the end of the line away. The text is never shown.
func cleanToken(s, from string) (string, error) {
	s = strings.TrimSpace(s)
	plain := func(r rune) bool { return r > ' ' && r < 0x7f }
	if len(s) > maxTokenBytes || strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) >= 0 {
		return "", fmt.Errorf("%s: %w", from, errToken)
	}
	return s, nil
}

// modelAtServer reads --model for servers: the model's name there, or a
// manifest file for servers that do not tell what their model is.
func modelAtServer(flag string) (name string, m *embed.Manifest, err error) {
	if !strings.HasSuffix(flag, ".json") {
		return flag, nil, nil
	}
	b, err := os.ReadFile(flag)
	if err != nil {
		return "", nil, fmt.Errorf("read manifest: %w", err)
	}
	manifest, err := embed.ParseManifest(b)
	if err != nil {
		return "", nil, fmt.Errorf("%q: %w", flag, err)
	}
	if manifest.Digest == "" {
		return "", nil, fmt.Errorf("%q has no digest, which tells the model from others of its name", flag)
	}
	return manifest.Name, &manifest, nil
}
