package main

import (
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/dupfind/dupfind/internal/quarantine"
	"github.com/dupfind/dupfind/internal/term"
)

// movesJSON is the document of quarantine --json and restore --json.
type movesJSON struct {
	Schema    int         `json:"schema"`
	Type      string      `json:"type"` // "quarantine", "quarantine-plan" or "restore"
	Runs      []string    `json:"runs"`
	Folders   []pathJSON  `json:"folders"`
	Manifests []pathJSON  `json:"manifests"`
	Bytes     int64       `json:"bytes"`
	Items     []moveJSON  `json:"items"`
	Counts    []countOutJ `json:"counts"`
}

type moveJSON struct {
	pathJSON
	Dest      string   `json:"dest,omitempty"`
	DestB64   string   `json:"dest_base64,omitempty"`
	Keeper    string   `json:"keeper,omitempty"`
	KeeperB64 string   `json:"keeper_base64,omitempty"`
	Kind      string   `json:"kind,omitempty"`
	SizeBytes int64    `json:"size_bytes"`
	Outcome   string   `json:"outcome"`
	Reason    string   `json:"reason,omitempty"`
	Detail    string   `json:"detail,omitempty"`
	Lacks     []string `json:"keeper_lacks"`
}

type countOutJ struct {
	Outcome string `json:"outcome"`
	Files   int    `json:"files"`
}

var outcomes = []quarantine.Outcome{
	quarantine.Planned, quarantine.Moved, quarantine.Restored, quarantine.AlreadyBack,
	quarantine.Held, quarantine.Refused, quarantine.Failed, quarantine.Gone,
}

func movesDocument(kind string, r quarantine.Result) movesJSON {
	doc := movesJSON{
		Schema: schema, Type: kind, Runs: append([]string{}, r.Runs...), Bytes: r.Bytes,
		Folders: []pathJSON{}, Manifests: []pathJSON{}, Items: []moveJSON{}, Counts: []countOutJ{},
	}
	for _, f := range r.Folders {
		doc.Folders = append(doc.Folders, jsonPath(f))
	}
	for _, f := range r.Manifests {
		doc.Manifests = append(doc.Manifests, jsonPath(f))
	}
	for _, i := range r.Items {
		doc.Items = append(doc.Items, moveJSON{
			jsonPath(i.Path), i.Dest, jsonPath(i.Dest).PathBase64, i.Keeper, jsonPath(i.Keeper).PathBase64, i.Kind, i.SizeBytes, string(i.Outcome), string(i.Reason), i.Detail, append([]string{}, i.Lacks...),
		})
	}
	for _, o := range outcomes {
		if n := r.Count(o); n > 0 {
			doc.Counts = append(doc.Counts, countOutJ{string(o), n})
		}
	}
	return doc
}

// planResult gives a plan the form of a result.
func planResult(p *quarantine.Plan) quarantine.Result {
	r := quarantine.Result{Bytes: p.Bytes}
	for _, m := range p.Moves {
		r.Items = append(r.Items, quarantine.Item{
			Path: m.Copy.Path(), Dest: m.Dest, Keeper: m.Keeper.Path(), Kind: m.Kind, Lacks: m.Lacks,
			SizeBytes: m.Copy.SizeBytes, Outcome: quarantine.Planned,
		})
	}
	r.Items = append(r.Items, p.Held...)
	return r
}

