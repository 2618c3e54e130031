package bench

import (
	"context"
	"errors"
	"fmt"
)

const (
	// NaiveFiles is how many files the naive client sends in a batch.
	NaiveFiles = 32
	// NaiveFileBytes is the size of each where no photos are given: a camera's JPEG of about 8 megapixels.
	NaiveFileBytes = 1_550_000
	// serverProbes is how many batches of tiles tell the server's own time.
	serverProbes = 3
)

// naive measures the pattern that this benchmark began with: a client that sends 32 original files as they are, waits for
// the answer, and sends the next 32.
//
// The servers take tiles, not photos of any size, so this is put together of two parts that are both measured: the files
// are sent whole to the server, over the same connection and link as everything else, in one request that it receives to
// the last byte and answers at once; and the time that the same server spends on 32 tiles is added. That flatters the
// naive client: a server would also have to decode 32 photos and to make tiles of them.
func (r *runner) naive(ctx context.Context) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	sender, ok := r.subject.(FileSender)
	if !ok || len(r.o.Files) == 0 {
		r.record.Notes = append(r.record.Notes, "no naive client: nothing is sent to this backend")
		return nil
	}
	added, err := r.serverTime(ctx)
	if err != nil {
		return err
	}
	l := r.load(r.subject, len(r.o.Files))
	l.inFlight, l.least, l.warmup, l.timeout, l.tick = 1, 1, 0, patience, r.tick("naive client")
	out, parts, err := sendInParts(ctx, l, sender, r.o.Files)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m := out.measurement(NaiveTest, l)
	m.RequestsPerCall = parts
	if err != nil {
		m.Error = err.Error()
		r.finish(m, r.subject)
		return nil
	}
	r.addServerTime(&m, added)
	if parts > 1 {
		m.Notes = append(m.Notes, fmt.Sprintf("the server takes no request of that size: each batch went as %d, one after the other", parts))
	}
	r.finish(m, r.subject)
	return nil
}

// sendInParts sends the files whole, or in as few requests as the server takes.
func sendInParts(ctx context.Context, l load, sender FileSender, files [][]byte) (out outcome, parts int, err error) {
	for parts = 1; parts <= len(files); parts *= 2 {
		tooLarge := false
		out, err = l.closed(ctx, func(ctx context.Context, _ int) error {
			for k := range parts {
				part := files[k*len(files)/parts : (k+1)*len(files)/parts]
				if err := sender.SendFiles(ctx, part); err != nil {
					tooLarge = tooLarge || errors.Is(err, ErrTooLarge)
					return err
				}
			}
			return nil
		})
		if err == nil || !tooLarge {
			break
		}
	}
	return out, parts, err
}

// addServerTime adds the server's own time for a batch to each batch that was sent.
func (r *runner) addServerTime(m *Measurement, added float64) {
	send := m.Latency.MeanMS
	for _, f := range []*float64{&m.Latency.MeanMS, &m.Latency.P50MS, &m.Latency.P95MS, &m.Latency.P99MS, &m.Latency.MaxMS} {
		*f = round(*f + added)
	}
	if send+added > 0 {
		m.CallsPerSecond = round(1000 / (send + added))
		m.PhotosPerSecond = round(1000 * float64(m.Photos) / (send + added))
	}
	var bytes int64
	for _, f := range r.o.Files {
		bytes += int64(len(f))
	}
	m.Naive = &Naive{Files: len(r.o.Files), MeanFileBytes: bytes / int64(len(r.o.Files)), Source: r.o.FileSource, SendMS: send, AddedServerMS: added}
	m.Notes = append(m.Notes, "files sent whole, plus the server's time for as many tiles; decoding them there would come on top")
	if added == 0 {
		m.Notes = append(m.Notes, "the server tells no times: none was added for the model, which flatters the naive client")
	}
}

// serverTime is what the server takes for a batch of tiles by its own clock, in milliseconds; 0 where it does not tell.
func (r *runner) serverTime(ctx context.Context) (float64, error) {
	for _, m := range r.record.Measurements {
		if m.Test == Batch && m.Photos == len(r.o.Files) && m.RequestsPerCall == 1 && m.Server != nil {
			return m.Server.MeanMS, nil
		}
	}
	before, ok, err := counters(ctx, r.subject)
	if !ok || err != nil {
		return 0, err
	}
	for i := range serverProbes {
		tiles := r.tiles(i, len(r.o.Files))
		if r.target.MaxTiles > 0 {
			tiles = tiles[:min(len(tiles), r.target.MaxTiles)]
		}
		if err := r.embed(ctx, r.subject, tiles); err != nil {
			return 0, err
		}
	}
	after, _, err := counters(ctx, r.subject)
	if err != nil {
		return 0, err
	}
	d := after.minus(before)
	if d.Tiles == 0 {
		return 0, nil
	}
	return round(ms(d.Total) / float64(d.Tiles) * float64(len(r.o.Files))), nil
}
