// Command dumptiles decodes photos as a scan does and writes each one's tile as raw RGB, for tools/bench/tile_agreement.py
// to compare with another decoder's. It prints one JSON line a file: size, what the decoder made of it, or why it did not.
package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/dupfind/dupfind/internal/decode/format"
	"github.com/dupfind/dupfind/internal/decode/turbo"
	"github.com/dupfind/dupfind/internal/decode/vips"
)

const maxPixels = 500_000_000

// A line is what is printed for one file.
type line struct {
	File         string  `json:"file"`
	Format       string  `json:"format"`
	Width        int     `json:"width"`
	Height       int     `json:"height"`
	PixWidth     int     `json:"pix_width"`
	PixHeight    int     `json:"pix_height"`
	Orientation  int     `json:"orientation"`
	Quality      int     `json:"quality"`
	EXIFBytes    int     `json:"exif_bytes"`
	ICC          bool    `json:"icc"`
	Kind         string  `json:"kind"`    // why there is no tile; empty: there is one
	Message      string  `json:"message"` // for a person
	Milliseconds float64 `json:"milliseconds"`
	Digest       string  `json:"digest"` // of the pixels at full size, with -digest
}

type options struct {
	out      string
	tile     int
	minTiles float64
	digest   bool
}

func main() {
	var o options
	flag.StringVar(&o.out, "out", "", "folder for the tiles, NAME.rgb each; empty: none are written")
	flag.IntVar(&o.tile, "tile", 224, "side of the tile")
	flag.Float64Var(&o.minTiles, "min-tiles", 1.5, "sides of the scaled JPEG, in tiles, below which a larger scale is taken")
	flag.BoolVar(&o.digest, "digest", false, "print the digest of the pixels as well")
	flag.Parse()
	if err := run(os.Stdout, flag.Args(), o); err != nil {
		fmt.Fprintln(os.Stderr, "dumptiles:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, files []string, o options) error {
	enc := json.NewEncoder(w)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		l := line{File: file, Format: string(format.Detect(data)), Orientation: 1}
		start := time.Now()
		tile, err := decode(data, &l, o)
		l.Milliseconds = float64(time.Since(start).Microseconds()) / 1000
		if err != nil {
			l.Kind, l.Message = explain(err)
		} else if o.out != "" {
			if err := os.WriteFile(filepath.Join(o.out, filepath.Base(file)+".rgb"), tile, 0o644); err != nil {
				return err
			}
		}
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

func explain(err error) (kind, message string) {
	if e, ok := errors.AsType[*turbo.Error](err); ok {
		return e.Kind, e.Msg
	}
	if e, ok := errors.AsType[*vips.Error](err); ok {
		return e.Kind, e.Msg
	}
	return "error", err.Error()
}

func decode(data []byte, l *line, o options) ([]byte, error) {
	if l.Format == "jpeg" {
		tile, err := decodeJPEG(data, l, o)
		if e, ok := errors.AsType[*turbo.Error](err); !ok || e.Kind != turbo.KindCMYK {
			return tile, err
		}
	}
	img, err := vips.Decode(data, l.Format, vips.Options{MaxPixels: maxPixels, TileSize: o.tile})
	if err != nil {
		return nil, err
	}
	l.Width, l.Height, l.PixWidth, l.PixHeight = img.Width, img.Height, img.PixWidth, img.PixHeight
	l.EXIFBytes, l.ICC = len(img.EXIF), img.HasICC
	if o.digest {
		sum, err := vips.PixelDigest(data, l.Format, vips.Options{MaxPixels: maxPixels})
		if err != nil {
			return nil, err
		}
		l.Digest = hex.EncodeToString(sum[:])
	}
	return turbo.Resample(img.Pix, img.PixWidth, img.PixHeight, 1, o.tile, o.tile), nil
}

func decodeJPEG(data []byte, l *line, o options) ([]byte, error) {
	img, err := turbo.Decode(data, turbo.Options{MaxPixels: maxPixels, TileSize: o.tile, MinScaleTiles: o.minTiles})
	if err != nil {
		return nil, err
	}
	l.Width, l.Height, l.PixWidth, l.PixHeight = img.Width, img.Height, img.PixWidth, img.PixHeight
	l.Quality, l.EXIFBytes, l.ICC = img.Quality, len(img.EXIF), img.ICC != nil
	l.Orientation = vips.Orientation(img.EXIF)
	if o.digest {
		sum, err := turbo.CodedDigest(data)
		if err != nil {
			return nil, err
		}
		l.Digest = hex.EncodeToString(sum[:])
	}
	tile := img.Tile(l.Orientation, o.tile, o.tile)
	if img.ICC == nil {
		return tile, nil
	}
	if srgb, err := vips.ToSRGB(tile, o.tile, o.tile, img.ICC); err == nil { // a broken profile is ignored
		return srgb, nil
	}
	return tile, nil
}
