package main

import (
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/internal/term"
)

func (a app) modelsCommand() command {
	return command{
		name: "models", usage: "list the models at hand",
		examples: []string{"dupfind models", "dupfind scan ~/Pictures --model my-model.onnx   use one; its manifest my-model.json lies beside it"},
		flags:    modelFlags(),
		run: func(_ context.Context, o flagOptions, c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			all, err := a.listModels(o)
			if err != nil {
				return err
			}
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
}

func modelsDocument(all []modelAtHand) modelsJSON {
	doc := modelsJSON{schema, "models", []modelAtHandJSON{}}
	for _, m := range all {
		j := modelAtHandJSON{m.Name, m.Digest, m.Path, m.How, m.Dim, m.TileSize, m.Default, m.Source, m.License, ""}
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
		_, err := fmt.Fprintf(w, "%s\n  %d-d vectors of %d x %d tiles\n  %s (%s)\n  %s; licence %s\n", name, m.Dim, m.TileSize, m.TileSize,
			term.Escape(m.Path), m.How, term.Escape(m.Source), term.Escape(m.License))
		if err != nil {
			return err
		}
	}
	return nil
}
