package exif

import (
	"bytes"
	"html"
	"strconv"
)

// maxXMP bounds a packet; maxXMPSearch bounds where it is looked for, at both ends of a file: metadata stands before the
// pixels, or in some containers after them.
const (
	maxXMP       = 256 << 10
	maxXMPSearch = 256 << 10
)

// FindXMP finds the XMP packet in a photo of any format. XMP is made to be found so: plain text between fixed marks. The
// result is nil where there is none.
func FindXMP(data []byte) []byte {
	if p := xmpIn(data[:min(len(data), maxXMPSearch)], data); p != nil || len(data) <= maxXMPSearch {
		return p
	}
	tail := data[max(maxXMPSearch, len(data)-maxXMPSearch):]
	return xmpIn(tail, tail)
}

func xmpIn(head, data []byte) []byte {
	i := bytes.Index(head, []byte("<x:xmpmeta"))
	if i < 0 {
		return nil
	}
	packet := data[i:min(len(data), i+maxXMP)]
	if n := bytes.Index(packet, []byte("</x:xmpmeta>")); n >= 0 {
		return packet[:n]
	}
	return nil
}

// AddXMP takes the two facts that people set by hand from an XMP packet, where EXIF does not tell them: stars, which few
// programs write into EXIF, and the caption.
func (f *Facts) AddXMP(packet []byte) {
	if f.Rating == 0 {
		for _, name := range []string{"xmp:Rating", "xap:Rating"} {
			if n, err := strconv.ParseFloat(xmpValue(packet, name), 64); err == nil && n >= -1 && n <= 5 {
				f.Rating = int(n)
				break
			}
		}
	}
	if f.Caption == "" {
		f.Caption = caption(xmpText(packet, "dc:description"))
	}
	f.Present = f.Present || f.Rating != 0 || f.Caption != ""
}

// xmpValue is a simple property's value, written as an attribute or as an element.
func xmpValue(packet []byte, name string) string {
	for rest := packet; ; {
		i := bytes.Index(rest, []byte(name))
		if i < 0 {
			return ""
		}
		rest = rest[i+len(name):]
		if len(rest) < 3 {
			return ""
		}
		end := byte('<')
		value := rest[1:]
		switch {
		case rest[0] == '>':
		case rest[0] == '=' && (rest[1] == '"' || rest[1] == '\''):
			end, value = rest[1], rest[2:]
		default: // a longer name, or the end of an element
			continue
		}
		if n := bytes.IndexByte(value[:min(len(value), 32)], end); n >= 0 {
			return string(bytes.TrimSpace(value[:n]))
		}
	}
}

// xmpText is the first text of a property in several languages: the default one stands first.
func xmpText(packet []byte, name string) string {
	_, rest, found := bytes.Cut(packet, []byte("<"+name))
	if !found {
		return ""
	}
	body, _, _ := bytes.Cut(rest, []byte("</"+name))
	_, item, found := bytes.Cut(body, []byte("<rdf:li"))
	if !found {
		return ""
	}
	_, text, found := bytes.Cut(item, []byte(">"))
	if !found {
		return ""
	}
	text, _, found = bytes.Cut(text, []byte("</rdf:li>"))
	if !found || len(text) > maxValue {
		return ""
	}
	return clean(html.UnescapeString(string(text)))
}
