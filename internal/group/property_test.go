package group

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var kinds = []string{"same-pixels", "resized", "edited", "similar"}

// randomCase makes photos that tie in most rules, so that all of them decide.
func randomCase(r *rand.Rand) ([]Photo, []Pair) {
	n := 2 + r.IntN(12)
	var photos []Photo
	name := 0
	for i := range n {
		p := Photo{ID: int64(i + 1), SHA256: [32]byte{byte(i), byte(r.IntN(256))}, SizeBytes: int64(100 + r.IntN(3)),
			Width: 10 + r.IntN(2), Height: 10, Format: []string{"jpeg", "png", "heic", "cr2", "webp"}[r.IntN(5)],
			JPEGQuality: r.IntN(2) * 90, HasExif: r.IntN(2) == 0, HasGPS: r.IntN(2) == 0, Rating: r.IntN(3) - 1}
		for range 1 + max(0, r.IntN(6)-3) {
			name++
			p.Files = append(p.Files, File{Path: fmt.Sprintf("%c/IMG%d.jpg", 'a'+rune(r.IntN(3)), name), SizeBytes: p.SizeBytes,
				MtimeNS: int64(r.IntN(3)), Device: 1, Inode: uint64(10*i + r.IntN(4)), Links: uint64(r.IntN(3)),
				Managed: r.IntN(8) == 0, Protected: r.IntN(8) == 0})
		}
		photos = append(photos, p)
	}
	var pairs []Pair
	for range r.IntN(3 * n) {
		p := pairOf(int64(1+r.IntN(n)), int64(1+r.IntN(n)), kinds[r.IntN(len(kinds))])
		p.Similarity = 0.9 + float64(r.IntN(3))/100
		pairs = append(pairs, p)
	}
	return photos, pairs
}

func shuffled(r *rand.Rand, photos []Photo, pairs []Pair) ([]Photo, []Pair) {
	renumber := r.Perm(len(photos)) // row numbers differ from scan to scan
	id := func(old int64) int64 { return int64(renumber[old-1] + 1) }
	out := make([]Photo, len(photos))
	for i, at := range r.Perm(len(photos)) {
		p := photos[i]
		p.ID = id(p.ID)
		p.Files = make([]File, len(photos[i].Files))
		for j, to := range r.Perm(len(p.Files)) {
			p.Files[to] = photos[i].Files[j]
		}
		out[at] = p
	}
	mixed := make([]Pair, len(pairs))
	for i, at := range r.Perm(len(pairs)) {
		p := pairs[i]
		p.A, p.B = id(p.A), id(p.B)
		if r.IntN(2) == 0 {
			p.A, p.B = p.B, p.A
		}
		mixed[at] = p
	}
	return out, mixed
}

func withoutIDs(r Result) Result {
	for i := range r.Groups {
		r.Groups[i].Keeper.PhotoID = 0
		for j := range r.Groups[i].Members {
			r.Groups[i].Members[j].PhotoID = 0
		}
	}
	return r
}

func TestOrderOfInputDoesNotMatter(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		photos, pairs := randomCase(r)
		want := withoutIDs(Build(photos, pairs, testOptions))
		for range 4 {
			got := withoutIDs(build(shuffled(r, photos, pairs)))
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("seed %d:\n%s", seed, d)
			}
		}
	}
}

// build is Build on the results of shuffled.
func build(photos []Photo, pairs []Pair) Result { return Build(photos, pairs, testOptions) }

func TestInvariants(t *testing.T) {
	for seed := range uint64(600) {
		photos, pairs := randomCase(rand.New(rand.NewPCG(seed, 2)))
		r := Build(photos, pairs, testOptions)
		checkStars(t, seed, photos, pairs, r)
		checkMoves(t, seed, r)
		checkNothingLost(t, seed, pairs, r)
	}
}

// checkStars: every member is a pair with the keeper, of the surest kind given,
// and comes after it by the rules.
func checkStars(t *testing.T, seed uint64, photos []Photo, pairs []Pair, r Result) {
	given := make(map[[2]int64]Pair)
	for _, p := range pairs {
		for _, k := range [][2]int64{{p.A, p.B}, {p.B, p.A}} {
			if old, ok := given[k]; !ok || p.Certainty > old.Certainty || p.Certainty == old.Certainty && p.Similarity > old.Similarity {
				given[k] = p
			}
		}
	}
	ids := make(map[string]bool)
	for _, g := range r.Groups {
		if ids[g.ID] || len(g.Members) == 0 || g.KeeperReason == "" {
			t.Fatalf("seed %d: group %s: twice, empty or without reason: %+v", seed, g.ID, g)
		}
		ids[g.ID] = true
		for _, m := range g.Members {
			if m.Reason == "" || m.Lacks == nil {
				t.Fatalf("seed %d: no reason for %+v", seed, m)
			}
			if m.PhotoID == g.Keeper.PhotoID {
				if m.Kind != "identical" || m.Similarity != 1 {
					t.Fatalf("seed %d: copy of the keeper: %+v", seed, m)
				}
				continue
			}
			p, ok := given[[2]int64{m.PhotoID, g.Keeper.PhotoID}]
			if !ok || p.Kind != m.Kind || p.Similarity != m.Similarity {
				t.Fatalf("seed %d: member %+v, pair %+v, %v", seed, m, p, ok)
			}
			if two := []Photo{photos[m.PhotoID-1], photos[g.Keeper.PhotoID-1]}; Best(two) != 1 {
				t.Fatalf("seed %d: the rules prefer a member to its keeper", seed)
			}
		}
	}
}

