package ingest

import (
	"context"
	"time"

	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/scan"
)

// Progress hears how a run goes on. Its methods are called from several
// goroutines and must return at once.
type Progress interface {
	// Total adds to what is to be done; complete says that the walk is over and
	// the total will not grow any more.
	Total(files int, sizeBytes int64, complete bool)
	// Start says that work on a file begins, so that a slow one can be named.
	Start(path string)
	// Add says that a file is settled and saved.
	Add(path string, sizeBytes int64)
	// Skip says that a file could not be compared, and why.
	Skip(path, reason string)
}

// Decoder turns a file into a tile; *decode.Pool is the one for real.
type Decoder interface {
	Decode(ctx context.Context, r decode.Request, wanted func(sha [32]byte) bool) (decode.Photo, error)
}

// Embedder turns tiles into unit vectors; every embed.Backend is one.
type Embedder interface {
	Embed(ctx context.Context, tiles [][]byte) ([][]float32, error)
}

// Options says what to scan and with what.
type Options struct {
	Targets []Target
	Walk    scan.Options // Known is set by the run itself
	Verify  bool         // open files that look unchanged, too

	ModelID  int64 // as the store numbers models
	TileSize int   // pixels; the model's input
	Dim      int   // numbers of a vector; any other length is refused

	Decoder Decoder
	// OpenEmbedder loads the model. It is called once, when the first photo
	// needs it and beside that photo's decoding; never when nothing is new.
	OpenEmbedder func(ctx context.Context) (Embedder, error)
	// Workers is how many photos are decoded at once.
	Workers int
	// BatchTiles is how many tiles the embedder is given in one call.
	BatchTiles int
	// EmbedCalls is how many calls of the embedder there are at once. 0 and 1:
	// one, with full batches. More, for a server: each call takes what tiles
	// there are, up to BatchTiles, and waits for no more. At no time are there
	// more than EmbedCalls x BatchTiles tiles with the embedder, tilesWaiting
	// (64) on the way to it and one with each decoder.
	EmbedCalls int

	Progress Progress
	Now      func() time.Time
}
