package exif

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dupfind/dupfind/internal/decode"
)

const packet = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description MicrosoftPhoto:Rating="75" %s>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">no</rdf:li></rdf:Alt></dc:title>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">Tom &amp; Zoë</rdf:li><rdf:li xml:lang="de">nein</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta>`

func TestXMP(t *testing.T) {
	for rating, want := range map[string]int{`xmp:Rating="4"`: 4, `xmp:Rating='-1'`: -1, `><xmp:Rating>3</xmp:Rating`: 3, ``: 0, `xmp:Rating="9"`: 0, `xmp:RatingX="2"`: 0, `xmp:Rating=" 5.0 "`: 5} {
		data := "before" + strings.Replace(packet, "%s", rating, 1) + "after"
		f := Facts{Orientation: 1}
		f.AddXMP(FindXMP([]byte(data)))
		if f.Rating != want || f.Caption != "Tom & Zoë" || !f.Present {
			t.Errorf("%s: got %v", rating, f)
		}
	}
	far := append(make([]byte, 1<<20), packet...)
	if FindXMP(far) == nil {
		t.Error("not found at the end")
	}
	if FindXMP(far[:len(far)-1]) != nil || FindXMP(nil) != nil {
		t.Error("found what is not whole")
	}
	f := Facts{Exif: decode.Exif{Rating: 2, Caption: "mine"}}
	f.AddXMP([]byte(strings.Replace(packet, "%s", `xmp:Rating="4"`, 1)))
	if f.Rating != 2 || f.Caption != "mine" {
		t.Errorf("EXIF's own facts gave way: %v", f)
	}
}

func FuzzXMP(f *testing.F) {
	f.Add([]byte(strings.Replace(packet, "%s", `xmp:Rating="4"`, 1)))
	f.Add([]byte(strings.Replace(packet, "%s", `><xmp:Rating>3</xmp:Rating`, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var x Facts
		x.AddXMP(FindXMP(b))
		x.AddXMP(b)
		if x.Rating < -1 || x.Rating > 5 || !utf8.ValidString(x.Caption) || len(x.Caption) > decode.MaxText {
			t.Fatalf("got %v", x)
		}
	})
}
