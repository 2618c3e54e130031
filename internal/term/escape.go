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
	return EscapeSentence(strings.ReplaceAll(name, `\`, `\\`))
}

// EscapeSentence does for a sentence what Escape does for a name, but leaves
// backslashes as they are: names in a sentence were escaped, or quoted by %q,
// when they were put there. To do it twice changes nothing.
func EscapeSentence(s string) string {
	i := 0
	for i < len(s) && ' ' <= s[i] && s[i] < 0x7f {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:i])
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		escapeRune(&b, r, s[i:i+n])
		i += n
	}
	return b.String()
}

func escapeRune(b *strings.Builder, r rune, raw string) {
	switch {
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
