package scan

import (
	"errors"
	"strings"
)

// pattern is one line in gitignore's syntax (git-scm.com/docs/gitignore).
type pattern struct {
	segments []string // between slashes, "**" for any number of them
	negated  bool     // "!": takes back what earlier patterns excluded
	dirOnly  bool     // ended in a slash
	anchored bool     // had a slash elsewhere: matches the whole path, else the last name
}

type verdict int

const (
	unmatched verdict = iota
	excluded
	included
)

// parsePattern is false for a pattern that is blank and matches nothing.
func parsePattern(s string) (pattern, bool, error) {
	var p pattern
	s = strings.TrimSuffix(s, "\r")
	s = trimSpaces(s)
	if rest, ok := strings.CutPrefix(s, "!"); ok {
		p.negated, s = true, rest
	}
	if s == "" {
		return p, false, nil
	}
	if rest, ok := strings.CutSuffix(s, "/"); ok {
		p.dirOnly, s = true, rest
	}
	if s == "" {
		return p, false, errors.New("names no file")
	}
	p.anchored = strings.Contains(s, "/")
	p.segments = strings.Split(strings.TrimPrefix(s, "/"), "/")
	for _, g := range p.segments {
		if err := checkGlob(g); err != nil {
			return p, false, err
		}
	}
	return p, true, nil
}

// trimSpaces drops spaces at the end unless a backslash keeps one.
func trimSpaces(s string) string {
	for strings.HasSuffix(s, " ") {
		head := s[:len(s)-1]
		slashes := len(head) - len(strings.TrimRight(head, `\`))
		if slashes%2 == 1 {
			return s
		}
		s = head
	}
	return s
}

// match returns what the last pattern that matches says. Folders above the
// path need not be asked: a walk does not enter what is excluded.
func match(patterns []pattern, rel string, dir bool) verdict {
	for i := len(patterns) - 1; i >= 0; i-- {
		p := &patterns[i]
		if !p.matches(rel, dir) {
			continue
		}
		if p.negated {
			return included
		}
		return excluded
	}
	return unmatched
}

func (p *pattern) matches(rel string, dir bool) bool {
	if p.dirOnly && !dir {
		return false
	}
	if !p.anchored {
		return globMatch(p.segments[0], rel[strings.LastIndexByte(rel, '/')+1:])
	}
	return matchSegments(p.segments, rel)
}

func matchSegments(segments []string, rel string) bool {
	for i, g := range segments {
		if g == "**" {
			return matchAnyDepth(segments[i+1:], rel)
		}
		name, rest, more := strings.Cut(rel, "/")
		if !globMatch(g, name) {
			return false
		}
		if !more {
			return i == len(segments)-1
		}
		rel = rest
	}
	return false
}

// matchAnyDepth matches what follows "**/" at any depth. "a/**" at the end
// matches everything below a, and not a.
func matchAnyDepth(rest []string, rel string) bool {
	if len(rest) == 0 {
		return true
	}
	for {
		if matchSegments(rest, rel) {
			return true
		}
		_, below, more := strings.Cut(rel, "/")
		if !more {
			return false
		}
		rel = below
	}
}
