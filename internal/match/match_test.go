package match

import (
	"slices"
	"testing"
)

func TestKinds(t *testing.T) {
	last := len(Kinds()) + 1
	for _, k := range Kinds() {
		if !k.Valid() {
			t.Errorf("%q is not valid", k)
		}
		if k.Certainty() >= last || k.Certainty() <= 0 {
			t.Errorf("certainty of %q is %d after %d", k, k.Certainty(), last)
		}
		last = k.Certainty()
		if k.Meaning() == Kind("").Meaning() {
			t.Errorf("%q has no meaning", k)
		}
	}
	for _, k := range []Kind{"", "Identical", "resised"} {
		if k.Valid() || k.Certainty() != 0 {
			t.Errorf("%q passes as a kind", k)
		}
	}
}

func TestParseKinds(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []Kind
		bad  bool
	}{
		{in: "identical", want: []Kind{Identical}},
		{in: "similar, identical ,identical", want: []Kind{Identical, Similar}},
		{in: "identical,same-pixels,resized", want: CopyKinds()},
		{in: "", bad: true},
		{in: "identical,", bad: true},
		{in: "copies", bad: true},
	} {
		got, err := ParseKinds(c.in)
		if (err != nil) != c.bad || !slices.Equal(got, c.want) {
			t.Errorf("ParseKinds(%q): got %v, %v, want %v, error %v", c.in, got, err, c.want, c.bad)
		}
	}
}

func TestClassify(t *testing.T) {
	base := Photo{SHA256: [32]byte{1}, TileHash: [32]byte{9}, Width: 40, Height: 30}
	other := func(change func(*Photo)) Photo {
		p := base
		p.SHA256 = [32]byte{2}
		change(&p)
		return p
	}
	for _, c := range []struct {
		name  string
		a, b  Photo
		e     Evidence
		want  Kind
		none  bool
		maybe bool
	}{
		{name: "same bytes", a: base, b: base, want: Identical},
		{name: "same bytes whatever the verdict", a: base, b: base, e: PixelsDiffer, want: Identical},
		{name: "equal tile, not compared", a: base, b: other(func(*Photo) {}), want: Similar, maybe: true},
		{name: "equal tile, confirmed", a: base, b: other(func(*Photo) {}), e: PixelsEqual, want: SamePixels, maybe: true},
		{name: "equal tile, refuted", a: base, b: other(func(*Photo) {}), e: PixelsDiffer, want: Similar, maybe: true},
		{name: "turned", a: base, b: other(func(p *Photo) { p.Width, p.Height = 30, 40 }), e: PixelsEqual, want: Similar},
		{name: "other tile", a: base, b: other(func(p *Photo) { p.TileHash = [32]byte{8} }), want: Similar},
		{name: "no detail, not confirmed", a: base, b: other(func(p *Photo) { p.LowDetail = true }), none: true, maybe: true},
		{name: "no detail, refuted", a: base, b: other(func(p *Photo) { p.LowDetail = true }), e: PixelsDiffer, none: true, maybe: true},
		{name: "no detail, confirmed", a: base, b: other(func(p *Photo) { p.LowDetail = true }), e: PixelsEqual, want: SamePixels, maybe: true},
	} {
		for _, swap := range []bool{false, true} {
			a, b := c.a, c.b
			if swap {
				a, b = b, a
			}
			got, ok := Classify(a, b, c.e)
			if got != c.want || ok == c.none {
				t.Errorf("%s: got %q, %v", c.name, got, ok)
			}
			if MaybeSamePixels(a, b) != c.maybe {
				t.Errorf("%s: MaybeSamePixels is %v", c.name, !c.maybe)
			}
		}
	}
}
