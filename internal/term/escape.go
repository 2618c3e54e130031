package term

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape makes a file's name safe to show on one line of a terminal: control
// characters, bytes that are not UTF-8, and the invisible characters that turn
// the direction of text or hide in it are written as backslash sequences, and
// so is the backslash, so that no two names look alike for that. Everything
// that can be read stays as it is, the joiner inside emoji included.
func Escape(name string) string {
	i := 0
	for i < len(name) && ' ' <= name[i] && name[i] < 0x7f && name[i] != '\\' {
		i++
	}
	if i == len(name) {
		return name
	}
	var b strings.Builder
	b.WriteString(name[:i])
	for i < len(name) {
		r, n := utf8.DecodeRuneInString(name[i:])
		escapeRune(&b, r, name[i:i+n])
		i += n
	}
	return b.String()
}

func escapeRune(b *strings.Builder, r rune, raw string) {
	switch {
	case r == '\\':
		b.WriteString(`\\`)
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\t':
		b.WriteString(`\t`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == utf8.RuneError && len(raw) == 1, r < 0x80 && unicode.IsControl(r):
		fmt.Fprintf(b, `\x%02x`, raw[0])
	case shown(r):
		b.WriteString(raw)
	case r > 0xffff:
		fmt.Fprintf(b, `\U%08x`, r)
	default:
		fmt.Fprintf(b, `\u%04x`, r)
	}
}

// shown reports whether a character can be read or is a blank. Of those that
// only format (bidi overrides, zero-width spaces) just the joiner is.
func shown(r rune) bool {
	const joiner = '\u200d'
	return unicode.IsPrint(r) || unicode.Is(unicode.Zs, r) || r == joiner
}
