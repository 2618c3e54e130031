package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dupfind/dupfind/internal/term"
)

// summary writes the numbers, and what to do next.
func (t *table) summary() {
	d, n, sum := t.d, t.d.Numbers, t.d.Totals()
	if sum.Groups == 0 {
		t.text(t.nothing())
	} else {
		kinds := make([]string, len(sum.Kinds))
		for i, k := range sum.Kinds {
			kinds[i] = term.Count(k.Members) + " " + string(k.Kind)
		}
		t.text(t.o.Paint.Bold(fmt.Sprintf("%s, %s", term.Number(sum.Groups, "group"), term.Number(sum.Members, "file besides the keepers", "files besides the keepers"))) +
			": " + strings.Join(kinds, ", ") + ".")
		t.moves(sum)
	}
	if n.Compared > 0 {
		t.compared()
	}
	t.leftOut()
	for _, x := range d.Unconfirmed {
		t.text("Not confirmed: " + term.Escape(x.Path) + ": " + term.EscapeSentence(x.Reason) + ".")
	}
	for _, r := range d.Roots {
		if !r.Here {
			t.text("Not here, so what it holds is shown as it was last seen: " + term.Escape(r.Path))
		}
	}
	for _, note := range d.Notes {
		t.text(t.o.Paint.Yellow(note))
	}
	t.next()
}

// next ends the table with the commands to type, but for those that the text
// has named already.
func (t *table) next() {
	commands := slices.DeleteFunc(slices.Clone(t.d.Next), func(c string) bool { return slices.Contains(t.named, c) })
	if len(commands) == 0 {
		return
	}
	t.text("")
	t.text("Next:")
	for _, c := range commands {
		fmt.Fprintf(t.w, "  %s\n", c)
	}
}

// usualThreshold is what scales of similarity are laid for: nobody asked for it
// in particular.
const usualThreshold = 0.95

// nothing says that there are no groups, of what was asked for: that other
// copies may be there must not be lost on the reader.
func (t *table) nothing() string {
	d := t.d
	what := "No copies found"
	switch len(d.Kinds) {
	case 0:
	case 1:
		what = "No pairs of kind " + kindList(d.Kinds)
	default:
		what = "No pairs of the kinds " + kindList(d.Kinds)
	}
	if d.Threshold != usualThreshold {
		what += " at similarity " + trim(d.Threshold) + " or above"
	}
	if len(d.Paths) > 0 {
		what += " that touch " + pathList(d.Paths)
	}
	return what + " among " + term.Number(d.Numbers.Photos, "photo") + "."
}

// pathList names a few paths; a shell's glob gives many.
func pathList(paths []string) string {
	const few = 3
	var names []string
	for _, p := range paths[:min(few, len(paths))] {
		names = append(names, term.Escape(p))
	}
	if more := len(paths) - few; more > 0 {
		names = append(names, term.Number(more, "more path"))
	}
	return strings.Join(names, " or ")
}

func (t *table) moves(sum Totals) {
	d := t.d
	switch {
	case sum.Moves == 0:
		t.text(fmt.Sprintf("Quarantine would move none of them: it moves the kinds %s unless told otherwise.", kindList(d.QuarantineKinds)))
	default:
		also := ""
		if sum.Moves < sum.Members {
			also = `; those marked "also" stay`
		}
		t.text(fmt.Sprintf("Quarantine would move up to %s marked \"copy\" (%s), and says which it holds back (sidecars, siblings of the same name)%s. "+
			"It moves the kinds %s unless told otherwise.",
			term.Number(sum.Moves, "file"), term.Bytes(sum.MovesBytes), also, kindList(d.QuarantineKinds)))
	}
	if sum.RemovedBefore > 0 {
		t.text(fmt.Sprintf("%s removed before and came back.", was(sum.RemovedBefore, "file")))
	}
}

// compared says by what the photos were compared and how far it can be
// trusted: both numbers, that of chance and that of pixels.
func (t *table) compared() {
	d, n := t.d, t.d.Numbers
	how := ""
	if !d.Engine.Exact && d.Engine.Name != "" {
		how = ", by an approximate search"
	}
	found := "no pairs"
	if n.Proposals > 0 {
		found = fmt.Sprintf("%s, of which %s by chance alone; pixels confirmed %s",
			term.Number(n.Proposals, "pair"), expected(n.ExpectedFalse), term.Count(n.Confirmed))
	}
	t.text(fmt.Sprintf("Compared %s by %s at similarity %s (cosine %s)%s: %s.",
		term.Number(n.Compared, "photo"), term.Escape(d.Model.Name), trim(d.Threshold), trim(d.ThresholdCosine), how, found))
	if d.Model.Remark != "" {
		t.text(t.o.Paint.Yellow(term.Escape(d.Model.Name) + ": " + d.Model.Remark + "."))
	}
}

func (t *table) leftOut() {
	n := t.d.Numbers
	if n.NoVector > 0 {
		t.text(fmt.Sprintf("%s no vector under this model and %s compared by pixels alone: scan again to change that.",
			has(n.NoVector, "photo"), plural(n.NoVector, "was", "were")))
	}
	if n.LowDetail > 0 {
		t.text(fmt.Sprintf("%s hardly any detail and %s compared by pixels alone.", has(n.LowDetail, "photo"), plural(n.LowDetail, "was", "were")))
	}
	if n.Skipped > 0 {
		t.text(fmt.Sprintf("%s not be compared: see dupfind skipped.", term.Number(n.Skipped, "file")+" could"))
		t.named = append(t.named, "dupfind skipped")
	}
	if n.TooSmall > 0 {
		t.text(fmt.Sprintf("%s smaller than %s and left out.", was(n.TooSmall, "photo"), term.Bytes(t.d.MinSizeBytes)))
	}
	if n.Outside > 0 {
		t.text(fmt.Sprintf("%s like a photo that is in another group, and in none themselves: see --format pairs.", number(n.Outside, "photo", "is", "are")))
	}
}

func (t *table) text(s string) {
	for _, l := range term.Fold(s, t.o.Width) {
		fmt.Fprintln(t.w, l)
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func number(n int, noun, one, many string) string {
	return term.Number(n, noun) + " " + plural(n, one, many)
}

func was(n int, noun string) string { return number(n, noun, "was", "were") }
func has(n int, noun string) string { return number(n, noun, "has", "have") }

func trim(f float64) string {
	s := fmt.Sprintf("%.4f", f)
	s = strings.TrimRight(s, "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s
}
