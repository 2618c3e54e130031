package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/internal/term"
	"github.com/dupfind/dupfind/store"
)

func (a app) modelsCommand() command {
	return command{
		name: "models", usage: "list the models at hand, and those of servers that the library has vectors of",
		examples: []string{"dupfind models", "dupfind scan ~/Pictures --model my-model.onnx   use one; its manifest my-model.json lies beside it"},
		flags:    modelFlags(),
		run: func(ctx context.Context, o flagOptions, c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			all, err := a.listModels(o)
			if err != nil {
				return err
			}
			served, err := a.servedModels(ctx, o, all)
			if err != nil {
				return err
			}
			all = append(all, served...)
			if o.JSON {
				return a.printJSON(modelsDocument(all))
			}
			if len(all) == 0 {
				return a.lines("No model is at hand. make setup installs the default one; dupfind doctor shows where it was looked for.")
			}
			return a.buffered(func(w io.Writer) error { return modelsText(w, all) })
		},
	}
}

// servedModels lists the models that the library has vectors of and that are
// not on this machine: servers ran them.
func (a app) servedModels(ctx context.Context, o flagOptions, atHand []modelAtHand) (out []modelAtHand, err error) {
	db, err := a.openForReading(ctx, o)
	if errors.Is(err, store.ErrNoDB) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	stats, err := db.Stats(ctx)
	if err != nil {
		return nil, err
	}
	last, err := db.LastModel(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range stats.Models {
		here := slices.ContainsFunc(atHand, func(h modelAtHand) bool { return h.Name == m.Name && h.Digest == m.Digest })
		if here || m.Vectors == 0 {
			continue
		}
		row := modelAtHand{Name: m.Name, Digest: m.Digest, How: foundInLibrary, Dim: m.Dim, Vectors: m.Vectors}
		if manifest, err := embed.ParseManifest([]byte(m.ManifestJSON)); err == nil {
			row.TileSize, row.Source, row.License = manifest.TileSize, manifest.Source, manifest.License
		}
		if b := lastBackend(last); m.ID == last.ModelID && b.isRemote() {
			row.Servers = b.Servers
		}
		out = append(out, row)
	}
	return out, nil
}

// foundInLibrary is how a model is known that is not on this machine.
const foundInLibrary = "library"

// modelsJSON is the document of models --json.
type modelsJSON struct {
	Schema int               `json:"schema"`
	Type   string            `json:"type"` // "models"
	Models []modelAtHandJSON `json:"models"`
}

type modelAtHandJSON struct {
	Name     string `json:"name"`
	Digest   string `json:"digest"`
	Path     string `json:"path"`
	How      string `json:"found"`
	Dim      int    `json:"dim"`
	TileSize int    `json:"tile_size"`
	Default  bool   `json:"default"`
	Source   string `json:"source"`
	License  string `json:"license"`
	Error    string `json:"error,omitempty"`
	// Of a model that servers ran.
	Vectors int      `json:"vectors,omitempty"`
	Servers []string `json:"servers,omitempty"`
}

func modelsDocument(all []modelAtHand) modelsJSON {
	doc := modelsJSON{schema, "models", []modelAtHandJSON{}}
	for _, m := range all {
		j := modelAtHandJSON{m.Name, m.Digest, m.Path, m.How, m.Dim, m.TileSize, m.Default, m.Source, m.License, "", m.Vectors, m.Servers}
		if m.Err != nil {
			j.Error = m.Err.Error()
		}
		doc.Models = append(doc.Models, j)
	}
	return doc
}

func modelsText(w io.Writer, all []modelAtHand) error {
	for _, m := range all {
		name := term.Escape(m.Name)
		if m.Default {
			name += " (default)"
		}
		if m.Err != nil {
			if _, err := fmt.Fprintf(w, "%s\n  cannot be used: %v\n", term.Escape(m.Path), m.Err); err != nil {
				return err
			}
			continue
		}
		if m.How == foundInLibrary {
			if _, err := fmt.Fprintf(w, "%s\n  %s\n", name, servedText(m)); err != nil {
				return err
			}
			continue
		}
		_, err := fmt.Fprintf(w, "%s\n  %d-d vectors of %d x %d tiles\n  %s (%s)\n  %s; licence %s\n", name, m.Dim, m.TileSize, m.TileSize,
			term.Escape(m.Path), m.How, term.Escape(m.Source), term.Escape(m.License))
		if err != nil {
			return err
		}
	}
	return nil
}

func servedText(m modelAtHand) string {
	text := fmt.Sprintf("%d-d vectors of %d x %d tiles\n  at a server", m.Dim, m.TileSize, m.TileSize)
	if len(m.Servers) > 0 {
		text += ", last " + term.Escape(strings.Join(m.Servers, " "))
	}
	return text + "; the library has " + term.Number(m.Vectors, "vector") + " of it"
}
