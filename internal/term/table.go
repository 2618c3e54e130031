package term

import (
	"io"
	"strings"
)

// Column says how a table lays out one of its columns.
type Column struct {
	Right  bool // numbers
	Shrink bool // may lose its middle when lines are wider than the table
}

// Table is rows of cells in aligned columns. Cells are text that is already
// escaped and may not hold colour; a row's colour comes with it.
type Table struct {
	Columns []Column
	Indent  int // blanks before each line
	Width   int // what lines fit in; 0: whatever they need
	rows    []tableRow
}

type tableRow struct {
	cells []string
	paint func(string) string
}

// minShrunk is what a column is left with however narrow the terminal is.
const minShrunk = 12

// Row adds a row. A row with fewer cells than columns ends early. Paint
// colours the row's line; nil does not.
func (t *Table) Row(paint func(string) string, cells ...string) {
	t.rows = append(t.rows, tableRow{cells, paint})
}

// Write writes the rows and forgets them.
func (t *Table) Write(w io.Writer) error {
	widths := t.widths()
	var b strings.Builder
	for _, r := range t.rows {
		b.WriteString(strings.Repeat(" ", t.Indent))
		line := t.line(r.cells, widths)
		if r.paint != nil {
			line = r.paint(line)
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	t.rows = nil
	_, err := io.WriteString(w, b.String())
	return err
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

// widths gives each column what its widest cell needs, then takes from the
// widest of those that may shrink until lines fit.
func (t *Table) widths() []int {
	widths := make([]int, len(t.Columns))
	total := t.Indent + 2*max(0, len(widths)-1)
	for _, r := range t.rows {
		for i, c := range r.cells {
			widths[i] = max(widths[i], TextWidth(c))
		}
	}
	for _, w := range widths {
		total += w
	}
	for t.Width > 0 && total > t.Width {
		widest := -1
		for i, c := range t.Columns {
			if c.Shrink && widths[i] > minShrunk && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		total--
	}
	return widths
}
