package ingest

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/internal/decode"
)

// NotEmbedded is the reason of a photo that was decoded and that the model
// could not embed. It is not remembered: the next scan tries again.
const NotEmbedded = "not-embedded"

// NotEmbeddedText is the sentence for a person.
const NotEmbeddedText = "The model could not embed this photo."

// hopeless is how many photos in a row, from the first, a model may fail to
// embed: one that can embed none would list the whole library as skipped.
const hopeless = 32

// embedAll has tiles embedded until no more come.
func (r *run) embedAll(ctx context.Context) error {
	if r.o.EmbedCalls > 1 {
		return r.embedConcurrently(ctx)
	}
	return r.embedInTurn(ctx)
}

// embedInTurn gathers full batches and has one embedded at a time: a model on
// this machine uses all cores for each.
func (r *run) embedInTurn(ctx context.Context) error {
	batches := make(chan []tileOf, 1) // one ready while another is embedded
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { defer close(batches); return r.batch(ctx, batches) })
	g.Go(func() error {
		for b := range batches {
			if err := r.embedBatch(ctx, b); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// batch gathers full batches; what is left at the end goes as it is.
func (r *run) batch(ctx context.Context, out chan<- []tileOf) error {
	size := max(1, r.o.BatchTiles)
	var b []tileOf
	for t := range r.tiles {
		b = append(b, t)
		if len(b) < size {
			continue
		}
		if err := send(ctx, out, b); err != nil {
			return err
		}
		b = nil
	}
	if len(b) == 0 {
		return nil
	}
	return send(ctx, out, b)
}

// embedConcurrently has several batches embedded at once. A caller that is
// free takes what is there and waits for no more: a far server has work at
// once, and when all callers are busy the tiles that pile up make the next
// batches larger.
func (r *run) embedConcurrently(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for range r.o.EmbedCalls {
		g.Go(func() error {
			for {
				b := r.take()
				if len(b) == 0 {
					return nil
				}
				if err := r.embedBatch(ctx, b); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// take waits for one tile and gives it with those that are there besides;
// none: there will be no more.
func (r *run) take() []tileOf {
	t, ok := <-r.tiles
	if !ok {
		return nil
	}
	b := []tileOf{t}
	for len(b) < max(1, r.o.BatchTiles) {
		select {
		case t, ok := <-r.tiles:
			if !ok {
				return b
			}
			b = append(b, t)
		default:
			return b
		}
	}
	return b
}

// embedBatch embeds a batch, less the photos that the model cannot embed: each
// round finds one of these, settles it as skipped and tries the rest again.
func (r *run) embedBatch(ctx context.Context, b []tileOf) error {
	model, err := r.model.wait(ctx)
	if err != nil {
		return err
	}
	for len(b) > 0 {
		if ctx.Err() != nil { // the run is to stop
			return context.Cause(ctx)
		}
		vectors, err := r.vectors(ctx, model, b)
		bad, isTile := errors.AsType[*embed.TileError](err)
		switch {
		case err == nil:
			return r.settleEmbedded(b, vectors)
		case !isTile || bad.Index < 0 || bad.Index >= len(b):
			return fmt.Errorf("embed %d photos: %w", len(b), err)
		}
		if n := r.refused.Add(1); n >= hopeless && !r.embedded.Load() {
			return fmt.Errorf("embed: the model refused all of the first %d photos: %w", n, bad.Err)
		}
		if err := r.settleRefused(b[bad.Index], bad.Err); err != nil {
			return err
		}
		b = append(b[:bad.Index:bad.Index], b[bad.Index+1:]...)
	}
	return nil
}

// vectors asks the model for the vectors of a batch and believes none of them
// unseen: what is stored is compared for years.
func (r *run) vectors(ctx context.Context, model Embedder, b []tileOf) ([][]float32, error) {
	tiles := make([][]byte, len(b))
	for i, t := range b {
		tiles[i] = t.photo.Tile
	}
	vectors, err := model.Embed(ctx, tiles)
	if err != nil {
		return nil, err
	}
	if len(vectors) != len(b) {
		return nil, fmt.Errorf("the model gave %d vectors", len(vectors))
	}
	for i, v := range vectors {
		if err := embed.CheckVector(v, r.o.Dim); err != nil {
			return nil, fmt.Errorf("the model's answer for tile %d: %w", i, err)
		}
	}
	return vectors, nil
}

func (r *run) settleEmbedded(b []tileOf, vectors [][]float32) error {
	r.embedded.Store(true)
	for i, t := range b {
		t.photo.Tile = nil
		res := result{file: t.job.file, how: decoded, photo: t.photo, vector: vectors[i], sha: t.photo.SHA256}
		if err := r.settle(res); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) settleRefused(t tileOf, why error) error {
	skip := &decode.SkipError{Path: t.job.path, Reason: NotEmbedded, Err: why}
	return r.settle(result{file: t.job.file, how: skipped, skip: skip, sha: t.photo.SHA256})
}
