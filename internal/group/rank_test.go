package group

import (
	"slices"
	"testing"
	"time"
)

// Each case changes one thing about two equal photos: the first must be kept,
// for the reason given, whichever comes first.
func TestKeeperRules(t *testing.T) {
	day := func(d int) int64 { return time.Date(2019, 5, d, 12, 0, 0, 0, time.UTC).UnixNano() }
	for _, c := range []struct {
		name        string
		kept, other func(p *Photo)
		reason      string
		lacks       []string
		keptName    string
		otherName   string
	}{
		{name: "chosen", kept: func(p *Photo) { p.Files[0].Chosen = true }, other: func(p *Photo) { p.Width, p.Height = 4032, 3024 },
			reason: "you decided to keep it", lacks: []string{"more pixels"}},
		{name: "protected", kept: func(p *Photo) { p.Files[0].Protected = true }, other: func(p *Photo) { p.Width *= 2 },
			reason: "in a protected folder", lacks: []string{"more pixels"}},
		{name: "pixels", kept: func(p *Photo) { p.Width, p.Height = 4032, 3024 }, other: func(p *Photo) {
			p.Format, p.HasGPS, p.Rating, p.TakenAt, p.Caption = "heic", true, 4, "2019:05:02 12:00:00", "us"
		},
			reason: "more pixels: 4032 x 3024 against 2016 x 1512", lacks: []string{"GPS", "rating", "date", "caption"}},
		{name: "raw", kept: func(p *Photo) { p.Format = "cr2" }, other: func(p *Photo) { p.Format, p.HasExif = "heic", true }, reason: "original format: CR2 against HEIC"},
		{name: "heic", kept: func(p *Photo) { p.Format, p.SizeBytes = "heic", 5 }, other: func(p *Photo) { p.HasExif = true }, reason: "original format: HEIC against JPEG"},
		{name: "exif", kept: func(p *Photo) { p.HasExif = true }, other: func(p *Photo) { p.JPEGQuality = 99 }, reason: "has EXIF data"},
		{name: "date", kept: func(p *Photo) { p.TakenAt = "2019:05:02 12:00:00" }, other: func(p *Photo) { p.HasGPS = true }, reason: "has the date taken", lacks: []string{"GPS"}},
		{name: "GPS", kept: func(p *Photo) { p.HasGPS = true }, other: func(p *Photo) { p.SizeBytes++ }, reason: "has a GPS position"},
		{name: "format", kept: func(p *Photo) { p.Format, p.SizeBytes = "png", 5 }, other: func(p *Photo) { p.JPEGQuality = 100 }, reason: "format that keeps more: PNG against JPEG"},
		{name: "unknown format", kept: func(p *Photo) {}, other: func(p *Photo) { p.Format = "" }, reason: "format that keeps more: JPEG against unknown"},
		{name: "quality", kept: func(p *Photo) { p.JPEGQuality = 95 }, other: func(p *Photo) { p.JPEGQuality, p.SizeBytes = 80, 5000 }, reason: "less compressed: JPEG quality 95 against 80"},
		{name: "unknown quality", kept: func(p *Photo) { p.JPEGQuality = 95 }, other: func(p *Photo) { p.SizeBytes = 5000 }, reason: "less compressed: JPEG quality 95 against an unknown one"},
		{name: "bytes", kept: func(p *Photo) { p.SizeBytes = 2000 }, other: func(p *Photo) { p.Files[0].Managed = true }, reason: "less compressed: 2000 bytes against 1000"},
		{name: "managed", kept: func(p *Photo) { p.Files[0].Managed = true }, other: func(p *Photo) { p.Files[0].MtimeNS = 1 }, reason: "inside a managed photo library"},
		{name: "older by days", kept: func(p *Photo) { p.Files[0].MtimeNS = day(2) }, other: func(p *Photo) { p.Files[0].MtimeNS = day(3) }, reason: "older: 2019-05-02 against 2019-05-03"},
		{name: "older by seconds", kept: func(p *Photo) { p.Files[0].MtimeNS = day(2) }, other: func(p *Photo) { p.Files[0].MtimeNS = day(2) + 1e9 }, reason: "older: 2019-05-02 12:00:00 against 2019-05-02 12:00:01"},
		{name: "older by less than means anything", kept: func(p *Photo) { p.Files[0].MtimeNS += 5 }, other: func(p *Photo) {}, reason: "first by name, all else being equal"},
		{name: "rating", kept: func(p *Photo) { p.Rating = 4 }, other: func(p *Photo) {}, reason: "has a rating"},
		{name: "caption", kept: func(p *Photo) { p.Caption = "at the lake" }, other: func(p *Photo) {}, reason: "has a caption"},
		{name: "bytes of metadata say nothing", kept: func(p *Photo) { p.JPEGQuality = 90 }, other: func(p *Photo) { p.JPEGQuality = 90; p.SizeBytes += 500 }, reason: "first by name, all else being equal"},
		{name: "clean name", keptName: "d/IMG_0001.jpg", otherName: "d/I (1).jpg", reason: `clean name: "IMG_0001.jpg" against "I (1).jpg"`},
		{name: "short name", keptName: "folder/IMG_1.jpg", otherName: "IMG_0001.jpg", reason: `shorter name: "IMG_1.jpg" against "IMG_0001.jpg"`},
		{name: "short path", keptName: "f/IMG_1.jpg", otherName: "folder/IMG_2.jpg", reason: "shorter path"},
		{name: "first", keptName: "IMG_1.jpg", otherName: "IMG_2.jpg", reason: "first by name, all else being equal"},
	} {
		base := func(id int64, name, fallback string, change func(*Photo)) Photo {
			if name == "" {
				name = fallback
			}
			p := Photo{ID: id, SHA256: [32]byte{byte(id)}, SizeBytes: 1000, Width: 2016, Height: 1512, Format: "jpeg",
				Files: []File{{Path: name, MtimeNS: day(9), Device: 1, Inode: uint64(id), Links: 1}}}
			if change != nil {
				change(&p)
			}
			return p
		}
		kept, other := base(1, c.keptName, "a.jpg", c.kept), base(2, c.otherName, "b.jpg", c.other)
		for _, photos := range [][]Photo{{kept, other}, {other, kept}} {
			if i := Best(photos); photos[i].ID != 1 {
				t.Errorf("%s: Best keeps the other", c.name)
			}
			g := Build(photos, []Pair{pairOf(2, 1, "resized")}, testOptions).Groups[0]
			if g.Keeper.PhotoID != 1 {
				t.Fatalf("%s: the other is kept: %s", c.name, g.KeeperReason)
			}
			if g.KeeperReason != c.reason || g.Members[0].Reason != c.reason {
				t.Errorf("%s: got reasons %q and %q, want %q", c.name, g.KeeperReason, g.Members[0].Reason, c.reason)
			}
			if !slices.Equal(g.Members[0].Lacks, c.lacks) {
				t.Errorf("%s: got lacks %v, want %v", c.name, g.Members[0].Lacks, c.lacks)
			}
		}
	}
}

func TestBestOfNone(t *testing.T) {
	if Best(nil) != -1 || Best([]Photo{{ID: 1}}) != -1 {
		t.Error("Best names a photo without files")
	}
}
