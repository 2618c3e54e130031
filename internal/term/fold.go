package term

import "strings"

// Fold breaks text at blanks into lines of at most width columns; a word that
// is wider stays whole, so that a path can be copied. Width 0 breaks nothing.
func Fold(s string, width int) []string {
	if width <= 0 || TextWidth(s) <= width {
		return []string{s}
	}
	return pack(strings.Split(s, " "), " ", width)
}

// pack joins as many parts to a line as fit in width columns. A line has at
// least one part, however wide that is; blanks at its end are dropped.
func pack(parts []string, between string, width int) []string {
	var lines []string
	line, w, begun := "", 0, false
	for _, p := range parts {
		n := TextWidth(p)
		switch {
		case !begun:
			line, w, begun = p, n, true
		case w+len(between)+n <= width:
			line, w = line+between+p, w+len(between)+n
		default:
			lines = append(lines, strings.TrimRight(line, " "))
			line, w = p, n
		}
	}
	return append(lines, strings.TrimRight(line, " "))
}
