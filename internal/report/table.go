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
}

// WriteTable writes the document for a person.
func WriteTable(w io.Writer, d *Document, o TableOptions) (err error) {
	b := bufio.NewWriter(w)
	defer func() { err = errors.Join(err, b.Flush()) }()
	t := &table{w: b, d: d, o: o, base: term.CommonFolder(paths(d))}
	if len(d.Groups) > 0 && t.base != "" {
		t.line("Paths are below %s", term.Escape(t.base))
		t.line("")
	}
	if err := t.groups(); err != nil {
		return err
	}
	t.summary()
	return nil
}

type table struct {
	w    *bufio.Writer
	d    *Document
	o    TableOptions
	base string // the folder that all paths are in, with its '/'; "" when there is none worth naming
}

func (t *table) line(format string, args ...any) {
	fmt.Fprintf(t.w, format+"\n", args...)
}

// columns of a group: role, path, kind, similarity, dimensions, size.
var columns = []term.Column{{}, {Shrink: true}, {}, {Right: true}, {Right: true}, {Right: true}}

// groups writes all groups. On a terminal they share their columns. In a file
// each has its own: there one long path would push the numbers of all others
// far to the right.
func (t *table) groups() error {
	step := len(t.d.Groups)
	if t.o.Width == 0 {
		step = 1
	}
	for i := 0; i < len(t.d.Groups); i += step {
		if err := t.aligned(i, i+step); err != nil {
			return err
		}
	}
	return nil
}

// aligned writes groups with common columns: for each its head, then a line
// per file with the remarks below it.
func (t *table) aligned(from, to int) error {
	lay := &term.Table{Columns: columns, Indent: 2, Width: t.o.Width}
	for i := from; i < to; i++ {
		t.layOut(lay, &t.d.Groups[i])
	}
	var rows strings.Builder
	if err := lay.Write(&rows); err != nil {
		return err
	}
	next, stop := iter.Pull(strings.Lines(rows.String()))
	defer stop()
	write := func(remarks []string) {
		row, _ := next()
		t.w.WriteString(row)
		for _, r := range remarks {
			t.remark(r)
		}
	}
	for i := from; i < to; i++ {
		g := &t.d.Groups[i]
		head := fmt.Sprintf("Group %s of %s", term.Count(i+1), term.Count(len(t.d.Groups)))
		t.line("%s  %s", t.o.Paint.Bold(head), t.o.Paint.Dim(g.ID))
		write(t.keeperRemarks(g))
		for j := range g.Members {
			write(t.memberRemarks(&g.Members[j]))
		}
		t.line("")
	}
	return nil
}

func (t *table) layOut(lay *term.Table, g *Group) {
	paint := t.o.Paint
	lay.Row(paint.Green, "keep", t.path(g.Keeper.Path), "", "", dimensions(&g.Keeper), term.Bytes(g.Keeper.SizeBytes))
	for j := range g.Members {
		m := &g.Members[j]
		role, colour := "also", paint.Dim
		if t.d.moves(m) {
			role, colour = "copy", nil
		}
		lay.Row(colour, role, t.path(m.Path), string(m.Kind), fmt.Sprintf("%.3f", m.Similarity), dimensions(&m.File), term.Bytes(m.SizeBytes))
	}
}

// remark writes a sentence below a file, folded at the width.
func (t *table) remark(s string) {
	const indent = "        "
	for _, l := range fold(s, t.o.Width-len(indent)) {
		t.line("%s%s", indent, l)
	}
}

func (t *table) keeperRemarks(g *Group) []string {
	var out []string
	if g.KeeperReason != "" {
		out = append(out, "kept: "+term.Escape(g.KeeperReason))
	}
	return append(out, t.fileRemarks(&g.Keeper)...)
}

func (t *table) memberRemarks(m *Member) []string {
	var out []string
	if len(m.KeeperLacks) > 0 {
		out = append(out, "has what the keeper lacks: "+term.Escape(strings.Join(m.KeeperLacks, ", ")))
	}
	if m.StaysBecause != "" {
		out = append(out, "stays: "+term.Escape(m.StaysBecause))
	}
	if m.KeeperOf != "" {
		out = append(out, "is itself kept in group "+m.KeeperOf)
	}
	return append(out, t.fileRemarks(&m.File)...)
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

// fold breaks text at blanks into lines of at most width columns; a word that
// is wider stays whole, so that a path can be copied.
func fold(s string, width int) []string {
	if width <= 0 || term.TextWidth(s) <= width {
		return []string{s}
	}
	var lines []string
	line, w := "", 0
	for word := range strings.SplitSeq(s, " ") {
		n := term.TextWidth(word)
		switch {
		case line == "":
			line, w = word, n
		case w+1+n <= width:
			line, w = line+" "+word, w+1+n
		default:
			lines = append(lines, line)
			line, w = word, n
		}
	}
	return append(lines, line)
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
