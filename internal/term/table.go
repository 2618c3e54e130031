package term

import (
	"io"
	"strings"
)

// Column says how a table lays out one of its columns.
type Column struct {
	Right  bool // numbers
	Shrink bool // may lose its middle when lines are wider than the table
	// Own: where too little of this column would be left, its text stands
	// whole, and the cells behind it in lines below. Of a table's columns one
	// may be so.
	Own bool
}

// Table is rows of cells in aligned columns. Cells are text that is already
// escaped and may not hold colour; a row's colour comes with it.
type Table struct {
	Columns []Column
	Indent  int // blanks before each line
	Width   int // what lines fit in, but for words that are wider; 0: whatever they need
	items   []tableItem
}

type tableItem struct {
	cells []string // none: it is text
	paint func(string) string
	text  string
	note  bool
}

const (
	// minShrunk is what a column is left with however narrow the terminal is.
	minShrunk = 12
	// minOwn is the same for a column that can have lines of its own: enough
	// for the end of a folder and a camera's name of a file.
	minOwn = 24
)

// Row adds a row. A row with fewer cells than columns ends early. Paint
// colours the row's lines; nil does not.
func (t *Table) Row(paint func(string) string, cells ...string) {
	t.items = append(t.items, tableItem{cells: cells, paint: paint})
}

// Note adds a sentence about the row above it: folded, and below that row's
// second column.
func (t *Table) Note(s string) {
	t.items = append(t.items, tableItem{text: s, note: true})
}

// Line adds a line that is no part of the columns, such as a heading. It is
// folded and not indented, and may hold colour.
func (t *Table) Line(s string) {
	t.items = append(t.items, tableItem{text: s})
}

// Write writes what was added and forgets it.
func (t *Table) Write(w io.Writer) error {
	l := t.layOut()
	var b strings.Builder
	for _, it := range t.items {
		switch {
		case it.note:
			l.lines(&b, l.hang, nil, Fold(it.text, l.room(l.hang)))
		case len(it.cells) == 0:
			l.lines(&b, 0, nil, Fold(it.text, l.room(0)))
		case l.stacked:
			l.stack(&b, it)
		default:
			l.lines(&b, t.Indent, it.paint, []string{t.line(it.cells, l.widths)})
		}
	}
	t.items = nil
	_, err := io.WriteString(w, b.String())
	return err
}

// layout is what the cells of a table make of its width.
type layout struct {
	*Table
	widths  []int
	own     int  // the column that can have lines of its own; -1: none
	stacked bool // it has
	hang    int  // indent of what stands below a row
}

// layOut gives each column what its widest cell needs, then takes from the
// widest of those that may shrink until lines fit.
func (t *Table) layOut() *layout {
	l := &layout{Table: t, widths: make([]int, len(t.Columns)), own: -1, hang: t.Indent + 2}
	least := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		least[i] = minShrunk
		if c.Own {
			l.own, least[i] = i, minOwn
		}
	}
	total := t.Indent + 2*max(0, len(l.widths)-1)
	for _, it := range t.items {
		for i, c := range it.cells {
			l.widths[i] = max(l.widths[i], TextWidth(c))
		}
	}
	for _, w := range l.widths {
		total += w
	}
	for t.Width > 0 && total > t.Width {
		widest := -1
		for i, c := range t.Columns {
			if c.Shrink && l.widths[i] > least[i] && (widest < 0 || l.widths[i] > l.widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			l.stacked = l.own >= 0
			break
		}
		l.widths[widest]--
		total--
	}
	if !l.stacked && len(l.widths) > 0 {
		l.hang += l.widths[0]
	}
	return l
}

// room is how wide a line behind an indent may be; 0: as wide as it needs.
func (l *layout) room(indent int) int {
	if l.Width == 0 {
		return 0
	}
	return max(1, l.Width-indent)
}

// stack writes a row as lines: the cells up to the one that has its own, and
// below, indented, those behind it. There they do not stand in columns: at such
// a width it is more that they keep to few lines.
func (l *layout) stack(b *strings.Builder, r tableItem) {
	own := min(l.own, len(r.cells)-1)
	var head strings.Builder
	for i, c := range r.cells[:own] {
		head.WriteString(Pad(c, l.widths[i]) + "  ")
	}
	lines := Fold(head.String()+r.cells[own], l.room(l.hang))
	l.lines(b, l.Indent, r.paint, lines[:1])
	l.lines(b, l.hang, r.paint, lines[1:])
	var rest []string
	for _, c := range r.cells[own+1:] {
		if c != "" {
			rest = append(rest, c)
		}
	}
	if len(rest) > 0 {
		l.lines(b, l.hang, r.paint, pack(rest, "  ", l.room(l.hang)))
	}
}

func (l *layout) lines(b *strings.Builder, indent int, paint func(string) string, lines []string) {
	for _, s := range lines {
		if s != "" {
			b.WriteString(strings.Repeat(" ", indent))
			if paint != nil {
				s = paint(s)
			}
			b.WriteString(s)
		}
		b.WriteByte('\n')
	}
}

func (t *Table) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, c := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		if t.Columns[i].Shrink {
			c = Shorten(c, widths[i])
		}
		switch {
		case t.Columns[i].Right:
			c = padLeft(c, widths[i])
		case i < len(cells)-1:
			c = Pad(c, widths[i])
		}
		b.WriteString(c)
	}
	return strings.TrimRight(b.String(), " ")
}
