package group

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var testOptions = Options{Identical: "identical", IdenticalCertainty: 5, CopyCertainty: 3}

func pairOf(a, b int64, kind string) Pair {
	certainty := map[string]int{"same-pixels": 4, "resized": 3, "edited": 2, "similar": 1}[kind]
	return Pair{A: a, B: b, Similarity: 0.96, Cosine: 0.5, Kind: kind, Certainty: certainty}
}

// photoOf is a photo with a file for each path; the lower the number, the more
// pixels it has.
func photoOf(id int64, paths ...string) Photo {
	p := Photo{ID: id, SHA256: [32]byte{byte(id)}, SizeBytes: 1000 + id, Width: 1000 - int(id), Height: 100, Format: "jpeg"}
	for i, path := range paths {
		p.Files = append(p.Files, File{Path: path, SizeBytes: p.SizeBytes, Device: 1, Inode: uint64(100*id) + uint64(i), Links: 1, MtimeNS: int64(i)})
	}
	return p
}

// sketch writes groups down as "keeper: kind member, ...", with ! for what must
// stay.
func sketch(r Result) []string {
	var out []string
	for _, g := range r.Groups {
		var members []string
		for _, m := range g.Members {
			s := m.Kind + " " + m.File.Path
			if !m.Movable {
				s = "!" + s
			}
			members = append(members, s)
		}
		out = append(out, g.Keeper.File.Path+": "+strings.Join(members, ", "))
	}
	return out
}

func TestBuild(t *testing.T) {
	for _, c := range []struct {
		name    string
		photos  []Photo
		pairs   []Pair
		want    []string
		outside int
	}{
		{name: "nothing"},
		{name: "no pairs", photos: []Photo{photoOf(1, "a"), photoOf(2, "b")}},
		{
			name:   "identical files",
			photos: []Photo{photoOf(1, "a", "b", "c")},
			want:   []string{"a: identical b, identical c"},
		},
		{
			name:   "a chain is no group",
			photos: []Photo{photoOf(1, "a"), photoOf(2, "b"), photoOf(3, "c")},
			pairs:  []Pair{pairOf(1, 2, "similar"), pairOf(2, 3, "similar")},
			want:   []string{"a: similar b"}, outside: 1,
		},
		{
			name:   "the middle of a chain keeps both when it is best",
			photos: []Photo{photoOf(2, "a"), photoOf(1, "b"), photoOf(3, "c")},
			pairs:  []Pair{pairOf(1, 2, "similar"), pairOf(1, 3, "similar")},
			want:   []string{"b: similar a, similar c"},
		},
		{
			name:   "a sure pair is not lost to a vague one",
			photos: []Photo{photoOf(1, "a"), photoOf(2, "b"), photoOf(3, "c")},
			pairs:  []Pair{pairOf(1, 2, "similar"), pairOf(1, 3, "similar"), pairOf(2, 3, "same-pixels")},
			want:   []string{"b: same-pixels c", "a: !similar b"},
		},
		{
			name:   "copies of a similar photo stay copies of each other",
			photos: []Photo{photoOf(1, "a"), photoOf(2, "b1", "b2")},
			pairs:  []Pair{pairOf(1, 2, "similar")},
			want:   []string{"b1: identical b2", "a: !similar b1"},
		},
		{
			name:   "stars of copies grow together",
			photos: []Photo{photoOf(1, "a1", "a2"), photoOf(2, "b1", "b2"), photoOf(3, "c")},
			pairs:  []Pair{pairOf(1, 2, "resized"), pairOf(2, 3, "same-pixels"), pairOf(1, 3, "resized")},
			want:   []string{"a1: identical a2, resized b1, resized b2, resized c"},
		},
		{
			name:   "but not when one of them is no copy of the new keeper",
			photos: []Photo{photoOf(1, "a"), photoOf(2, "b"), photoOf(3, "c")},
			pairs:  []Pair{pairOf(1, 2, "resized"), pairOf(2, 3, "same-pixels"), pairOf(1, 3, "similar")},
			want:   []string{"b: same-pixels c", "a: !resized b"},
		},
		{
			name:   "vaguer members join a star",
			photos: []Photo{photoOf(1, "a"), photoOf(2, "b"), photoOf(3, "c")},
			pairs:  []Pair{pairOf(1, 2, "same-pixels"), pairOf(1, 3, "similar")},
			want:   []string{"a: same-pixels b, similar c"},
		},
		{
			name:   "the surer of two pairs of the same photos counts",
			photos: []Photo{photoOf(1, "a"), photoOf(2, "b")},
			pairs:  []Pair{pairOf(2, 1, "similar"), pairOf(1, 2, "same-pixels"), pairOf(1, 2, "similar")},
			want:   []string{"a: same-pixels b"},
		},
		{
			name:   "pairs with strangers and with oneself are nothing",
			photos: []Photo{photoOf(1, "a"), photoOf(2)},
			pairs:  []Pair{pairOf(1, 1, "similar"), pairOf(1, 2, "similar"), pairOf(1, 9, "similar")},
		},
		{
			name:   "sure groups first, then by path",
			photos: []Photo{photoOf(1, "z"), photoOf(2, "y"), photoOf(3, "b"), photoOf(4, "c"), photoOf(5, "a", "a2"), photoOf(6, "d")},
			pairs:  []Pair{pairOf(1, 2, "similar"), pairOf(3, 4, "similar"), pairOf(5, 6, "similar")},
			want:   []string{"a: identical a2, similar d", "b: similar c", "z: similar y"},
		},
	} {
		r := Build(c.photos, c.pairs, testOptions)
		if d := cmp.Diff(c.want, sketch(r)); d != "" || r.Outside != c.outside {
			t.Errorf("%s: %d outside, want %d\n%s", c.name, r.Outside, c.outside, d)
		}
	}
}

