package term

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", math.MinInt64: "-9,223,372,036,854,775,808"} {
		if got := Count(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
	if got := Number(1, "photo") + Number(2000, "photo") + Number(0, "copy", "copies"); got != "1 photo2,000 photos0 copies" {
		t.Error(got)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 1234: "1.2 kB", 9949: "9.9 kB", 9950: "10 kB", 99_499: "99 kB", 999_499: "999 kB", 999_500: "1.0 MB",
		34_402_000: "34 MB", 1_200_000_000: "1.2 GB", math.MaxInt64: "9.2 EB", -5000: "-5.0 kB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 12 * time.Millisecond: "12 ms", 400 * time.Millisecond: "0.4 s", 5 * time.Second: "5 s", 9949 * time.Millisecond: "9.9 s", 9951 * time.Millisecond: "10 s",
		59_600 * time.Millisecond: "1 min 00 s", 185 * time.Second: "3 min 05 s", 3599_600 * time.Millisecond: "1 h 00 min", 3720 * time.Second: "1 h 02 min",
		51 * time.Hour: "2 d 03 h", -2 * time.Second: "-2 s",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestRate(t *testing.T) {
	for r, want := range map[float64]string{0: "0/s", 0.25: "0.25/s", 3.42: "3.4/s", 162.6: "163/s", 12345: "12,345/s", math.Inf(1): "0/s", -1: "0/s"} {
		if got := Rate(r); got != want {
			t.Errorf("%v: got %q, want %q", r, got, want)
		}
	}
}

func TestEscape(t *testing.T) {
	for name, want := range map[string]string{
		"IMG (1).jpg":             "IMG (1).jpg",
		"new\nline\ttab\rcr":      `new\nline\ttab\rcr`,
		"esc\x1b[31mred":          `esc\x1b[31mred`,
		"\xff\xfe":                `\xff\xfe`,
		`back\slash`:              `back\\slash`,
		"rtl_\u202egpj.exe":       `rtl_\u202egpj.exe`,
		"a\u2066b\u200bc\ufeff":   `a\u2066b\u200bc\ufeff`,
		"c1 \u009b31m":            `c1 \u009b31m`,
		"del\x7f":                 `del\x7f`,
		"naïve_фото_写真_😀":         "naïve_фото_写真_😀",
		"family 👨\u200d👩\u200d👧":  "family 👨\u200d👩\u200d👧",
		"at 9.41\u202fAM\u00a0x":  "at 9.41\u202fAM\u00a0x",
		"tag \U000e0001":          `tag \U000e0001`,
		"real replacement \ufffd": "real replacement \ufffd",
		"line\u2028separator":     `line\u2028separator`,
	} {
		if got := Escape(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestEscapeSentence(t *testing.T) {
	for s, want := range map[string]string{
		`against "caf\xe9.jpg"`: `against "caf\xe9.jpg"`,
		"é\xff\x1b\n\u202e":     `é\xff\x1b\n\u202e`,
	} {
		got := EscapeSentence(s)
		if got != want || EscapeSentence(got) != got {
			t.Errorf("%q: got %q, then %q, want %q", s, got, EscapeSentence(got), want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("\xff\x1b[2J\u202e\\")
	f.Fuzz(func(t *testing.T, s string) {
		e := Escape(s)
		for _, r := range e {
			if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 {
				t.Errorf("%q keeps %q", e, r)
			}
		}
		if w := TextWidth(Shorten(e, 10)); w > 10 {
			t.Errorf("%q shortened to %d columns", e, w)
		}
	})
}

func TestWidthAndShorten(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "写真": 4, "e\u0301": 1, "😀": 2, "\x1b[1mab\x1b[0mc": 3} {
		if got := TextWidth(s); got != want {
			t.Errorf("%q: got %d, want %d", s, got, want)
		}
	}
	for _, c := range []struct {
		s    string
		max  int
		want string
	}{
		{"short.jpg", 20, "short.jpg"},
		{"2019/summer/holiday/IMG_1234.jpg", 20, "2019/su…IMG_1234.jpg"},
		{"写真写真写真写真", 9, "写真…写真"},
		{"abcdef", 1, "…"},
		{"abcdef", 0, "abcdef"},
	} {
		got := Shorten(c.s, c.max)
		if got != c.want {
			t.Errorf("%q to %d: got %q, want %q", c.s, c.max, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	tab := &Table{Columns: []Column{{}, {Shrink: true}, {Right: true}}, Indent: 2, Width: 40}
	tab.Row(nil, "keep", "2019/summer/holiday/IMG_1234.jpg", "3.1 MB")
	tab.Row(Paint{On: true}.Dim, "copy", "写真.jpg", "12 kB")
	tab.Row(nil, "x")
	var b strings.Builder
	if err := tab.Write(&b); err != nil {
		t.Fatal(err)
	}
	want := "  keep  2019/sum…ay/IMG_1234.jpg  3.1 MB\n" +
		"  \x1b[2mcopy  写真.jpg                   12 kB\x1b[0m\n" +
		"  x\n"
	if b.String() != want {
		t.Errorf("got\n%q\nwant\n%q", b.String(), want)
	}
	for l := range strings.Lines(b.String()) {
		if w := TextWidth(strings.TrimSuffix(l, "\n")); w > 40 {
			t.Errorf("%d columns: %q", w, l)
		}
	}
}

func TestTableStacks(t *testing.T) {
	write := func(width int) string {
		tab := &Table{Columns: []Column{{}, {Shrink: true, Own: true}, {}, {Right: true}}, Indent: 2, Width: width}
		tab.Line("Group 1 of 1")
		tab.Row(nil, "keep", "2019/summer/holiday/IMG_1234.jpg", "", "3.1 MB")
		tab.Note("kept: older")
		tab.Row(strings.ToUpper, "copy", "a b.jpg", "same-pixels", "12 kB")
		tab.Line("")
		tab.Row(nil, "also")
		var b strings.Builder
		if err := tab.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for width, want := range map[int]string{
		0: "Group 1 of 1\n" +
			"  keep  2019/summer/holiday/IMG_1234.jpg               3.1 MB\n" +
			"        kept: older\n" +
			"  COPY  A B.JPG                           SAME-PIXELS   12 KB\n" +
			"\n" +
			"  also\n",
		53: "Group 1 of 1\n" +
			"  keep  2019/sum…ay/IMG_1234.jpg               3.1 MB\n" +
			"        kept: older\n" +
			"  COPY  A B.JPG                   SAME-PIXELS   12 KB\n" +
			"\n" +
			"  also\n",
		52: "Group 1 of 1\n" +
			"  keep  2019/summer/holiday/IMG_1234.jpg\n" +
			"    3.1 MB\n" +
			"    kept: older\n" +
			"  COPY  A B.JPG\n" +
			"    SAME-PIXELS  12 KB\n" +
			"\n" +
			"  also\n",
		17: "Group 1 of 1\n" +
			"  keep\n" +
			"    2019/summer/holiday/IMG_1234.jpg\n" +
			"    3.1 MB\n" +
			"    kept: older\n" +
			"  COPY  A B.JPG\n" +
			"    SAME-PIXELS\n" +
			"    12 KB\n" +
			"\n" +
			"  also\n",
	} {
		if got := write(width); got != want {
			t.Errorf("at %d, got\n%s\nwant\n%s", width, got, want)
		}
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct {
		s     string
		width int
		want  []string
	}{
		{"", 5, []string{""}},
		{"one two three", 0, []string{"one two three"}},
		{"one two three", 8, []string{"one two", "three"}},
		{"a wonderfully long word", 6, []string{"a", "wonderfully", "long", "word"}},
		{"写真 写真 x", 7, []string{"写真", "写真 x"}},
		{"a  b", 3, []string{"a", "b"}},
		{" lead x", 5, []string{" lead", "x"}},
	} {
		if got := Fold(c.s, c.width); !slices.Equal(got, c.want) {
			t.Errorf("%q at %d: got %q, want %q", c.s, c.width, got, c.want)
		}
	}
}

func TestUseColour(t *testing.T) {
	env := func(kv ...string) func(string) string {
		return func(k string) string {
			for i := 0; i < len(kv); i += 2 {
				if kv[i] == k {
					return kv[i+1]
				}
			}
			return ""
		}
	}
	for name, c := range map[string]struct {
		mode     ColourMode
		terminal bool
		env      func(string) string
		want     bool
	}{
		"terminal":          {ColourAuto, true, env("TERM", "xterm"), true},
		"pipe":              {ColourAuto, false, env("TERM", "xterm"), false},
		"no colour":         {ColourAuto, true, env("NO_COLOR", "1"), false},
		"no colour, empty":  {ColourAuto, true, env("NO_COLOR", ""), true},
		"dumb":              {ColourAuto, true, env("TERM", "dumb"), false},
		"always beats":      {ColourAlways, false, env("NO_COLOR", "1"), true},
		"never":             {ColourNever, true, env(), false},
		"unknown acts auto": {"", true, env(), true},
	} {
		if got := UseColour(c.mode, c.terminal, c.env); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if s := (Paint{}).Bold("x"); s != "x" {
		t.Errorf("painted %q without colour", s)
	}
}
