package decode

import (
	"context"
	"log/slog"
	"time"
)

// PoolOptions says how photos are decoded. The zero value is ready for use.
type PoolOptions struct {
	// Workers is the number of processes; default: one per CPU.
	Workers int
	// Command is the argv that starts a worker; default: this program itself with the argument "decode-worker".
	Command []string
	// Env is a worker's environment; default: this process's own.
	Env []string
	// Deadline is the time that one photo may take, default 60 s; it grows with the file's size.
	Deadline time.Duration
	// MemoryLimitBytes is what one worker may use, default 1.5 GiB.
	MemoryLimitBytes int64
	// MaxPixels is the largest declared size that is decoded, default 250 million pixels.
	MaxPixels int64
	// MaxFileBytes is the largest file that is read, default 768 MiB.
	MaxFileBytes int64
	// Log takes what workers write to their standard error; nil: nowhere.
	Log *slog.Logger
}

// Request names a photo to decode.
type Request struct {
	Path     string
	TileSize int // 0: the constant TileSize
}

// Pool decodes photos in worker processes. Its methods may be called from many goroutines.
type Pool struct{ o PoolOptions }

// NewPool returns a pool; its processes start with the first photos.
func NewPool(o PoolOptions) *Pool { return &Pool{o: o} }

// Decode decodes one photo.
func (p *Pool) Decode(ctx context.Context, r Request, wanted func(sha [32]byte) bool) (Photo, error) {
	return Photo{}, nil
}

// PixelDigest digests one photo.
func (p *Pool) PixelDigest(ctx context.Context, path string) (PixelDigest, error) {
	return PixelDigest{}, nil
}

// Close ends all processes and waits for them.
func (p *Pool) Close() error { return nil }
