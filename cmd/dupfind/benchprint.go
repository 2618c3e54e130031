package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/dupfind/dupfind/internal/bench"
	"github.com/dupfind/dupfind/internal/term"
)

// benchProgress shows how far bench is: a bar, and a line for each measurement.
type benchProgress struct {
	a app
	o flagOptions
	p *term.Progress
}

// Set implements bench.Progress.
func (p benchProgress) Set(_, _ string, done, total time.Duration) {
	p.p.Set(int64(done.Seconds()), int64(total.Seconds()))
}

// Measured implements bench.Progress.
func (p benchProgress) Measured(target string, m bench.Measurement) {
	p.a.noteBeside(p.p, p.o, "%s: %s", term.Escape(target), term.EscapeSentence(m.Line()))
}

// benchColumns is how many backends stand beside the figures' names, and
// benchRoom what a line of 80 columns leaves them, the blanks between included.
const (
	benchColumns = 3
	benchRoom    = 80 - 36
)

// benchJSON is the document of bench --json.
type benchJSON struct {
	Schema  int            `json:"schema"`
	Type    string         `json:"type"` // "bench"
	Records []bench.Record `json:"records"`
	Files   []pathJSON     `json:"files"` // that were written
}

// benchResults writes the files and prints the figures. A backend that could
// not be measured in full makes the command fail, after all has been said.
func (a app) benchResults(b benchOptions, records []bench.Record) error {
	files, err := writeBench(b.out, records)
	if err != nil {
		return err
	}
	if b.JSON {
		doc := benchJSON{Schema: schema, Type: "bench", Records: records, Files: []pathJSON{}}
		for _, f := range files {
			doc.Files = append(doc.Files, jsonPath(f))
		}
		err = a.printJSON(doc)
	} else {
		err = a.buffered(func(w io.Writer) error { return benchText(w, records, files) })
	}
	failed := false
	for _, r := range records {
		for _, why := range r.Failures() {
			failed = true
			a.note(b.flagOptions, "%s: %s", term.Escape(r.Name), term.EscapeSentence(why))
		}
	}
	if err == nil && failed {
		err = exitStatus(exitFailed)
	}
	return err
}

func writeBench(dir string, records []bench.Record) (files []string, err error) {
	for _, r := range records {
		f, err := r.Write(dir)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	table, err := bench.WriteTable(dir, records)
	if err != nil {
		return nil, err
	}
	chart, err := bench.WriteChart(dir, records)
	return append(files, table, chart), err
}

// benchText prints the summary, a few backends at a time.
func benchText(w io.Writer, records []bench.Record, files []string) error {
	unsettled := false
	for part := range slices.Chunk(records, benchColumns) {
		t := term.Table{Columns: []term.Column{{}}}
		for range part {
			t.Columns = append(t.Columns, term.Column{Right: true})
		}
		for _, row := range bench.Summary(part) {
			cells := []string{row.Label}
			for _, c := range row.Cells {
				unsettled = unsettled || len(c) > 0 && c[0] == '~'
				cells = append(cells, term.Shorten(term.Escape(c), benchRoom/len(part)-2))
			}
			t.Row(nil, cells...)
		}
		if err := errors.Join(t.Write(w), newLine(w)); err != nil {
			return err
		}
	}
	if unsettled {
		if _, err := fmt.Fprintln(w, "~ did not settle: parts of the measurement differ by more than 5 %"); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "Written to %s: %s\n", term.Escape(filepath.Dir(files[0])), fileNames(files))
	return err
}

func newLine(w io.Writer) error {
	_, err := fmt.Fprintln(w)
	return err
}

func fileNames(files []string) string {
	s := ""
	for i, f := range files {
		if i > 0 {
			s += ", "
		}
		s += term.Escape(filepath.Base(f))
	}
	return s
}
