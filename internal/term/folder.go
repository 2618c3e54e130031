package term

import (
	"iter"
	"strings"
)

// CommonFolder is the longest folder that all paths are in, with its '/', so
// that a list can name it once. It is "" where they share none but the root of
// the file system, which is not worth a line.
func CommonFolder(paths iter.Seq[string]) string {
	base, first := "", true
	for p := range paths {
		dir := p[:strings.LastIndexByte(p, '/')+1]
		if first {
			base, first = dir, false
		}
		for !strings.HasPrefix(dir, base) {
			base = base[:strings.LastIndexByte(strings.TrimSuffix(base, "/"), '/')+1]
		}
	}
	if base == "/" {
		return ""
	}
	return base
}
