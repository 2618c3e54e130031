package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"

	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/internal/term"
)

// TableOptions say how a report looks at a terminal.
type TableOptions struct {
	Width int // in columns; 0: lines need not fit
	Paint term.Paint
	// MaxMembers is how many members of a group are listed; a line says how
	// many more there are. 0: 20, below 0: all.
	MaxMembers int
}

// maxMembers is enough to see what a burst or a pile of copies is.
const maxMembers = 20

// WriteTable writes the document for a person.
func WriteTable(w io.Writer, d *Document, o TableOptions) (err error) {
	b := bufio.NewWriter(w)
	defer func() { err = errors.Join(err, b.Flush()) }()
	if o.MaxMembers == 0 {
		o.MaxMembers = maxMembers
	}
	t := &table{w: b, d: d, o: o, base: term.CommonFolder(paths(d)), number: map[string]int{}}
	for i := range d.Groups {
		t.number[d.Groups[i].ID] = i + 1
	}
	if len(d.Groups) > 0 && t.base != "" {
		t.text("Paths are below " + term.Escape(t.base))
		t.text("")
	}
	if err := t.groups(); err != nil {
		return err
	}
	t.summary()
	return nil
}

type table struct {
	w      *bufio.Writer
	d      *Document
	o      TableOptions
	base   string         // the folder that all paths are in, with its '/'; "" when there is none worth naming
	number map[string]int // of groups by ID, counted from 1 as their heads do
	named  []string       // commands that the text has named
}

// columns of a group: role, path, kind, similarity, dimensions, size.
var columns = []term.Column{{}, {Shrink: true, Own: true}, {}, {Right: true}, {Right: true}, {Right: true}}

// groups writes all groups. On a terminal they share their columns. In a file
// each has its own: there one long path would push the numbers of all others
// far to the right.
func (t *table) groups() error {
	lay := &term.Table{Columns: columns, Indent: 2, Width: t.o.Width}
	for i := range t.d.Groups {
		t.group(lay, i)
		if t.o.Width == 0 {
			if err := lay.Write(t.w); err != nil {
				return err
			}
		}
	}
	return lay.Write(t.w)
}

// group lays out a group: its head, then a row for each file with the remarks
// below it.
func (t *table) group(lay *term.Table, i int) {
	g, paint := &t.d.Groups[i], t.o.Paint
	head := fmt.Sprintf("Group %s of %s", term.Count(i+1), term.Count(len(t.d.Groups)))
	lay.Line(paint.Bold(head) + "  " + paint.Dim(g.ID))
	lay.Row(paint.Green, "keep", t.path(g.Keeper.Path), "", "", dimensions(&g.Keeper), term.Bytes(g.Keeper.SizeBytes))
	notes(lay, t.keeperRemarks(g))
	shown := g.Members
	if t.o.MaxMembers > 0 && len(shown) > t.o.MaxMembers {
		shown = shown[:t.o.MaxMembers]
	}
	for j := range shown {
		m := &shown[j]
		role, colour := "also", paint.Dim
		if t.d.moves(m) {
			role, colour = "copy", nil
		}
		lay.Row(colour, role, t.path(m.Path), string(m.Kind), similarity(m), dimensions(&m.File), term.Bytes(m.SizeBytes))
		notes(lay, t.memberRemarks(m))
	}
	if more := len(g.Members) - len(shown); more > 0 {
		lay.Note(fmt.Sprintf("... and %s more (--format csv or --json lists all)", term.Count(more)))
	}
	lay.Line("")
}

func notes(lay *term.Table, remarks []string) {
	for _, r := range remarks {
		lay.Note(r)
	}
}

// similarity is rounded down, and never 1.000 but for photos that are equal in
// bytes or pixels: people read it so.
func similarity(m *Member) string {
	if m.Kind == match.Identical || m.Kind == match.SamePixels {
		return fmt.Sprintf("%.3f", m.Similarity)
	}
	const noise = 1e-6 // of float32 vectors: 0.97 may have come as 0.9699999
	return fmt.Sprintf("%.3f", min(0.999, math.Floor((m.Similarity+noise)*1000)/1000))
}

func (t *table) keeperRemarks(g *Group) []string {
	var out []string
	if g.KeeperReason != "" {
		out = append(out, "kept: "+term.EscapeSentence(g.KeeperReason))
	}
	return append(out, t.fileRemarks(&g.Keeper)...)
}

func (t *table) memberRemarks(m *Member) []string {
	var out []string
	if len(m.KeeperLacks) > 0 {
		out = append(out, "has what the keeper lacks: "+term.EscapeSentence(strings.Join(m.KeeperLacks, ", ")))
	}
	switch {
	case m.KeeperOf != "":
		out = append(out, t.elsewhere(m))
	case m.StaysBecause != "":
		out = append(out, "stays: "+term.EscapeSentence(m.StaysBecause))
	}
	return append(out, t.fileRemarks(&m.File)...)
}

// elsewhere says in which group a member was settled, by the number in that
// group's head. Most often it is kept there; now and then a better photo took
// that group over.
func (t *table) elsewhere(m *Member) string {
	n, ok := t.number[m.KeeperOf]
	switch {
	case !ok && m.StaysBecause != "":
		return term.EscapeSentence(m.StaysBecause) + ", which is not shown"
	case !ok:
		return "in group " + m.KeeperOf + ", which is not shown"
	case t.d.Groups[n-1].Keeper.Path == m.Path:
		return "kept in group " + term.Count(n)
	}
	return "a copy in group " + term.Count(n)
}

func (t *table) fileRemarks(f *File) []string {
	var out []string
	for _, l := range f.Links {
		out = append(out, "the same file is also "+t.path(l))
	}
	if f.RemovedBefore != "" {
		out = append(out, "was removed before, in run "+term.Escape(f.RemovedBefore)+", and is back")
	}
	return out
}

func (t *table) path(p string) string {
	return term.Escape(strings.TrimPrefix(p, t.base))
}

func dimensions(f *File) string {
	if f.Width == 0 || f.Height == 0 {
		return ""
	}
	return fmt.Sprintf("%dx%d", f.Width, f.Height)
}

// paths yields every path that the table shows.
func paths(d *Document) iter.Seq[string] {
	return func(yield func(string) bool) {
		more := true
		each(d, func(p string) { more = more && yield(p) })
	}
}

func each(d *Document, f func(path string)) {
	file := func(x *File) {
		f(x.Path)
		for _, l := range x.Links {
			f(l)
		}
	}
	for i := range d.Groups {
		file(&d.Groups[i].Keeper)
		for j := range d.Groups[i].Members {
			file(&d.Groups[i].Members[j].File)
		}
	}
}

// expected writes a number of false proposals: it is an estimate, so two
// digits are enough.
func expected(f float64) string {
	switch {
	case f < 0.05:
		return "hardly any"
	case f < 9.5:
		return fmt.Sprintf("about %.1f", f)
	}
	scale := math.Pow(10, math.Floor(math.Log10(f))-1)
	return "about " + term.Count(int64(math.Round(f/scale)*scale))
}

func kindList(kinds []match.Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}
