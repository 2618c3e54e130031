package term

import (
	"strings"
	"unicode"
)

// wide are the characters that take two columns: East Asian Wide and
// Fullwidth of Unicode's UAX 11, emoji included, in coarse ranges.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x231a, 0x231b, 1}, {0x23e9, 0x23ec, 1}, {0x25fd, 0x25fe, 1}, {0x2614, 0x2615, 1}, {0x2648, 0x2653, 1},
		{0x26a1, 0x26a1, 1}, {0x26bd, 0x26be, 1}, {0x26c4, 0x26c5, 1}, {0x26d4, 0x26d4, 1}, {0x26ea, 0x26ea, 1}, {0x26f2, 0x26f5, 1},
		{0x2705, 0x2705, 1}, {0x270a, 0x270b, 1}, {0x2728, 0x2728, 1}, {0x274c, 0x274c, 1}, {0x2753, 0x2757, 1}, {0x2b1b, 0x2b1c, 1},
		{0x2b50, 0x2b50, 1}, {0x2e80, 0x303e, 1}, {0x3041, 0x4dbf, 1}, {0x4e00, 0xa4cf, 1}, {0xa960, 0xa97f, 1}, {0xac00, 0xd7a3, 1},
		{0xf900, 0xfaff, 1}, {0xfe30, 0xfe6f, 1}, {0xff00, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{
		{0x16fe0, 0x18cff, 1}, {0x1aff0, 0x1b2fb, 1}, {0x1f18e, 0x1f18e, 1}, {0x1f191, 0x1f19a, 1}, {0x1f200, 0x1f320, 1}, {0x1f32d, 0x1f64f, 1},
		{0x1f680, 0x1f6ff, 1}, {0x1f7e0, 0x1f7eb, 1}, {0x1f90c, 0x1faff, 1}, {0x20000, 0x3fffd, 1},
	},
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// TextWidth is how many columns escaped text takes. Colour takes none.
func TextWidth(s string) int {
	n, inColour := 0, false
	for _, r := range s {
		switch {
		case r == '\x1b':
			inColour = true
		case inColour:
			inColour = r != 'm'
		default:
			n += runeWidth(r)
		}
	}
	return n
}

// Shorten cuts the middle out of escaped text that is wider than max columns.
// The end keeps two thirds: it has the file's name.
func Shorten(s string, max int) string {
	if max <= 0 || TextWidth(s) <= max {
		return s
	}
	if max == 1 {
		return "…"
	}
	rs := []rune(s)
	tailMax := (max - 1) * 2 / 3
	tail, w := len(rs), 0
	for tail > 0 && w+runeWidth(rs[tail-1]) <= tailMax {
		tail--
		w += runeWidth(rs[tail])
	}
	for tail < len(rs) && runeWidth(rs[tail]) == 0 {
		tail++ // a mark whose letter is cut off
	}
	head, hw := 0, 0
	for head < tail && hw+runeWidth(rs[head]) <= max-1-w {
		hw += runeWidth(rs[head])
		head++
	}
	return string(rs[:head]) + "…" + string(rs[tail:])
}

// Pad fills escaped text with blanks to a width.
func Pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-TextWidth(s)))
}

func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(0, width-TextWidth(s))) + s
}