// printPlanned shows a plan that is not carried out.
func (a app) printPlanned(f findOptions, p *quarantine.Plan, dryRun bool) error {
	if f.JSON {
		return a.printJSON(movesDocument("quarantine-plan", planResult(p)))
	}
	text := planText(p, a.width())
	switch {
	case len(p.Moves) == 0:
		text += "Nothing to move.\n"
	case dryRun:
		text += fmt.Sprintf("%s (%s) would be moved. Nothing was changed.\n",
			term.Number(len(p.Moves), "copy", "copies"), term.Bytes(p.Bytes))
	}
	return a.buffered(func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
}

// planText lists what would move, beside its keeper, and what is held back.
func planText(p *quarantine.Plan, width int) string {
	var b strings.Builder
	r := planResult(p)
	base := term.CommonFolder(itemPaths(r.Items))
	if base != "" {
		fmt.Fprintf(&b, "Paths are below %s\n\n", term.Escape(base))
	}
	if len(p.Moves) > 0 {
		t := term.Table{Columns: []term.Column{{}, {Right: true}, {Shrink: true}, {Shrink: true}}, Indent: 2, Width: width}
		t.Row(nil, "kind", "size", "copy", "kept")
		for _, m := range p.Moves {
			t.Row(nil, m.Kind, term.Bytes(m.Copy.SizeBytes), shown(m.Copy.Path(), base), shown(m.Keeper.Path(), base))
		}
		_ = t.Write(&b) // a Builder never fails
		b.WriteByte('\n')
		writeLacks(&b, p.Moves, base)
	}
	writeItems(&b, "Held back:", p.Held, base)
	return b.String()
}

// writeLacks says before the move what would be out of the way with a copy and
// is not in its keeper.
func writeLacks(b *strings.Builder, moves []quarantine.PlannedMove, base string) {
	title := "These have what the kept one lacks; restore brings it back:\n"
	for _, m := range moves {
		if len(m.Lacks) == 0 {
			continue
		}
		fmt.Fprintf(b, "%s  %s: %s\n", title, shown(m.Copy.Path(), base), term.Escape(strings.Join(m.Lacks, ", ")))
		title = ""
	}
	if title == "" {
		b.WriteByte('\n')
	}
}

func writeItems(b *strings.Builder, title string, items []quarantine.Item, base string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintln(b, title)
	var reasons []string // each once, in the order of the items
	paths := map[string][]string{}
	for _, i := range items {
		r := itemReason(i)
		if paths[r] == nil {
			reasons = append(reasons, r)
		}
		paths[r] = append(paths[r], shown(i.Path, base))
	}
	for _, r := range reasons {
		for _, p := range paths[r] {
			fmt.Fprintf(b, "  %s\n", p)
		}
		fmt.Fprintf(b, "      %s\n", r)
	}
	b.WriteByte('\n')
}

// shown is a path below base, made harmless.
func shown(path, base string) string { return term.Escape(strings.TrimPrefix(path, base)) }

// itemPaths yields the paths of items and of their keepers.
func itemPaths(items []quarantine.Item) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, i := range items {
			if !yield(i.Path) || (i.Keeper != "" && !yield(i.Keeper)) {
				return
			}
		}
	}
}

// printMoved shows what a quarantine or a restore did.
func (a app) printMoved(f findOptions, kind string, r quarantine.Result) error {
	if f.JSON {
		return a.printJSON(movesDocument(kind, r))
	}
	var b strings.Builder
	for _, o := range outcomes {
		var items []quarantine.Item
		for _, i := range r.Items {
			if i.Outcome == o && o != quarantine.Moved && o != quarantine.Restored && o != quarantine.Planned {
				items = append(items, i)
			}
		}
		writeItems(&b, outcomeTitle(o), items, "")
	}
	switch {
	case kind == "restore" && r.Count(quarantine.Restored) == 0 && r.Complete():
		b.WriteString("Nothing to restore: all is back already.\n")
	case kind == "restore":
		fmt.Fprintf(&b, "Restored %s (%s).\n", term.Number(r.Count(quarantine.Restored), "photo"), term.Bytes(r.Bytes))
	case r.Count(quarantine.Moved) > 0:
		fmt.Fprintf(&b, "Moved %s (%s) to\n", term.Number(r.Count(quarantine.Moved), "copy", "copies"), term.Bytes(r.Bytes))
		for _, folder := range r.Folders {
			fmt.Fprintf(&b, "  %s\n", term.Escape(folder))
		}
		fmt.Fprintf(&b, "To put them back: %s\n", f.next("restore --last"))
	default:
		b.WriteString("Nothing was moved.\n")
	}
	return a.buffered(func(w io.Writer) error { _, err := io.WriteString(w, b.String()); return err })
}

func outcomeTitle(o quarantine.Outcome) string {
	switch o {
	case quarantine.Held:
		return "Held back:"
	case quarantine.Refused:
		return "Refused, because a check failed at the last moment:"
	case quarantine.Failed:
		return "Failed, because the system did not allow it:"
	case quarantine.AlreadyBack:
		return "Already where they were:"
	case quarantine.Gone:
		return "Not found, neither in the quarantine nor where they were:"
	}
	return string(o)
}

// recoveredLines says what was done about a run that had been killed.
func recoveredLines(r quarantine.Recovered) []string {
	var out []string
	if len(r.Runs) > 0 {
		out = append(out, fmt.Sprintf("an interrupted run was brought to its end: %s (%s)", strings.Join(r.Runs, ", "), term.Number(len(r.Items), "photo")))
	}
	for _, p := range r.Problems {
		out = append(out, "while finishing an interrupted run: "+p)
	}
	return out
}

func itemReason(i quarantine.Item) string {
	text := i.Reason.Text()
	switch {
	case text == "":
		return term.Escape(i.Detail)
	case i.Detail != "" && i.Detail != text:
		return text + " (" + term.Escape(i.Detail) + ")"
	}
	return text
}
