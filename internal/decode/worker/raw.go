package worker

import (
	"errors"

	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/internal/decode/exif"
	"github.com/dupfind/dupfind/internal/decode/format"
)

// previewTries is how many of a raw file's previews are tried, largest first, before it is given up as damaged.
const previewTries = 3

// raw decodes the largest JPEG inside a raw file.
func (p picture) raw(kind format.Kind) (*pixels, error) {
	previews := format.Previews(p.data)
	if len(previews) == 0 {
		return nil, skipf(decode.NoPreview, "no JPEG inside the %s file", kind)
	}
	if big := previews[0]; big.Width < format.MinPreviewSide || big.Height < format.MinPreviewSide {
		return nil, skipf(decode.NoPreview, "the largest JPEG inside the %s file has %d x %d pixels", kind, big.Width, big.Height)
	}
	var first error
	for _, pv := range previews[:min(len(previews), previewTries)] {
		x, err := p.jpeg(p.data[pv.Offset:])
		if err == nil {
			p.asRaw(x)
			return x, nil
		}
		if _, ok := errors.AsType[*skip](err); !ok {
			return nil, err
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// asRaw gives a decoded preview the raw file's facts. The camera's facts are the raw file's; what it does not say, the
// preview may. Where the preview has EXIF, its orientation is that of its own pixels; most previews have none and lie as
// the raw file says.
func (p picture) asRaw(x *pixels) {
	own := x.facts
	w, h := format.Declared(p.data)
	x.facts = exif.Parse(format.EXIFBlocks(p.data)...)
	if gps := format.GPSBlock(p.data); gps != nil {
		x.facts.ParseGPS(gps)
	}
	if own.Present {
		if !x.facts.Present {
			x.facts = own
		}
		x.facts.Orientation = own.Orientation
	} else {
		x.turn(x.facts.Orientation)
	}
	x.previewW, x.previewH = x.width, x.height
	x.quality = 0 // the preview's, not the photo's
	if w <= 0 || h <= 0 {
		return
	}
	if x.facts.Orientation >= 5 {
		w, h = h, w
	}
	if w*h > x.width*x.height {
		x.width, x.height = w, h
	}
}
