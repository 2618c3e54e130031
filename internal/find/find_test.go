package find

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/store"
)

// angleOf is the angle between vectors of a cosine.
func angleOf(cosine float64) float64 { return math.Acos(cosine) }

// small is a library with one of everything.
func small(t *testing.T) *shelf {
	s := newShelf(t)
	a := s.one("2019/a.jpg", axis(0, 0))
	a.Content.Width = 80
	again := s.one("2019/a (1).jpg", nil)
	again.Content, again.SHA256 = nil, a.Content.SHA256
	b := s.one("2020/b.jpg", axis(0, angleOf(0.97)))
	c := s.one("2020/c.jpg", axis(0, -angleOf(0.92)))
	d := s.one("2021/d.jpg", axis(6, 0))
	white := s.one("scans/white.png", nil)
	white.Content.LowDetail = true
	late := s.one("2021/late.jpg", nil) // not embedded under this model
	skip := store.Ingest{File: store.File{RootID: s.root, Path: "broken.jpg", State: store.StateSkipped, Reason: "damaged"}}
	s.put(a, again, b, c, d, white, late, skip)
	s.update(UpdateOptions{FloorCosine: 0.9})
	return s
}

func TestGroups(t *testing.T) {
	s := small(t)
	both := []string{"/pictures/2019/a.jpg: /pictures/2019/a (1).jpg=identical /pictures/2020/b.jpg=similar /pictures/2020/c.jpg=similar"}
	sure := []string{"/pictures/2019/a.jpg: /pictures/2019/a (1).jpg=identical /pictures/2020/b.jpg=similar"}
	for _, c := range []struct {
		name   string
		change func(*Options)
		want   []string
	}{
		{"at 0.95", func(*Options) {}, sure},
		{"at the floor", func(o *Options) { o.Threshold = 0.9 }, both},
		{"below the floor", func(o *Options) { o.Threshold = 0.5 }, both},
		{"identical only", func(o *Options) { o.Kinds = []match.Kind{match.Identical} }, []string{"/pictures/2019/a.jpg: /pictures/2019/a (1).jpg=identical"}},
		{"similar only", func(o *Options) { o.Kinds = []match.Kind{match.Similar} }, []string{"/pictures/2019/a.jpg: /pictures/2020/b.jpg=similar"}},
		{"same-pixels only", func(o *Options) { o.Kinds = []match.Kind{match.SamePixels} }, nil},
		{"a folder that the member is in", func(o *Options) { o.Paths = []string{"/pictures/2020/"} }, sure},
		{"a file", func(o *Options) { o.Paths = []string{"/pictures/2019/a (1).jpg"} }, sure},
		{"a folder without copies", func(o *Options) { o.Paths = []string{"/pictures/2021", "/pictures/201"} }, nil},
		{"the root of all", func(o *Options) { o.Paths = []string{"/"} }, sure},
		{"large files", func(o *Options) { o.MinSize = 1001 }, nil},
		{"protected", func(o *Options) { o.Protected = []string{"/pictures/2020"} }, []string{
			"/pictures/2019/a.jpg: /pictures/2019/a (1).jpg=identical", "/pictures/2020/b.jpg: /pictures/2019/a.jpg=similar"}},
		{"an engine that may miss pairs", func(o *Options) { o.Engine = &rough{} }, sure},
		{"no model", func(o *Options) { o.ModelID, o.Engine, o.Scale = 0, nil, nil }, []string{"/pictures/2019/a.jpg: /pictures/2019/a (1).jpg=identical"}},
	} {
		o := s.options(0.95)
		c.change(&o)
		r := s.groups(o)
		if d := cmp.Diff(c.want, sketch(r)); d != "" {
			t.Errorf("%s:\n%s", c.name, d)
		}
		for _, g := range r.Groups {
			for _, m := range append(g.Members, g.Keeper) {
				if r.Contents[m.PhotoID].ID != m.PhotoID {
					t.Errorf("%s: no facts about %s", c.name, m.File.Path)
				}
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	s := small(t)
	r := s.groups(s.options(0.95))
	n := r.Numbers
	want := Numbers{Files: 7, Photos: 6, Compared: 4, LowDetail: 1, NoVector: 1, Skipped: 1, Proposals: 1, ExpectedFalse: n.ExpectedFalse}
	if d := cmp.Diff(want, n); d != "" {
		t.Error(d)
	}
	if n.Photos != n.Compared+n.LowDetail+n.NoVector {
		t.Error("the numbers do not add up")
	}
	if math.Abs(n.ExpectedFalse-6e-6) > 1e-12 { // 4 photos are 6 pairs
		t.Errorf("expects %v false proposals", n.ExpectedFalse)
	}
	o := s.options(0.95)
	o.MinSize = 1001
	if n := s.groups(o).Numbers; n.TooSmall != 6 || n.Photos != 0 || n.Files != 7 {
		t.Errorf("with a minimum size: %+v", n)
	}
}

func TestFalseRate(t *testing.T) {
	for _, c := range []struct{ similarity, want float64 }{{0.95, 1e-6}, {0.90, 1e-5}, {1, 1e-7}, {0.85, 1e-4}, {0.1, 1}} {
		if got := FalseRate(c.similarity); math.Abs(got/c.want-1) > 1e-9 {
			t.Errorf("at %v: got %v, want %v", c.similarity, got, c.want)
		}
	}
}

func TestSearchesWhatTheStoreDoesNotAnswer(t *testing.T) {
	s := small(t)
	s.put(s.one("2022/new.jpg", axis(6, angleOf(0.99))))
	for _, c := range []struct {
		name      string
		threshold float64
		want      SearchReason
		pairs     int
	}{
		{name: "a new photo", threshold: 0.95, want: NotSearched, pairs: 2},
		{name: "below the floor", threshold: 0.85, want: BelowFloor, pairs: 3}, // b and c are at 0.80
	} {
		var told SearchReason
		o := s.options(c.threshold)
		o.Kinds = []match.Kind{match.Similar}
		o.Searching = func(r SearchReason) { told = r }
		r := s.groups(o)
		if told != c.want || r.Searched != c.want {
			t.Errorf("%s: told %q and %q, want %q", c.name, told, r.Searched, c.want)
		}
		if r.Proposals != c.pairs {
			t.Errorf("%s: %d proposals", c.name, r.Proposals)
		}
	}
	if s.allSearched() {
		t.Error("report has marked photos as searched")
	}
	s.update(UpdateOptions{FloorCosine: 0.9})
	o := s.options(0.95)
	o.Searching = func(r SearchReason) { t.Errorf("searches again: %s", r) }
	if r := s.groups(o); r.Proposals != 2 || r.Searched != "" {
		t.Errorf("after the update: %+v", r.Numbers)
	}
	// Gone photos are not compared, whatever is stored about them.
	if err := s.db.MarkGone(t.Context(), s.root, s.fileIDs("2022/new.jpg")); err != nil {
		t.Fatal(err)
	}
	if r := s.groups(s.options(0.95)); r.Proposals != 1 || r.Compared != 4 {
		t.Errorf("with a gone photo: %+v", r.Numbers)
	}
}

func (s *shelf) fileIDs(path string) (ids []int64) {
	s.t.Helper()
	for f, err := range s.db.Files(s.t.Context(), s.root) {
		if err != nil {
			s.t.Fatal(err)
		}
		if f.Path == path {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

func TestTooManyPairsBelowTheFloor(t *testing.T) {
	s := newShelf(t)
	for i := range 20 {
		s.put(s.one(string(rune('a'+i)), axis(0, float64(i)/100)))
	}
	s.update(UpdateOptions{FloorCosine: 0.999})
	o := s.options(0.5)
	o.MaxPairs = 189
	_, err := Groups(t.Context(), s.db, o)
	if e, ok := errors.AsType[*TooManyPairsError](err); !ok || e.Cosine != 0.5 {
		t.Errorf("got %v", err)
	}
	o.MaxPairs = 190
	if r := s.groups(o); r.Proposals != 190 {
		t.Errorf("%d proposals", r.Proposals)
	}
}

func TestRefusesNonsense(t *testing.T) {
	s := newShelf(t)
	for _, o := range []Options{
		{Threshold: math.NaN()},
		{Threshold: 1.5},
		{Threshold: -0.1},
		{Threshold: 0.9, ModelID: s.model},
		{Threshold: 0.9, Kinds: []match.Kind{"copies"}},
	} {
		if _, err := Groups(t.Context(), s.db, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

func TestFilePairs(t *testing.T) {
	s := small(t)
	write := func(all []FilePair) []string {
		var out []string
		for _, p := range all {
			out = append(out, strings.TrimPrefix(p.PathA, "/pictures/")+" "+strings.TrimPrefix(p.PathB, "/pictures/")+" "+string(p.Kind))
		}
		return out
	}
	for _, c := range []struct {
		name   string
		change func(*Options)
		want   []string
	}{
		{"all", func(*Options) {}, []string{
			"2019/a (1).jpg 2019/a.jpg identical",
			"2019/a (1).jpg 2020/b.jpg similar",
			"2019/a.jpg 2020/b.jpg similar",
		}},
		{"similar", func(o *Options) { o.Kinds = []match.Kind{match.Similar} }, []string{
			"2019/a (1).jpg 2020/b.jpg similar", "2019/a.jpg 2020/b.jpg similar"}},
		{"a path", func(o *Options) { o.Paths = []string{"/pictures/2019/a.jpg"} }, []string{
			"2019/a (1).jpg 2019/a.jpg identical", "2019/a.jpg 2020/b.jpg similar"}},
	} {
		o := s.options(0.95)
		c.change(&o)
		if d := cmp.Diff(c.want, write(s.filePairs(o))); d != "" {
			t.Errorf("%s:\n%s", c.name, d)
		}
	}
	stop := errors.New("stop")
	if _, err := EachPair(t.Context(), s.db, s.options(0.95), func(FilePair) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func TestHardLinksAndRoots(t *testing.T) {
	s := newShelf(t)
	usb := s.addRoot("/", false)
	a := s.one("a.jpg", axis(0, 0))
	link := s.one("b.jpg", nil)
	link.Content, link.SHA256 = nil, a.Content.SHA256
	link.File.Inode, link.File.Links, a.File.Links = a.File.Inode, 2, 2
	other := link // the same numbers where inodes mean nothing
	other.File.RootID, other.File.Path = usb, "usb/a.jpg"
	s.put(a, link, other)
	s.update(UpdateOptions{FloorCosine: 0.9})
	r := s.groups(s.options(0.95))
	if len(r.Groups) != 1 || len(r.Groups[0].Members) != 1 {
		t.Fatalf("got %v", sketch(r))
	}
	k, m := r.Groups[0].Keeper, r.Groups[0].Members[0]
	names := []string{k.File.Path, m.File.Path}
	for _, f := range slices.Concat(k.OtherNames, m.OtherNames) {
		names = append(names, f.Path)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"/pictures/a.jpg", "/pictures/b.jpg", "/usb/a.jpg"}) {
		t.Errorf("got names %q", names)
	}
	if p := s.filePairs(s.options(0.95)); len(p) != 1 {
		t.Errorf("got %d pairs of two files, one with two names", len(p))
	}
}

func TestWorksOnAReadOnlyStore(t *testing.T) {
	s := small(t)
	ro, err := store.Open(t.Context(), s.path, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := ro.Close(); err != nil {
			t.Error(err)
		}
	}()
	r, err := Groups(t.Context(), ro, s.options(0.95))
	if err != nil || len(r.Groups) != 1 {
		t.Errorf("got %v, %v", sketch(r), err)
	}
}
