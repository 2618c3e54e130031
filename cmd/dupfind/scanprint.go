package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/internal/ingest"
	"github.com/dupfind/dupfind/internal/term"
	"github.com/dupfind/dupfind/scan"
)

// scanJSON is the last line of scan --json. seen = compared + skipped.
type scanJSON struct {
	Schema          int           `json:"schema"`
	Type            string        `json:"type"` // "summary"
	Model           string        `json:"model"`
	Seen            int           `json:"seen"`
	Compared        int           `json:"compared"`
	Skipped         int           `json:"skipped"`
	Unchanged       int           `json:"unchanged"`
	Embedded        int           `json:"embedded"`
	Copies          int           `json:"copies"`
	LowDetail       int           `json:"low_detail"`
	Remembered      int           `json:"remembered"`
	HardLinks       int           `json:"hard_links"`
	Gone            int           `json:"gone"`
	NowLeftOut      int           `json:"now_left_out"`
	NotPhotos       int           `json:"not_photos"`
	SizeBytes       int64         `json:"size_bytes"`
	FoldersUnread   int           `json:"folders_unreadable"`
	Reasons         []countJSON   `json:"reasons"`
	LeftOut         []leftOutJSON `json:"left_out"`
	NotHere         []notHereJSON `json:"not_here"`
	Pairs           int64         `json:"pairs_found"`
	Searched        int           `json:"photos_searched"`
	Interrupted     bool          `json:"interrupted"`
	DurationSeconds float64       `json:"duration_seconds"`
	Backend         string        `json:"backend"`
	Sent            *sentJSON     `json:"sent,omitempty"`
}

type countJSON struct {
	Reason string `json:"reason"`
	Files  int    `json:"files"`
}

type leftOutJSON struct {
	Rule    string `json:"rule"`
	Folders int64  `json:"folders"`
	Files   int64  `json:"files"`
}

type notHereJSON struct {
	pathJSON
	Why string `json:"why"`
}

func (a app) printScan(s scanOptions, d scanned) error {
	if s.JSON {
		return a.printJSONLine(scanDocument(s, d))
	}
	if s.Quiet {
		return nil
	}
	return a.lines(scanLines(s, d)...)
}

func scanDocument(s scanOptions, d scanned) scanJSON {
	out := scanJSON{
		Schema: schema, Type: "summary", Model: d.model.manifest().Key(),
		Seen: d.sum.Seen, Compared: d.sum.Compared, Skipped: d.sum.Skipped,
		Unchanged: d.sum.Unchanged, Embedded: d.sum.Embedded, Copies: d.sum.Copies, LowDetail: d.sum.LowDetail,
		Remembered: d.sum.Remembered, HardLinks: d.sum.HardLinks, Gone: d.sum.Gone, NowLeftOut: d.sum.NowLeftOut, NotPhotos: d.sum.Others,
		SizeBytes: d.sum.SizeBytes, FoldersUnread: d.sum.Problems,
		Reasons: []countJSON{}, LeftOut: leftOutRows(d.sum.LeftOut), NotHere: []notHereJSON{},
		Pairs: d.search.Pairs, Searched: d.search.New,
		Interrupted: d.sum.Interrupted, DurationSeconds: d.took.Seconds(),
		Backend: d.model.backend().String(),
	}
	if st, ok := d.model.sent(); ok {
		out.Sent = sentDocument(s, d.model, st)
	}
	for _, r := range d.sum.Reasons {
		out.Reasons = append(out.Reasons, countJSON(r))
	}
	for _, r := range d.sum.NotHere {
		out.NotHere = append(out.NotHere, notHereJSON{jsonPath(r.Path), r.Why})
	}
	return out
}

func leftOutRows(c scan.Counts) []leftOutJSON {
	out := []leftOutJSON{}
	for rule, t := range c.LeftOut() {
		if t != (scan.Tally{}) {
			out = append(out, leftOutJSON{string(rule), t.Folders, t.Files})
		}
	}
	return out
}

// scanLines is the summary for a person. Lines without news are left out.
func scanLines(o scanOptions, d scanned) []string {
	s := d.sum
	head := fmt.Sprintf("%s seen (%s) in %s: %s compared, %s skipped", term.Number(s.Seen, "photo"), term.Bytes(s.SizeBytes),
		term.Duration(d.took), term.Count(s.Compared), term.Count(s.Skipped))
	if s.Interrupted {
		head = "Interrupted; what was done is saved, and the next scan goes on from here.\n" + head
	}
	out := []string{head}
	add := func(label, format string, args ...any) {
		out = append(out, fmt.Sprintf("  %-10s %s", label, fmt.Sprintf(format, args...)))
	}
	if n := s.Embedded + s.Copies + s.LowDetail; n > 0 {
		add("new", "%s", newText(s, d.took))
	}
	if s.Unchanged > 0 {
		add("unchanged", "%s", term.Count(s.Unchanged))
	}
	if s.HardLinks > 0 {
		add("links", "%s: further names of photos counted above", term.Number(s.HardLinks, "hard link"))
	}
	if s.Gone > 0 {
		add("gone", "%s not there any more (remembered; dupfind forget drops them)", term.Number(s.Gone, "photo"))
	}
	if s.NowLeftOut > 0 {
		add("now out", "%s known from before, left out by a rule now (remembered)", term.Number(s.NowLeftOut, "photo"))
	}
	if s.Skipped > 0 {
		add("skipped", "%s", skippedText(s))
	}
	if s.Problems > 0 {
		add("unread", "%s could not be read (dupfind skipped lists them)", term.Number(s.Problems, "folder"))
	}
	if t := leftOutText(s); t != "" {
		add("left out", "%s", t)
	}
	for _, r := range s.NotHere {
		add("not here", "%s: %s; nothing of it was marked as gone", term.Escape(r.Path), r.Why)
	}
	if st, ok := d.model.sent(); ok {
		for i, line := range sentLines(o, d.model, st) {
			add([]string{"sent", ""}[i], "%s", line)
		}
	}
	switch {
	case d.tooMany != nil:
		out = append(out, fmt.Sprintf("There are %v: more than can be kept. A report searches anew at its own threshold; try dupfind report --threshold 0.98.", d.tooMany))
	case d.searched:
		out = append(out, pairsText(o, d))
	}
	return out
}

