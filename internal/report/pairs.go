package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dupfind/dupfind/internal/match"
)

// Pair is two files that belong together.
type Pair struct {
	PathA, PathB       string
	Similarity, Cosine float64
	Kind               match.Kind
}

// PairOptions say how pairs are written.
type PairOptions struct {
	NUL bool // records end in NUL and paths are raw bytes
}

// PairWriter writes pairs one by one, so that millions need no memory.
type PairWriter struct {
	w    *bufio.Writer
	path func(string) string
	end  byte
	err  error
}

// NewPairWriter writes the header. Flush must be called at the end.
func NewPairWriter(w io.Writer, o PairOptions) *PairWriter {
	p := &PairWriter{w: bufio.NewWriterSize(w, 64<<10), path: escapePath, end: '\n'}
	if o.NUL {
		p.path, p.end = func(s string) string { return s }, 0
	}
	p.fields("path_a", "path_b", "similarity", "cosine", "kind")
	return p
}

// Write writes a pair. Its error is that of the first write that failed.
func (p *PairWriter) Write(x Pair) error {
	p.fields(p.path(x.PathA), p.path(x.PathB), decimal(x.Similarity), decimal(x.Cosine), string(x.Kind))
	return p.err
}

// Flush writes what is buffered.
func (p *PairWriter) Flush() error {
	if p.err == nil {
		p.err = p.w.Flush()
	}
	return p.err
}

func (p *PairWriter) fields(fields ...string) {
	for i, f := range fields {
		if i > 0 {
			_ = p.w.WriteByte('\t') // bufio keeps the error for the last write
		}
		_, _ = p.w.WriteString(f)
	}
	if err := p.w.WriteByte(p.end); err != nil && p.err == nil {
		p.err = err
	}
}

// escapePath keeps everything that can be read, and keeps a path in one field
// of one line, so that the bytes can be had back.
func escapePath(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == '\\' || r == utf8.RuneError || unicode.IsControl(r) }) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		raw := s[i : i+n]
		i += n
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == utf8.RuneError && n == 1, unicode.IsControl(r):
			for j := range len(raw) {
				fmt.Fprintf(&b, `\x%02x`, raw[j])
			}
		default:
			b.WriteString(raw)
		}
	}
	return b.String()
}
