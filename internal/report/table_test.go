package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dupfind/dupfind/internal/group"
	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/internal/term"
)

func tableOf(t *testing.T, d *Document, o TableOptions) string {
	t.Helper()
	var b strings.Builder
	if err := WriteTable(&b, d, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// At any width a line that is too long is a single word: a path, whole.
func TestTableFits(t *testing.T) {
	for width := 1; width <= 200; width++ {
		for l := range strings.Lines(tableOf(t, sample(), TableOptions{Width: width})) {
			l = strings.TrimSuffix(l, "\n")
			// A size is one cell; the commands at the end are there to be typed.
			words := strings.Fields(l)
			cell := len(words) == 2 && strings.HasSuffix(words[1], "B") || len(words) > 0 && words[0] == "dupfind" && strings.HasPrefix(l, "  ")
			if term.TextWidth(l) > width && len(words) > 1 && !cell {
				t.Errorf("at %d: %d columns: %q", width, term.TextWidth(l), l)
			}
			if strings.ContainsAny(l, "\x1b\r") || strings.ToValidUTF8(l, "") != l {
				t.Errorf("unsafe at a terminal: %q", l)
			}
		}
	}
}

// A regression test once caught names in reasons escaped by group and again by
// the table.
func TestReasonsAreEscapedOnce(t *testing.T) {
	photos := []group.Photo{
		{ID: 1, SHA256: [32]byte{1}, Files: []group.File{{Path: "/p/é.jpg"}}},
		{ID: 2, SHA256: [32]byte{2}, Files: []group.File{{Path: "/p/caf\xe9\x1b\\.jpg"}}},
	}
	found := group.Build(photos, []group.Pair{{A: 1, B: 2, Kind: "similar", Certainty: 1}}, group.Options{CopyCertainty: 3})
	d := &Document{Groups: []Group{NewGroup(found.Groups[0], func(int64) Facts { return Facts{} })}}
	got := tableOf(t, d, TableOptions{})
	for _, want := range []string{
		`kept: shorter name: "é.jpg" against "caf\xe9\x1b\\.jpg"` + "\n",
		`also  caf\xe9\x1b\\.jpg  similar`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

func TestElsewhere(t *testing.T) {
	a, b, c := photo("/p/a.jpg", 1, 1, 1, 1), photo("/p/b.jpg", 1, 1, 1, 2), photo("/p/c.jpg", 1, 1, 1, 3)
	in := func(f File, id, why string) Member {
		return Member{File: f, Kind: match.Similar, Similarity: 0.96, KeeperOf: id, StaysBecause: why}
	}
	d := &Document{Groups: []Group{
		{ID: "aa", Keeper: a, Members: []Member{{File: b, Kind: match.Resized, Movable: true}}},
		{ID: "cc", Keeper: c, Members: []Member{
			in(a, "aa", "kept in group aa"), in(b, "aa", "a copy in group aa"), in(photo("/p/d.jpg", 1, 1, 1, 4), "dd", "kept in group dd"),
		}},
	}}
	var got []string
	for l := range strings.Lines(tableOf(t, d, TableOptions{})) {
		if strings.HasPrefix(l, "        ") {
			got = append(got, strings.TrimSpace(l))
		}
	}
	want := []string{"kept in group 1", "a copy in group 1", "kept in group dd, which is not shown"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSimilarityRoundsDown(t *testing.T) {
	for _, c := range []struct {
		kind match.Kind
		s    float64
		want string
	}{
		{match.Similar, 0.9996, "0.999"}, {match.Similar, 0.9994, "0.999"}, {match.Similar, 1, "0.999"}, {match.Resized, 0.99999999, "0.999"},
		{match.Similar, 0.95, "0.950"}, {match.Similar, 0.9699999, "0.970"}, {match.Edited, 0.95099, "0.950"}, {match.Similar, 0, "0.000"},
		{match.SamePixels, 0.9999999, "1.000"}, {match.Identical, 1, "1.000"},
	} {
		if got := similarity(&Member{Kind: c.kind, Similarity: c.s}); got != c.want {
			t.Errorf("%s %v: got %s, want %s", c.kind, c.s, got, c.want)
		}
	}
}

func TestManyMembers(t *testing.T) {
	d := &Document{Groups: []Group{{ID: "aa", Keeper: photo("/p/keeper.jpg", 1, 1, 1, 1)}}}
	for i := range 300 {
		d.Groups[0].Members = append(d.Groups[0].Members, member(photo(fmt.Sprintf("/p/%03d.jpg", i), 10, 1, 1, 2), match.Similar, 0.97, 0.6))
	}
	for _, c := range []struct {
		members, max, rows int
		more               string
	}{
		{300, 0, 20, "... and 280 more (--format csv or --json lists all)"},
		{21, 0, 20, "... and 1 more ("},
		{20, 0, 20, ""},
		{300, 250, 250, "... and 50 more ("},
		{300, -1, 300, ""},
	} {
		few := &Document{Groups: slices.Clone(d.Groups)}
		few.Groups[0].Members = d.Groups[0].Members[:c.members]
		got := tableOf(t, few, TableOptions{MaxMembers: c.max})
		if n := strings.Count(got, "  also  "); n != c.rows {
			t.Errorf("%d members, at most %d: %d rows, want %d", c.members, c.max, n, c.rows)
		}
		if c.more == "" && strings.Contains(got, " more (") || !strings.Contains(got, c.more) {
			t.Errorf("%d members, at most %d: want %q in\n%s", c.members, c.max, c.more, got)
		}
		if want := term.Number(c.members, "file") + " besides the keepers"; !strings.Contains(got, want) {
			t.Errorf("%d members, at most %d: no %q: the summary counts all", c.members, c.max, want)
		}
	}
	var csv strings.Builder
	if err := WriteCSV(&csv, d); err != nil || strings.Count(csv.String(), "\n") != 302 {
		t.Errorf("CSV has %d lines, %v", strings.Count(csv.String(), "\n"), err)
	}
}

func TestNothingFound(t *testing.T) {
	for _, c := range []struct {
		d    Document
		want string
	}{
		{Document{}, "No copies found among 36 photos."},
		{Document{Kinds: []match.Kind{match.Edited}}, "No pairs of kind edited among 36 photos."},
		{Document{Kinds: []match.Kind{match.Resized, match.Edited}}, "No pairs of the kinds resized, edited among 36 photos."},
		{Document{Threshold: 0.995}, "No copies found at similarity 0.995 or above among 36 photos."},
		{Document{Paths: []string{"/p/a\n", "/p/b"}}, `No copies found that touch /p/a\n or /p/b among 36 photos.`},
		{Document{Paths: []string{"/1", "/2", "/3", "/4", "/5"}}, "No copies found that touch /1 or /2 or /3 or 2 more paths among 36 photos."},
		{Document{Kinds: []match.Kind{match.Edited}, Threshold: 0.99, Paths: []string{"/p"}}, "No pairs of kind edited at similarity 0.99 or above that touch /p among 36 photos."},
	} {
		if c.d.Threshold == 0 {
			c.d.Threshold = 0.95
		}
		c.d.Numbers.Photos = 36
		if got, _, _ := strings.Cut(tableOf(t, &c.d, TableOptions{}), "\n"); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestNextNamesNothingTwice(t *testing.T) {
	d := &Document{Threshold: 0.95, Numbers: Numbers{Skipped: 2}, Next: []string{"dupfind skipped"}}
	if got := tableOf(t, d, TableOptions{}); strings.Count(got, "dupfind skipped") != 1 || strings.Contains(got, "Next:") {
		t.Error(got)
	}
	d.Numbers.Skipped = 0
	if got := tableOf(t, d, TableOptions{}); !strings.HasSuffix(got, "\nNext:\n  dupfind skipped\n") {
		t.Error(got)
	}
}
