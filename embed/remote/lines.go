package remote

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc/stats"
)

// lines counts the network connections that gRPC made for a Conn. It makes a new one by itself when the old one breaks,
// without a word to its user; and whoever answers then may be another machine with another model.
type lines struct{ made atomic.Int64 }

var _ stats.Handler = (*lines)(nil)

// HandleConn implements stats.Handler.
func (l *lines) HandleConn(_ context.Context, s stats.ConnStats) {
	if _, ok := s.(*stats.ConnBegin); ok {
		l.made.Add(1)
	}
}

// TagConn implements stats.Handler.
func (*lines) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// TagRPC implements stats.Handler.
func (*lines) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler.
func (*lines) HandleRPC(context.Context, stats.RPCStats) {}
