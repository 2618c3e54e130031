package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/dupfind/dupfind/embed/remote"
	"github.com/dupfind/dupfind/internal/term"
	"github.com/dupfind/dupfind/store"
)

// noteBeside writes a line for the person without leaving half a bar beside it.
func (a app) noteBeside(p *term.Progress, o flagOptions, format string, args ...any) {
	if o.JSON { // the progress is lines on stdout
		a.note(o, format, args...)
	} else if !o.Quiet {
		_, _ = fmt.Fprintf(p, format+"\n", args...) // nothing to do if stderr is gone
	}
}

// sentJSON is what a scan sent to servers; it is left out where it met none.
type sentJSON struct {
	Servers          []string `json:"servers"`
	Wire             string   `json:"wire"`
	Photos           int64    `json:"photos"`
	Bytes            int64    `json:"bytes"`
	Requests         int64    `json:"requests"`
	Retries          int64    `json:"retries"`
	BusySeconds      float64  `json:"busy_seconds"`
	PhotosPerSecond  float64  `json:"photos_per_second"`
	RoundTripSeconds float64  `json:"round_trip_seconds"`
	Cost             *float64 `json:"cost,omitempty"`
}

func sentDocument(s scanOptions, m *scanModel, st remote.Stats) *sentJSON {
	j := &sentJSON{
		Servers: m.link.choice.Servers, Wire: string(st.Wire), Photos: st.Photos, Bytes: st.SentBytes,
		Requests: st.Requests, Retries: st.Retries, BusySeconds: st.Busy.Seconds(), PhotosPerSecond: st.PhotosPerSecond(),
		RoundTripSeconds: st.RoundTrip.Seconds(),
	}
	if price := s.remote.PricePerHour; price > 0 {
		c := price * st.Busy.Hours()
		j.Cost = &c
	}
	return j
}

// sentLines say the same to a person.
func sentLines(s scanOptions, m *scanModel, st remote.Stats) []string {
	if st.Photos == 0 {
		return nil
	}
	text := fmt.Sprintf("%s to %s: %s as %s in %s (%s)", term.Number(st.Photos, "photo"), m.link.choice,
		term.Bytes(st.SentBytes), st.Wire, term.Duration(st.Busy), term.Rate(st.PhotosPerSecond()))
	if price := s.remote.PricePerHour; price > 0 {
		text += ", cost " + money(price*st.Busy.Hours())
	}
	size := m.manifest().TileSize
	return []string{text, fmt.Sprintf("Only tiles (%d x %d px) left this machine, no files and no names.", size, size)}
}

// money writes a cost in whatever currency the price was, with two to four
// digits that mean something.
func money(v float64) string {
	switch {
	case v >= 99.5:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v >= 0.1:
		return strconv.FormatFloat(v, 'f', 3, 64)
	case v > 0 && v < 0.00005:
		return "less than 0.0001"
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}

// sending is what a scan would send, for a dry run.
type sending struct {
	choice backendChoice
	photos int
	bytes  int64
	// measured: bytes is by an earlier scan's photos, and there is a rate; else
	// by what photos usually have.
	measured bool
	rate     float64 // photos a second, 0: not known
}

// Bytes of a tile of 224 x 224 pixels on the wire, mean of 79 photos; others
// have more or less by their area.
const (
	usualSize   = 224
	usualWebP   = 77_100
	usualJPEG95 = 32_100
)

// planSending says what of a dry run would go to servers; nil: nothing, since
// the scan embeds on this machine.
func (a app) planSending(ctx context.Context, db *store.DB, s scanOptions, choice backendChoice, model storedModel, photos int) (*sending, error) {
	if !choice.isRemote() {
		return nil, nil
	}
	p := &sending{choice: choice, photos: photos}
	size := int64(max(model.Manifest.TileSize, 0))
	if size == 0 {
		size = usualSize
	}
	raw := 3 * size * size
	if db != nil && model.ID != 0 {
		r, known, err := db.LastRate(ctx, choice.String(), model.ID)
		if err != nil {
			return nil, err
		}
		if known && sameWire(choice.Wire, float64(r.SentBytes)/float64(r.Photos*raw)) {
			p.measured, p.rate = true, float64(r.Photos)/r.Busy.Seconds()
			p.bytes = int64(float64(r.SentBytes) / float64(r.Photos) * float64(photos))
			return p, nil
		}
	}
	switch choice.Wire {
	case remote.Raw:
		p.bytes = raw
	case remote.JPEG95:
		p.bytes = usualJPEG95 * size * size / (usualSize * usualSize)
	default:
		p.bytes = usualWebP * size * size / (usualSize * usualSize)
	}
	p.bytes *= int64(photos)
	return p, nil
}

// sameWire reports whether photos that took this share of their raw size may
// have gone over the wire asked for.
func sameWire(w remote.Wire, share float64) bool {
	const between = 0.9 // lossless WebP of a photo is well below, of noise about 1
	switch w {
	case remote.Raw:
		return share > between
	case remote.WebP:
		return share <= between
	}
	return true
}

func (p *sending) takes() time.Duration {
	if p.rate <= 0 {
		return 0
	}
	return time.Duration(float64(p.photos) / p.rate * float64(time.Second))
}

// lines say it to a person. How many of the photos are copies of known ones,
// which are not sent, nobody knows before they are read.
func (p *sending) lines(price float64) []string {
	if p.photos == 0 {
		return []string{fmt.Sprintf("Nothing would be sent to %s.", p.choice)}
	}
	size := "about " + term.Bytes(p.bytes)
	if !p.measured {
		size += ", estimated"
		if p.choice.Wire == "" || p.choice.Wire == remote.Auto {
			size += " for webp; raw, on a fast link, about twice that"
		}
	}
	out := []string{fmt.Sprintf("It would send up to %s to %s (%s).", term.Number(p.photos, "photo"), p.choice, size)}
	if p.rate <= 0 {
		text := "How long that takes"
		if price > 0 {
			text += " and costs"
		}
		return append(out, text+" is not measured yet: a scan of some photos does it.")
	}
	text := fmt.Sprintf("At %s, as measured before, that takes %s", term.Rate(p.rate), term.Duration(p.takes()))
	if price > 0 {
		text += " and costs " + money(price*p.takes().Hours())
	}
	return append(out, text+".")
}

// sendingJSON is the same in JSON. What is not known is left out.
type sendingJSON struct {
	Servers         []string `json:"servers"`
	Photos          int      `json:"photos"`
	Bytes           int64    `json:"bytes"`
	BytesMeasured   bool     `json:"bytes_measured"`
	PhotosPerSecond *float64 `json:"photos_per_second,omitempty"`
	Seconds         *float64 `json:"seconds,omitempty"`
	Cost            *float64 `json:"cost,omitempty"`
}

func (p *sending) document(price float64) *sendingJSON {
	if p == nil {
		return nil
	}
	j := &sendingJSON{Servers: p.choice.Servers, Photos: p.photos, Bytes: p.bytes, BytesMeasured: p.measured}
	if p.rate > 0 {
		seconds := p.takes().Seconds()
		j.PhotosPerSecond, j.Seconds = &p.rate, &seconds
		if price > 0 {
			cost := price * p.takes().Hours()
			j.Cost = &cost
		}
	}
	return j
}