// checkMoves: no keeper of any group moves, no inode moves twice, nothing
// managed or protected moves, and the bytes freed are those of movable inodes.
func checkMoves(t *testing.T, seed uint64, r Result) {
	keepers, moved := make(map[uint64]bool), make(map[uint64]bool)
	for _, g := range r.Groups {
		keepers[g.Keeper.File.Inode] = true
		if g.Keeper.Movable {
			t.Fatalf("seed %d: keeper may be moved", seed)
		}
	}
	for _, g := range r.Groups {
		var bytes int64
		for _, m := range g.Members {
			if !m.Movable {
				if m.Why == "" {
					t.Fatalf("seed %d: no reason why %s stays", seed, m.File.Path)
				}
				continue
			}
			if moved[m.File.Inode] || keepers[m.File.Inode] {
				t.Fatalf("seed %d: inode %d moves twice or is a keeper", seed, m.File.Inode)
			}
			moved[m.File.Inode] = true
			for _, f := range append(m.OtherNames, m.File) {
				if f.Managed || f.Protected || f.Inode != m.File.Inode {
					t.Fatalf("seed %d: %+v may be moved", seed, f)
				}
			}
			if m.File.Links <= uint64(1+len(m.OtherNames)) {
				bytes += m.File.SizeBytes
			}
		}
		if bytes != g.FreedBytes {
			t.Fatalf("seed %d: frees %d, want %d", seed, g.FreedBytes, bytes)
		}
	}
}

// checkNothingLost: every photo of a pair is in a group or counted outside.
func checkNothingLost(t *testing.T, seed uint64, pairs []Pair, r Result) {
	in, paired := make(map[int64]bool), make(map[int64]bool)
	for _, g := range r.Groups {
		in[g.Keeper.PhotoID] = true
		for _, m := range g.Members {
			in[m.PhotoID] = true
		}
	}
	outside := 0
	for _, p := range pairs {
		if p.A == p.B {
			continue
		}
		for _, id := range []int64{p.A, p.B} {
			if !paired[id] && !in[id] {
				outside++
			}
			paired[id] = true
		}
	}
	if outside != r.Outside {
		t.Fatalf("seed %d: %d outside, want %d", seed, r.Outside, outside)
	}
}

// What quarantine moves, asked for sure kinds only, must be what the whole
// report says about these kinds.
func TestVaguerPairsDoNotChangeSurerGroups(t *testing.T) {
	for seed := range uint64(300) {
		photos, pairs := randomCase(rand.New(rand.NewPCG(seed, 3)))
		for least := 1; least <= 5; least++ {
			o := testOptions
			o.CopyCertainty = max(o.CopyCertainty, least)
			var sure []Pair
			for _, p := range pairs {
				if p.Certainty >= least {
					sure = append(sure, p)
				}
			}
			moves := func(r Result) map[string]string {
				out := make(map[string]string)
				for _, g := range r.Groups {
					g, _ := g.Keep(func(m Member) bool { return m.Certainty >= least && m.Movable })
					for _, m := range g.Members {
						out[m.File.Path] = g.Keeper.File.Path + " " + m.Kind
					}
				}
				return out
			}
			if d := cmp.Diff(moves(Build(photos, sure, o)), moves(Build(photos, pairs, o))); d != "" {
				t.Fatalf("seed %d, certainty %d:\n%s", seed, least, d)
			}
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 50_000
	var photos []Photo
	for i := range n {
		photos = append(photos, Photo{ID: int64(i), SHA256: [32]byte{byte(i), byte(i >> 8), byte(i >> 16)}, Width: 100 + r.IntN(9), Height: 80,
			Format: "jpeg", Files: []File{{Path: fmt.Sprintf("/home/u/Pictures/2019/IMG_%05d.jpg", i), Inode: uint64(i + 1), Device: 1}}})
	}
	var pairs []Pair
	for range 200_000 {
		pairs = append(pairs, pairOf(r.Int64N(n), r.Int64N(n), "similar"))
	}
	b.ReportAllocs()
	for b.Loop() {
		Build(photos, pairs, testOptions)
	}
}
