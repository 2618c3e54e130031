package remote

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/dupfind/dupfind/embed"
)

// Wire is how a tile crosses the network.
type Wire string

// The ways. WebP is lossless: the server sees the same pixels. JPEG95 is not, so that its vectors are another model's.
const (
	Auto   Wire = "auto"   // Raw where the link is fast, else WebP
	Raw    Wire = "raw"    // 8-bit RGB
	WebP   Wire = "webp"   // lossless, about half of raw
	JPEG95 Wire = "jpeg95" // quality 95, 4:4:4, about a fifth of raw
)

// Valid reports whether w is one of the ways.
func (w Wire) Valid() bool { return w == Auto || w == Raw || w == WebP || w == JPEG95 }

// Options says which servers to use and how. The zero value of every field but Endpoints is a good choice.
type Options struct {
	// Endpoints are grpc://host:port or grpcs://host:port; all of them run the same model.
	Endpoints []string
	// Model is the model's name at the servers. Empty: the only one there.
	Model string
	// Manifest describes the model to servers' clients where the servers do not: with its digest.
	Manifest *embed.Manifest
	// Token is sent with every call, over TLS or to this machine only.
	Token string
	// CAFile holds certificates (PEM) to trust instead of the system's.
	CAFile string
	Wire   Wire
	// AllowRandom accepts a model without trained weights.
	AllowRandom bool
	// BatchTiles is the most tiles in one request (32).
	BatchTiles int
	// InFlight fixes the number of requests under way; 0 lets it follow the link.
	InFlight int
	// Patience is how long no server may answer before Embed gives up (2 minutes).
	Patience time.Duration
	// Notice hears what a person should know: a server that went away or came back, a connection in the clear.
	Notice func(text string)
	Log    *slog.Logger
	// Dial replaces the network, for tests and for measuring over a simulated link.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Stats is what a Backend has done since it was opened.
type Stats struct {
	Photos    int64         // vectors received
	Requests  int64         // answered with vectors
	Retries   int64         // requests that were sent again, whole or in halves
	SentBytes int64         // payload: tiles as they crossed the network, those sent again included
	Busy      time.Duration // time with at least one request under way
	InFlight  int           // requests allowed at once, now, over all servers
	Batch     int           // tiles in the last request
	RoundTrip time.Duration // least time of an empty call
	// RequestP50 and RequestMax are of the requests that were answered.
	RequestP50, RequestMax time.Duration
	Wire                   Wire // Raw, WebP or JPEG95
	Servers                int  // that answer now
}

// PhotosPerSecond is the rate while the client was busy, 0 before the first answer.
func (s Stats) PhotosPerSecond() float64 {
	if s.Busy <= 0 {
		return 0
	}
	return float64(s.Photos) / s.Busy.Seconds()
}
