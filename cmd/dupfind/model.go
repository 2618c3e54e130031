package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/local"
	"github.com/dupfind/dupfind/store"
)

// modelChoice is a model that can be run.
type modelChoice struct {
	Manifest embed.Manifest // with its digest
	Flag     string         // how the user named it, for the next scan; "" is the default
	Where    string         // the file
	Open     func(ctx context.Context) (embed.Backend, error)
}

// modelAtHand is a row of `dupfind models`.
type modelAtHand struct {
	Name, Digest, Path, How, Source, License string
	Dim, TileSize                            int
	Default                                  bool
	Err                                      error

	Vectors int      // in the library, of a model that is not on this machine
	Servers []string // that ran it last
}

// locateOptions says where models and the runtime are looked for.
func locateOptions(o flagOptions) local.LocateOptions {
	return local.LocateOptions{Library: o.ONNXRuntime, Model: o.Model}
}

// pickLocalModel finds the model and the library that runs it on this machine.
func pickLocalModel(o flagOptions) (modelChoice, error) {
	found, err := local.Locate(locateOptions(o))
	if err != nil {
		return modelChoice{}, err
	}
	m := found.Model.Manifest
	if m.Digest == "" {
		if m.Digest, err = digest(found.Model.Path); err != nil {
			return modelChoice{}, err
		}
	}
	options := found.Options()
	options.Manifest = m
	return modelChoice{
		Manifest: m, Flag: o.Model, Where: found.Model.Path,
		Open: func(ctx context.Context) (embed.Backend, error) { return local.Open(ctx, options) },
	}, nil
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read model: %w", err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

func listLocalModels(o flagOptions) ([]modelAtHand, error) {
	var out []modelAtHand
	for _, m := range local.Models(locateOptions(o)) {
		out = append(out, modelAtHand{
			Name: m.Manifest.Name, Digest: m.Manifest.Digest, Path: m.Path, How: m.How,
			Source: m.Manifest.Source, License: m.Manifest.License,
			Dim: m.Manifest.Dim, TileSize: m.Manifest.TileSize, Default: m.Default, Err: m.Err,
		})
	}
	return out, nil
}

// ensureModel gives the model its number in the store.
func ensureModel(ctx context.Context, db *store.DB, m embed.Manifest) (int64, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return 0, fmt.Errorf("encode manifest: %w", err)
	}
	return db.EnsureModel(ctx, store.Model{Name: m.Name, Digest: m.Digest, Dim: m.Dim, ManifestJSON: string(b)})
}

// storedModel is a model that has vectors in the library.
type storedModel struct {
	ID       int64
	Manifest embed.Manifest
}

var errNoScan = errors.New("nothing has been scanned yet")

// knownModel finds the model that a report is about: the one named, by name or
// by the start of its digest, or the last scan's.
func knownModel(ctx context.Context, db *store.DB, name string) (storedModel, error) {
	all, err := db.Models(ctx)
	if err != nil {
		return storedModel{}, err
	}
	last, err := db.LastModel(ctx)
	if err != nil {
		return storedModel{}, err
	}
	var fits []store.Model
	for _, m := range all {
		if (name == "" && m.ID == last.ModelID) || (name != "" && modelFits(m, name)) {
			fits = append(fits, m)
		}
	}
	switch {
	case len(fits) == 0 && name == "":
		return storedModel{}, errNoScan
	case len(fits) == 0:
		return storedModel{}, fmt.Errorf("no scan has used a model named %q; dupfind status lists those that were", name)
	case len(fits) > 1:
		return storedModel{}, fmt.Errorf("two models are named %q; add the digest: %s@%s or %s@%s", name,
			fits[0].Name, fits[0].Digest, fits[1].Name, fits[1].Digest)
	}
	manifest, err := embed.ParseManifest([]byte(fits[0].ManifestJSON))
	if err != nil {
		return storedModel{}, fmt.Errorf("read manifest of model %s: %w", fits[0].Name, err)
	}
	return storedModel{ID: fits[0].ID, Manifest: manifest}, nil
}

func modelFits(m store.Model, name string) bool {
	return m.Name == name || m.Digest == name || m.Name+"@"+m.Digest == name
}
