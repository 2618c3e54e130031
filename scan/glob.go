package scan

import (
	"errors"
	"strings"
)

var errBracket = errors.New("a [ that is never closed")

// checkGlob refuses what git would let match nothing in silence.
func checkGlob(g string) error {
	for i := 0; i < len(g); i++ {
		switch g[i] {
		case '\\':
			if i++; i == len(g) {
				return errors.New(`a \ at the end`)
			}
		case '[':
			_, n, ok := bracket(g[i:], 0)
			if !ok {
				return errBracket
			}
			i += n - 1
		}
	}
	return nil
}

// globMatch matches one name against one glob: *, ?, [a-z], [!a], [[:alpha:]]
// and backslashes, all by bytes, as git does. It never backtracks further
// than the last star, so it is at worst quadratic.
func globMatch(g, name string) bool {
	gi, ni := 0, 0
	starG, starN := -1, 0
	for ni < len(name) || gi < len(g) {
		if gi < len(g) && g[gi] == '*' {
			starG, starN = gi, ni
			gi++
			continue
		}
		if gi < len(g) && ni < len(name) {
			if n, ok := matchByte(g[gi:], name[ni]); ok {
				gi, ni = gi+n, ni+1
				continue
			}
		}
		if starG < 0 || starN >= len(name) {
			return false
		}
		starN++
		gi, ni = starG+1, starN
	}
	return true
}

// matchByte matches c against the first element of g and returns its length.
func matchByte(g string, c byte) (int, bool) {
	switch g[0] {
	case '?':
		return 1, true
	case '[':
		in, n, ok := bracket(g, c)
		return n, ok && in
	case '\\':
		return 2, len(g) > 1 && g[1] == c
	}
	return 1, g[0] == c
}

// bracket reads the set at the start of g: whether c is in it, its length,
// and false when it is never closed.
func bracket(g string, c byte) (in bool, n int, ok bool) {
	i := 1
	negated := i < len(g) && (g[i] == '!' || g[i] == '^')
	if negated {
		i++
	}
	for first := i; i < len(g) && (g[i] != ']' || i == first); {
		if strings.HasPrefix(g[i:], "[:") {
			if end := strings.Index(g[i+2:], ":]"); end >= 0 {
				in = in || inClass(g[i+2:i+2+end], c)
				i += end + 4
				continue
			}
		}
		lo, next := setByte(g, i)
		hi := lo
		if next+1 < len(g) && g[next] == '-' && g[next+1] != ']' {
			hi, next = setByte(g, next+1)
		}
		in = in || lo <= c && c <= hi
		i = next
	}
	if i >= len(g) {
		return false, 0, false
	}
	return in != negated, i + 1, true
}

func setByte(g string, i int) (c byte, next int) {
	if g[i] == '\\' && i+1 < len(g) {
		i++
	}
	return g[i], i + 1
}

func inClass(class string, c byte) bool {
	lower, upper, digit := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9'
	switch class {
	case "alpha":
		return lower || upper
	case "alnum":
		return lower || upper || digit
	case "digit":
		return digit
	case "lower":
		return lower
	case "upper":
		return upper
	case "space":
		return c == ' ' || '\t' <= c && c <= '\r'
	case "blank":
		return c == ' ' || c == '\t'
	case "xdigit":
		return digit || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
	case "punct":
		return '!' <= c && c <= '~' && !lower && !upper && !digit
	case "cntrl":
		return c < ' ' || c == 0x7f
	case "print":
		return ' ' <= c && c <= '~'
	case "graph":
		return '!' <= c && c <= '~'
	}
	return false
}
