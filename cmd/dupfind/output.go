package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/dupfind/dupfind/internal/term"
)

// schema is the version of every JSON document: fields are added, never renamed.
const schema = 1

// progressMode says where progress goes.
type progressMode int

const (
	barOnly progressMode = iota // a bar, where there is a terminal
	stream                      // under --json: lines on stdout, before the summary
)

// progress shows how far a command is.
func (a app) progress(o flagOptions, m progressMode) *term.Progress {
	p := term.ProgressOptions{Mode: term.None, W: a.stderr, Now: a.now, Width: func() int { return term.Width(a.stderr, a.getenv) }}
	switch {
	case o.Quiet:
	case o.JSON && m == stream:
		p.Mode, p.W = term.JSONLines, a.stdout
	case a.terminal(a.stderr) && !term.Dumb(a.getenv) && !o.JSON:
		p.Mode = term.Bar
		p.Paint = a.paint(o)
	}
	return term.NewProgress(p)
}

func (a app) paint(flagOptions) term.Paint {
	return term.Paint{On: term.UseColour(term.ColourAuto, a.terminal(a.stdout), a.getenv)}
}

// width is that of the terminal that results go to; 0: lines need not fit.
func (a app) width() int { return term.Width(a.stdout, a.getenv) }

// printJSON writes one document, indented for people who look at it.
func (a app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printJSONLine writes one line of a stream.
func (a app) printJSONLine(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// buffered gives f a buffered stdout and flushes it.
func (a app) buffered(f func(w io.Writer) error) error {
	w := bufio.NewWriterSize(a.stdout, 1<<16)
	if err := f(w); err != nil {
		return err // of the same writer: a flush would say it again
	}
	return w.Flush()
}

// pathJSON is a path in JSON: as text, and as base64 where it is not UTF-8.
type pathJSON struct {
	Path       string `json:"path"`
	PathBase64 string `json:"path_base64,omitempty"`
}

func jsonPath(p string) pathJSON {
	if utf8.ValidString(p) {
		return pathJSON{Path: p}
	}
	return pathJSON{Path: p, PathBase64: base64.StdEncoding.EncodeToString([]byte(p))}
}

// lines prints lines of text to stdout.
func (a app) lines(lines ...string) error {
	return a.buffered(func(w io.Writer) error {
		for _, l := range lines {
			if _, err := fmt.Fprintln(w, l); err != nil {
				return err
			}
		}
		return nil
	})
}
