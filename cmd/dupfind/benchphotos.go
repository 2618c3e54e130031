package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/dupfind/dupfind/internal/bench"
	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/scan"
)

const (
	// benchPhotos is how many photos of a folder are decoded at most.
	benchPhotos = 128
	// syntheticFiles is what the naive client's files are called where no photos are given.
	syntheticFiles = "synthetic payload"
)

// benchPlan adds to the plan what is sent: the user's photos, or pictures and
// bytes made for the purpose.
func (a app) benchPlan(ctx context.Context, b benchOptions) (bench.Options, error) {
	p := b.plan
	if b.photos == "" {
		p.TileSource, p.FileSource = "synthetic", syntheticFiles
		p.Tiles = func(_ context.Context, size int) ([][]byte, error) { return bench.Synthetic(size), nil }
		if b.anyServer() {
			p.Files = syntheticPayload()
		}
		return p, nil
	}
	photos, err := somePhotos(ctx, b.photos)
	if err != nil {
		return p, err
	}
	p.TileSource, p.FileSource = "photos", "photos"
	p.Tiles = func(ctx context.Context, size int) ([][]byte, error) { return a.decodeSome(ctx, b, photos, size) }
	for i := 0; i < bench.NaiveFiles && b.anyServer(); i++ {
		f, err := os.ReadFile(photos[i%len(photos)])
		if err != nil {
			return p, err
		}
		p.Files = append(p.Files, f)
	}
	return p, nil
}

// syntheticPayload is as many bytes as photos have. They are random, so that
// nothing on the way can make them fewer.
func syntheticPayload() [][]byte {
	source := rand.NewChaCha8([32]byte{1})
	out := make([][]byte, bench.NaiveFiles)
	for i := range out {
		out[i] = make([]byte, bench.NaiveFileBytes)
		_, _ = source.Read(out[i]) // never fails
	}
	return out
}

// somePhotos are the first photos of a folder.
func somePhotos(ctx context.Context, folder string) ([]string, error) {
	root, err := scan.ResolveRoot(folder)
	if err != nil {
		return nil, err
	}
	var out []string
	enough := errors.New("enough photos")
	_, err = scan.Walk(ctx, root, "", scan.Options{}, scan.Visitor{File: func(f scan.File) error {
		if f.Class == scan.Photo {
			out = append(out, filepath.Join(root, filepath.FromSlash(f.Rel)))
		}
		if len(out) == benchPhotos {
			return enough
		}
		return nil
	}})
	if err != nil && !errors.Is(err, enough) {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("--photos %q: there are no photos", folder)
	}
	return out, nil
}

// decodeSome makes tiles of the photos that can be decoded.
func (a app) decodeSome(ctx context.Context, b benchOptions, photos []string, size int) (tiles [][]byte, err error) {
	pool := decode.NewPool(decode.PoolOptions{Log: a.logger(b.flagOptions)})
	defer func() { err = errors.Join(err, pool.Close()) }()
	for _, path := range photos {
		photo, err := pool.Decode(ctx, decode.Request{Path: path, TileSize: size}, nil)
		if _, skip := errors.AsType[*decode.SkipError](err); skip {
			continue
		}
		if err != nil {
			return nil, err
		}
		tiles = append(tiles, photo.Tile)
	}
	if len(tiles) == 0 {
		return nil, fmt.Errorf("--photos %q: none of %d photos can be decoded", b.photos, len(photos))
	}
	return tiles, nil
}
