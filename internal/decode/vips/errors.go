package vips

/*
#include <vips/vips.h>
#include "load.h"
*/
import "C"

import (
	"cmp"
	"strings"
)

// Kinds of [Error].
const (
	KindDamaged     = "damaged"
	KindTruncated   = "truncated"
	KindUnsupported = "unsupported"
	KindTooLarge    = "too-large"
)

// An Error says why a file gave no picture. Msg is for a person.
type Error struct {
	Kind string
	Msg  string
}

func (e *Error) Error() string { return "picture is " + e.Kind + ": " + e.Msg }

// loadError makes an [Error] of libvips' error text and clears it.
func loadError(o *C.load_options) error {
	text := strings.TrimSpace(C.GoString(C.vips_error_buffer()))
	C.vips_error_clear()
	log := ""
	if p := firstLog.Load(); p != nil {
		log = strings.TrimSpace(*p)
	}
	msg := strings.TrimPrefix(firstLine(text), "dupfind: ")
	if o.too_large != 0 {
		return &Error{Kind: KindTooLarge, Msg: msg}
	}
	if strings.HasSuffix(msg, "libpng read error") && log != "" {
		msg = "vipspng: " + firstLine(log)
	}
	return &Error{Kind: kindOfText(text + "\n" + log), Msg: cmp.Or(msg, firstLine(log), "no picture came of it")}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// kindWords are what the loaders' texts hold, first match wins. The verdict is the same for a scan (the photo is left
// out); only the word that a person reads depends on it.
var kindWords = []struct{ word, kind string }{
	{"out of memory", KindTooLarge}, {"unable to allocate", KindTooLarge}, {"insufficient memory", KindTooLarge},
	{"too large", KindTooLarge}, {"too big", KindTooLarge}, {"exceeds limit", KindTooLarge}, {"exceeds user limit", KindTooLarge},
	{"memory limit", KindTooLarge}, {"security limit", KindTooLarge}, {"dimensions exceed", KindTooLarge},
	{"truncat", KindTruncated}, {"premature", KindTruncated}, {"end of file", KindTruncated}, {"end-of-file", KindTruncated},
	{"unexpected end", KindTruncated}, {"end of stream", KindTruncated}, {"end of data", KindTruncated},
	{"not enough", KindTruncated}, {"unexpected eof", KindTruncated}, {"tifffillstrip: read error", KindTruncated},
	{"tifffilltile: read error", KindTruncated}, {"bad seek", KindTruncated},
	{"unsupported", KindUnsupported}, {"not supported", KindUnsupported}, {"not implemented", KindUnsupported},
	{"class \"", KindUnsupported}, {"no known", KindUnsupported},
}

func kindOfText(text string) string {
	text = strings.ToLower(text)
	for _, k := range kindWords {
		if strings.Contains(text, k.word) {
			return k.kind
		}
	}
	return KindDamaged
}
