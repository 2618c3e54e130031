package term

import (
	"os"
	"strconv"

	"golang.org/x/term"
)

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Width is the width of the terminal f in columns, or what COLUMNS says when
// f is none; 0 when neither tells, which means that lines need not fit.
func Width(f *os.File, getenv func(string) string) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	if w, err := strconv.Atoi(getenv("COLUMNS")); err == nil && w > 0 {
		return w
	}
	return 0
}

// ColourMode is what the user said about colour.
type ColourMode string

const (
	ColourAuto   ColourMode = "auto"
	ColourAlways ColourMode = "always"
	ColourNever  ColourMode = "never"
)

// Valid reports whether m is one of the modes above.
func (m ColourMode) Valid() bool {
	return m == ColourAuto || m == ColourAlways || m == ColourNever
}

// UseColour decides: what was said counts first, then NO_COLOR (no-color.org:
// set and not empty), then TERM=dumb and whether there is a terminal at all.
func UseColour(m ColourMode, terminal bool, getenv func(string) string) bool {
	switch m {
	case ColourAlways:
		return true
	case ColourNever:
		return false
	}
	return terminal && getenv("NO_COLOR") == "" && !Dumb(getenv)
}

// Dumb reports whether the terminal cannot move its cursor.
func Dumb(getenv func(string) string) bool { return getenv("TERM") == "dumb" }

// Paint colours text, or leaves it as it is.
type Paint struct{ On bool }

func (p Paint) sgr(code, s string) string {
	if !p.On || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Bold, Dim, Green, Yellow and Red are the only colours in use: the sixteen
// that every palette, light or dark, keeps readable.
func (p Paint) Bold(s string) string   { return p.sgr("1", s) }
func (p Paint) Dim(s string) string    { return p.sgr("2", s) }
func (p Paint) Green(s string) string  { return p.sgr("32", s) }
func (p Paint) Yellow(s string) string { return p.sgr("33", s) }
func (p Paint) Red(s string) string    { return p.sgr("31", s) }
