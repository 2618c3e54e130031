package bench

import (
	"context"
	"errors"
	"time"

	"github.com/dupfind/dupfind/embed"
)

// Target is one backend to measure.
type Target struct {
	Name  string // what tables and files call it
	Place string // "local", or where the server is
	// Open connects anew, or loads the model anew: its time is part of the cold start.
	Open func(ctx context.Context) (Subject, error)
	// OpenAdaptive makes the client that scans use: it may split, join and repeat requests, and chooses how many are in
	// flight. Nil where there is none.
	OpenAdaptive func(ctx context.Context) (Subject, error)
	// MaxTiles is the most tiles in one request; a larger batch goes as several requests at once. 0: no limit.
	MaxTiles int
	Link     *LinkInfo // the simulated link on the way there; nil: none
}

// Subject embeds tiles. Its methods may be called from several goroutines at once. Of a Target's Open one call of Embed
// is one request, without a second try. A Subject may implement Counter, ByteCounter, FileSender and Adapting.
type Subject interface {
	Describe() Description
	Embed(ctx context.Context, tiles [][]byte) ([]embed.Vector, error)
	Close() error
}

// Counter is a Subject whose server tells its own times.
type Counter interface {
	// Counters returns sums since the server started; ErrNoCounters when the server keeps none.
	Counters(ctx context.Context) (Counters, error)
}

// ErrNoCounters says that a server keeps no statistics.
var ErrNoCounters = errors.New("the server tells no times")

// Counters are a server's sums over all requests. The durations are summed by request: a run of the model for four
// requests counts four times, as Triton counts.
type Counters struct {
	Requests, Tiles, Runs              uint64
	Total, Queue, Input, Infer, Output time.Duration
}

func (c Counters) minus(e Counters) Counters {
	return Counters{
		Requests: c.Requests - e.Requests, Tiles: c.Tiles - e.Tiles, Runs: c.Runs - e.Runs,
		Total: c.Total - e.Total, Queue: c.Queue - e.Queue, Input: c.Input - e.Input, Infer: c.Infer - e.Infer, Output: c.Output - e.Output,
	}
}

// ByteCounter is a Subject that counts what crosses the network.
type ByteCounter interface {
	Bytes() (sent, received int64)
}

// Description is what runs the model, for the record.
type Description struct {
	Manifest    embed.Manifest
	Environment map[string]string // device, gpu, driver, versions
	Wire        string            // how tiles cross the network; empty: they do not
}

// FileSender is a Subject that can send the naive client's payload.
type FileSender interface {
	// SendFiles sends all files in one request and returns when the server has received the last byte of it and has
	// answered, whatever it answers; ErrTooLarge when the server does not take as much at once.
	SendFiles(ctx context.Context, files [][]byte) error
}

// ErrTooLarge says that a server does not take a request of that size.
var ErrTooLarge = errors.New("more than the server takes in one request")

// Adapting is a Subject that chooses its own way.
type Adapting interface {
	State() State
}

// State is what an adaptive client has chosen and seen so far.
type State struct {
	InFlight  int    // requests allowed at once
	Batch     int    // tiles in the last request
	Wire      string // how tiles cross the network
	SentBytes int64  // payload: tiles as they were sent
	Retries   int64
	// RequestP50 and RequestMax are of the requests, not of the calls of Embed, which wait in the client.
	RequestP50, RequestMax time.Duration
}