func TestHardLinksAreOneCopy(t *testing.T) {
	p := photoOf(1, "a", "b", "c", "d")
	p.Files[1].Inode = p.Files[0].Inode // b is a
	p.Files[3].Inode = p.Files[2].Inode // d is c
	for i := range p.Files {
		p.Files[i].Links = 2
	}
	g := Build([]Photo{p}, nil, testOptions).Groups[0]
	if len(g.Members) != 1 || g.Keeper.File.Path != "a" || g.Keeper.OtherNames[0].Path != "b" ||
		g.Members[0].File.Path != "c" || g.Members[0].OtherNames[0].Path != "d" {
		t.Errorf("got %+v", g)
	}
	if g.FreedBytes != p.SizeBytes {
		t.Errorf("frees %d bytes, want %d", g.FreedBytes, p.SizeBytes)
	}
	for i := range p.Files {
		p.Files[i].Links = 3 // one more name somewhere else
	}
	if g := Build([]Photo{p}, nil, testOptions).Groups[0]; g.FreedBytes != 0 {
		t.Errorf("frees %d bytes although another name remains", g.FreedBytes)
	}
	p.Files = p.Files[:2]
	if r := Build([]Photo{p}, nil, testOptions); len(r.Groups) != 0 {
		t.Errorf("two names of one file are a group: %v", sketch(r))
	}
	p.Files[0].Inode, p.Files[0].Device, p.Files[1].Inode, p.Files[1].Device = 0, 0, 0, 0
	if r := Build([]Photo{p}, nil, testOptions); len(r.Groups) != 1 {
		t.Error("without inode numbers, two names must be two copies")
	}
}

func TestManagedAndProtectedStay(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(files []File)
		want   string
	}{
		{"managed copy is kept, so that the other can go", func(f []File) { f[1].Managed = true }, "b: identical a, identical c"},
		{"two managed copies stay", func(f []File) { f[1].Managed, f[2].Managed = true, true }, "b: identical a, !identical c"},
		{"protected before managed", func(f []File) { f[1].Managed, f[2].Protected = true, true }, "c: identical a, !identical b"},
		{"chosen before protected", func(f []File) { f[1].Chosen, f[2].Protected = true, true }, "b: identical a, !identical c"},
		{"a link in a managed library holds the copy", func(f []File) { f[2].Inode, f[2].Managed, f[0].Protected = f[1].Inode, true, true }, "a: !identical c"},
	} {
		p := photoOf(1, "a", "b", "c")
		c.change(p.Files)
		r := Build([]Photo{p}, nil, testOptions)
		if got := sketch(r); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		for _, m := range append(r.Groups[0].Members, r.Groups[0].Keeper) {
			if m.Movable == (m.Why != "") {
				t.Errorf("%s: %s: movable %v, why %q", c.name, m.File.Path, m.Movable, m.Why)
			}
		}
	}
	// A managed member of worse quality stays, and so the group frees nothing.
	p, q := photoOf(1, "a"), photoOf(2, "lib.photoslibrary/originals/b")
	q.Files[0].Managed = true
	g := Build([]Photo{p, q}, []Pair{pairOf(1, 2, "resized")}, testOptions).Groups[0]
	if g.Members[0].Movable || g.FreedBytes != 0 || g.Members[0].Why != "inside a managed photo library" {
		t.Errorf("got %+v", g)
	}
}

func TestKeepLeavesMembersOut(t *testing.T) {
	r := Build([]Photo{photoOf(1, "a"), photoOf(2, "b"), photoOf(3, "c")},
		[]Pair{pairOf(1, 2, "same-pixels"), pairOf(1, 3, "similar")}, testOptions)
	g, ok := r.Groups[0].Keep(func(m Member) bool { return m.Kind == "same-pixels" })
	if !ok || len(g.Members) != 1 || g.FreedBytes != 1002 || r.Groups[0].FreedBytes != 2005 || len(r.Groups[0].Members) != 2 {
		t.Errorf("got %+v of %+v", g, r.Groups[0])
	}
	if _, ok := r.Groups[0].Keep(func(Member) bool { return false }); ok {
		t.Error("a group without members is left")
	}
}