func newText(s ingest.Summary, took time.Duration) string {
	parts := []string{term.Count(s.Embedded) + " embedded"}
	if sec := took.Seconds(); sec > 0 && s.Embedded > 0 {
		parts[0] += " (" + term.Rate(float64(s.Embedded)/sec) + ")"
	}
	if s.Copies > 0 {
		parts = append(parts, term.Number(s.Copies, "copy", "copies")+" of known content")
	}
	if s.LowDetail > 0 {
		parts = append(parts, term.Count(s.LowDetail)+" without detail, compared by pixels alone")
	}
	return strings.Join(parts, ", ")
}

func skippedText(s ingest.Summary) string {
	var parts []string
	for _, r := range s.Reasons {
		parts = append(parts, fmt.Sprintf("%s %s", term.Count(r.Files), r.Reason))
	}
	text := strings.Join(parts, ", ")
	if s.Remembered > 0 {
		text += fmt.Sprintf("; %s known from earlier scans", term.Count(s.Remembered))
	}
	return text + " (dupfind skipped lists them)"
}

func leftOutText(s ingest.Summary) string {
	var parts []string
	for rule, t := range s.LeftOut.LeftOut() {
		var n []string
		if t.Folders > 0 {
			n = append(n, term.Number(t.Folders, "folder"))
		}
		if t.Files > 0 {
			n = append(n, term.Number(t.Files, "file"))
		}
		if len(n) > 0 {
			parts = append(parts, string(rule)+": "+strings.Join(n, " and "))
		}
	}
	if s.Others > 0 {
		parts = append(parts, "no photos: "+term.Number(s.Others, "file"))
	}
	return strings.Join(parts, "; ")
}

func pairsText(o scanOptions, d scanned) string {
	if d.search.New == 0 {
		return "Nothing new to compare. Next: " + o.next("report")
	}
	return fmt.Sprintf("%s compared with all %s: %s proposed down to similarity %.2f. Next: %s",
		term.Number(d.search.New, "new photo"), term.Count(d.search.Vectors), term.Number(d.search.Pairs, "pair"), searchFloor, o.next("report"))
}

// reasonText says in a sentence why a file was skipped.
func reasonText(reason string) string {
	if r := scan.Reason(reason); r.Valid() {
		return "The file " + r.Text() + "."
	}
	if r := decode.Reason(reason); r.Valid() {
		return r.Text()
	}
	if reason == ingest.NotEmbedded {
		return ingest.NotEmbeddedText
	}
	return reason
}

// previewJSON is the document of scan --dry-run --json.
type previewJSON struct {
	Schema     int           `json:"schema"`
	Type       string        `json:"type"` // "preview"
	Open       int           `json:"open"`
	OpenBytes  int64         `json:"open_bytes"`
	Unchanged  int           `json:"unchanged"`
	Remembered int           `json:"remembered"`
	HardLinks  int           `json:"hard_links"`
	Unreadable int           `json:"unreadable"`
	Gone       int           `json:"gone"`
	NowLeftOut int           `json:"now_left_out"`
	LeftOut    []leftOutJSON `json:"left_out"`
	NotHere    []notHereJSON `json:"not_here"`
	Send       *sendingJSON  `json:"send,omitempty"`
}

func (a app) printDryRun(s scanOptions, pre ingest.Preview, away []ingest.RootNotHere, plan *sending) error {
	price := s.remote.PricePerHour
	if s.JSON {
		doc := previewJSON{schema, "preview", pre.Open, pre.OpenBytes, pre.Unchanged, pre.Remembered, pre.HardLinks, pre.Unreadable,
			pre.Gone, pre.NowLeftOut, leftOutRows(pre.LeftOut), []notHereJSON{}, plan.document(price)}
		for _, r := range away {
			doc.NotHere = append(doc.NotHere, notHereJSON{jsonPath(r.Path), r.Why})
		}
		return a.printJSONLine(doc)
	}
	out := []string{
		fmt.Sprintf("A scan would open %s (%s) and leave %s as known.", term.Number(pre.Open, "photo"), term.Bytes(pre.OpenBytes), term.Count(pre.Unchanged+pre.Remembered)),
	}
	if plan != nil {
		out = append(out, plan.lines(price)...)
	}
	if pre.Gone > 0 {
		out = append(out, fmt.Sprintf("It would mark %s as gone.", term.Number(pre.Gone, "photo")))
	}
	if pre.NowLeftOut > 0 {
		out = append(out, fmt.Sprintf("It would leave out %s known from before.", term.Number(pre.NowLeftOut, "photo")))
	}
	if pre.Unreadable > 0 {
		out = append(out, fmt.Sprintf("It could not read %s.", term.Number(pre.Unreadable, "entry", "entries")))
	}
	if t := leftOutText(ingest.Summary{LeftOut: pre.LeftOut}); t != "" {
		out = append(out, "It would leave out "+t+".")
	}
	for _, r := range away {
		out = append(out, fmt.Sprintf("%s is not here: %s.", term.Escape(r.Path), r.Why))
	}
	return a.lines(append(out, "Nothing was changed.")...)
}
