package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/embed/remote"
	"github.com/dupfind/dupfind/internal/term"
	"github.com/dupfind/dupfind/store"
)

func (a app) statusCommand() command {
	return command{
		name: "status", usage: "say what is known: folders, photos, runs",
		examples: []string{"dupfind status", "dupfind status --json"},
		run: func(ctx context.Context, o flagOptions, c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			db, err := a.openForReading(ctx, o)
			if err != nil {
				return err
			}
			return errors.Join(a.status(ctx, o, db), db.Close())
		},
	}
}

func (a app) status(ctx context.Context, o flagOptions, db *store.DB) error {
	stats, err := db.Stats(ctx)
	if err != nil {
		return err
	}
	runs, err := db.Runs(ctx)
	if err != nil {
		return err
	}
	last, err := db.LastModel(ctx)
	if err != nil {
		return err
	}
	if o.JSON {
		return a.printJSON(statusDocument(db.Path(), stats, runs, last))
	}
	return a.buffered(func(w io.Writer) error { return statusText(w, a.width(), db.Path(), stats, runs, last) })
}

func statusText(w io.Writer, width int, path string, st store.Stats, runs []store.Run, last store.Last) error {
	fmt.Fprintf(w, "Library %s (%s)\n", term.Escape(path), term.Bytes(st.FileBytes))
	fmt.Fprintf(w, "%s, %s without detail; %s kept of photos that are gone; %s\n\nFolders\n",
		term.Number(st.Contents, "different photo"), term.Count(st.LowDetail), term.Count(st.Kept), term.Number(st.Pairs, "pair"))
	t := term.Table{Columns: []term.Column{{Shrink: true}, {Right: true}, {Right: true}, {Right: true}, {Right: true}, {Right: true}, {}}, Indent: 2, Width: width}
	t.Row(nil, "folder", "photos", "size", "skipped", "gone", "moved", "last scan")
	for _, r := range st.Roots {
		t.Row(nil, term.Escape(r.Path), term.Count(r.Photos), term.Bytes(r.PhotoBytes), term.Count(r.Skipped+r.Folders), term.Count(r.Gone), term.Count(r.Removed), when(r.LastScanNS))
	}
	if len(st.Roots) == 0 {
		t = term.Table{Columns: []term.Column{{}}, Indent: 2}
		t.Row(nil, "none yet: dupfind scan ~/Pictures adds one")
	}
	if err := t.Write(w); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nModels\n")
	for _, m := range st.Models {
		mark := ""
		if m.ID == last.ModelID {
			mark = " (last used" + atServers(last) + ")"
		}
		fmt.Fprintf(w, "  %s: %s%s\n", term.Escape(m.Name), term.Number(m.Vectors, "vector"), mark)
	}
	if len(runs) > 0 {
		fmt.Fprintf(w, "\nQuarantine\n")
		t := term.Table{Columns: []term.Column{{}, {Right: true}, {}, {}}, Indent: 2, Width: width}
		t.Row(nil, "run", "in quarantine", "state", "when")
		for _, r := range runs {
			t.Row(nil, term.Escape(r.Name), fmt.Sprintf("%d of %d", r.Moved, r.Moves), string(r.State), when(r.CreatedNS))
		}
		return t.Write(w)
	}
	return nil
}

// atServers says where the last scan embedded, if not on this machine.
func atServers(last store.Last) string {
	b := lastBackend(last)
	if !b.isRemote() {
		return ""
	}
	text := ", at " + term.Escape(b.String())
	if b.Wire != "" && b.Wire != remote.Auto {
		text += " by " + string(b.Wire)
	}
	return text
}

func when(ns int64) string {
	if ns == 0 {
		return "never"
	}
	return time.Unix(0, ns).Format("2006-01-02 15:04")
}

// statusJSON is the document of status --json. Times are RFC 3339.
type statusJSON struct {
	Schema    int         `json:"schema"`
	Type      string      `json:"type"` // "status"
	Library   pathJSON    `json:"library"`
	FileBytes int64       `json:"file_bytes"`
	Contents  int         `json:"contents"`
	LowDetail int         `json:"low_detail"`
	Kept      int         `json:"kept"`
	Pairs     int         `json:"pairs"`
	Roots     []rootJSON  `json:"roots"`
	Models    []modelJSON `json:"models"`
	Skipped   []countJSON `json:"skipped"`
	Runs      []runJSON   `json:"runs"`
	Backend   string      `json:"backend,omitempty"` // of the last scan: "local", or addresses with a space between
}

type rootJSON struct {
	pathJSON
	Photos     int    `json:"photos"`
	PhotoBytes int64  `json:"photo_bytes"`
	Skipped    int    `json:"skipped"`
	Unreadable int    `json:"folders_unreadable"`
	Gone       int    `json:"gone"`
	Moved      int    `json:"moved"`
	LastScan   string `json:"last_scan,omitempty"`
}

type modelJSON struct {
	Name    string `json:"name"`
	Digest  string `json:"digest"`
	Dim     int    `json:"dim"`
	Vectors int    `json:"vectors"`
	Last    bool   `json:"last"`
}

type runJSON struct {
	Name    string `json:"name"`
	State   string `json:"state"`
	Moves   int    `json:"moves"`
	Moved   int    `json:"moved"`
	Created string `json:"created"`
}

func statusDocument(path string, st store.Stats, runs []store.Run, last store.Last) statusJSON {
	doc := statusJSON{
		Schema: schema, Type: "status", Library: jsonPath(path), FileBytes: st.FileBytes, Contents: st.Contents,
		LowDetail: st.LowDetail, Kept: st.Kept, Pairs: st.Pairs,
		Roots: []rootJSON{}, Models: []modelJSON{}, Skipped: []countJSON{}, Runs: []runJSON{},
	}
	if last.ModelID != 0 {
		doc.Backend = lastBackend(last).String()
	}
	for _, r := range st.Roots {
		doc.Roots = append(doc.Roots, rootJSON{jsonPath(r.Path), r.Photos, r.PhotoBytes, r.Skipped, r.Folders, r.Gone, r.Removed, rfc3339(r.LastScanNS)})
	}
	for _, m := range st.Models {
		doc.Models = append(doc.Models, modelJSON{m.Name, m.Digest, m.Dim, m.Vectors, m.ID == last.ModelID})
	}
	for _, r := range st.Skipped {
		doc.Skipped = append(doc.Skipped, countJSON(r))
	}
	for _, r := range runs {
		doc.Runs = append(doc.Runs, runJSON{r.Name, string(r.State), r.Moves, r.Moved, rfc3339(r.CreatedNS)})
	}
	return doc
}

func rfc3339(ns int64) string {
	if ns == 0 {
		return ""
	}
	return time.Unix(0, ns).UTC().Format(time.RFC3339)
}
