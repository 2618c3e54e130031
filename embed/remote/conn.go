package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/remote/inference"
)

const (
	// maxMessage is the largest message either way; the largest request is 32 raw tiles of 1024 px, 96 MiB.
	maxMessage = 128 << 20
	// callTimeout is for the small calls: what is there, are you well.
	callTimeout = 10 * time.Second
)

// Conn is one connection to one server, for one model. A call is one request, with no second try: [Backend] is what
// embeds a library, a Conn is for measuring and for testing a server. Its methods may be called at the same time.
type Conn struct {
	target target
	cc     *grpc.ClientConn
	api    inference.GRPCInferenceServiceClient
	about  about
	wire   Wire // Raw, WebP or JPEG95
	nextID atomic.Uint64
	lines  lines
}

// Dial connects, reads what the model is, and chooses the wire. It embeds nothing yet.
func Dial(ctx context.Context, endpoint string, o Options) (*Conn, error) {
	c, err := dial(ctx, endpoint, o)
	if err != nil {
		return nil, err
	}
	if err := c.meet(ctx, o); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// dial makes a connection without using it.
func dial(ctx context.Context, endpoint string, o Options) (*Conn, error) {
	t, err := parseTarget(endpoint)
	if err != nil {
		return nil, err
	}
	options, err := t.dialOptions(o)
	if err != nil {
		return nil, err
	}
	address := t.address
	if o.Dial != nil {
		address = "passthrough:///" + address
	}
	c := &Conn{target: t}
	if c.cc, err = grpc.NewClient(address, append(options, grpc.WithStatsHandler(&c.lines))...); err != nil {
		return nil, errorf(BadAddress, endpoint, "%w", err)
	}
	c.api = inference.NewGRPCInferenceServiceClient(c.cc)
	return c, nil
}

// Close ends the connection.
func (c *Conn) Close() error { return c.cc.Close() }

// Manifest describes the model at the server.
func (c *Conn) Manifest() embed.Manifest { return withWire(c.about.manifest, c.wire) }

// Environment is what the server tells of itself: device, precision, versions. It may be empty.
func (c *Conn) Environment() map[string]string { return c.about.environment }

// Wire is how tiles cross the network: Raw, WebP or JPEG95.
func (c *Conn) Wire() Wire { return c.wire }

// withWire gives the vectors of a lossy wire a model of their own.
func withWire(m embed.Manifest, w Wire) embed.Manifest {
	if w == JPEG95 {
		m.Name += "+jpeg95"
	}
	return m
}

// Ping is the time of an empty call.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) { return c.ping(ctx, 0) }

// fillerField is a field that no version of the message has: servers pass over what they do not know.
const fillerField = 536_870_911

// ping is the time of a call that carries some bytes for nothing, so that the speed of the link can be told.
func (c *Conn) ping(ctx context.Context, bytes int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req := new(inference.ServerLiveRequest)
	if bytes > 0 {
		b := protowire.AppendTag(nil, fillerField, protowire.BytesType)
		req.ProtoReflect().SetUnknown(protowire.AppendBytes(b, make([]byte, bytes)))
	}
	began := time.Now()
	_, err := c.api.ServerLive(ctx, req)
	return time.Since(began), err
}

// Infer embeds tiles by one request.
func (c *Conn) Infer(ctx context.Context, tiles [][]byte) ([]embed.Vector, error) {
	if err := c.about.manifest.CheckTiles(tiles); err != nil {
		return nil, fmt.Errorf("embed: %w", err)
	}
	elements := make([][]byte, len(tiles))
	for i, t := range tiles {
		e, err := encode(c.wire, t, c.about.manifest.TileSize)
		if err != nil {
			return nil, &embed.TileError{Index: i, Err: err}
		}
		elements[i] = e
	}
	vectors, _, err := c.infer(ctx, c.request(elements))
	return vectors, err
}

// Payload is how many bytes tiles have on this connection's wire.
func (c *Conn) Payload(tiles [][]byte) (int, error) {
	sum := 0
	for _, t := range tiles {
		e, err := encode(c.wire, t, c.about.manifest.TileSize)
		if err != nil {
			return 0, err
		}
		sum += len(e)
	}
	return sum, nil
}

// infer sends one request. pushback is the server's wish to be left alone for that long, with an error;
// negative when it told none.
func (c *Conn) infer(ctx context.Context, req *inference.ModelInferRequest) (vectors []embed.Vector, pushback time.Duration, err error) {
	var trailer metadata.MD
	resp, err := c.api.ModelInfer(ctx, req, grpc.Trailer(&trailer))
	if err != nil {
		return nil, readPushback(trailer), err
	}
	vectors, err = readAnswer(resp, req.Id, int(req.Inputs[0].Shape[0]), c.about)
	return vectors, -1, err
}

func (c *Conn) request(elements [][]byte) *inference.ModelInferRequest {
	id := strconv.FormatUint(c.nextID.Add(1), 10)
	size := int64(c.about.manifest.TileSize)
	n := int64(len(elements))
	name, tensor := c.about.model, &inference.ModelInferRequest_InferInputTensor{
		Name: c.about.input, Datatype: "UINT8", Shape: []int64{n, size, size, 3}}
	content := join
	if c.wire != Raw {
		name = c.about.model + encodedSuffix
		tensor.Name, tensor.Datatype, tensor.Shape = c.about.encodedInput, "BYTES", []int64{n, 1}
		content = joinWithLengths
	}
	return &inference.ModelInferRequest{
		ModelName: name, Id: id,
		Inputs:           []*inference.ModelInferRequest_InferInputTensor{tensor},
		Outputs:          []*inference.ModelInferRequest_InferRequestedOutputTensor{{Name: c.about.output}},
		RawInputContents: [][]byte{content(elements)},
	}
}

// readPushback reads the time that a server asks to be left alone for, as gRPC's retry design names it.
func readPushback(trailer metadata.MD) time.Duration {
	v := trailer.Get("grpc-retry-pushback-ms")
	if len(v) == 0 {
		return -1
	}
	ms, err := strconv.ParseInt(v[0], 10, 32)
	if err != nil || ms < 0 {
		return -1
	}
	return min(time.Duration(ms)*time.Millisecond, 30*time.Second)
}

// ServerTimes is what a server has spent since it started; the difference of two tells of a span.
type ServerTimes struct {
	Requests, Tiles, Runs              uint64
	Total, Queue, Input, Infer, Output time.Duration // sums over the requests
}

// Sub is what was spent since an earlier reading.
func (s ServerTimes) Sub(e ServerTimes) ServerTimes {
	return ServerTimes{
		Requests: s.Requests - e.Requests, Tiles: s.Tiles - e.Tiles, Runs: s.Runs - e.Runs,
		Total: s.Total - e.Total, Queue: s.Queue - e.Queue, Input: s.Input - e.Input, Infer: s.Infer - e.Infer, Output: s.Output - e.Output,
	}
}

// ErrNoStatistics says that a server keeps none, or keeps them to itself.
var ErrNoStatistics = errors.New("the server tells no statistics")

// Statistics reads the server's own clock: of the model that this connection's wire uses.
func (c *Conn) Statistics(ctx context.Context) (ServerTimes, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	names := []string{c.about.model}
	if c.wire != Raw {
		names = []string{c.about.model + encodedSuffix, c.about.model} // the first that counts
	}
	for _, name := range names {
		resp, err := c.api.ModelStatistics(ctx, &inference.ModelStatisticsRequest{Name: name})
		if status.Code(err) == codes.Unimplemented {
			return ServerTimes{}, ErrNoStatistics
		}
		if err != nil {
			return ServerTimes{}, errorf(Unreachable, c.target.endpoint, "statistics: %s", said(err))
		}
		i := slices.IndexFunc(resp.ModelStats, func(s *inference.ModelStatistics) bool { return s.Name == name })
		if i >= 0 {
			return serverTimes(resp.ModelStats[i]), nil
		}
	}
	return ServerTimes{}, ErrNoStatistics
}

func serverTimes(s *inference.ModelStatistics) ServerTimes {
	st := s.GetInferenceStats()
	d := func(x *inference.StatisticDuration) time.Duration { return time.Duration(x.GetNs()) }
	return ServerTimes{
		Requests: st.GetSuccess().GetCount(), Tiles: s.InferenceCount, Runs: s.ExecutionCount,
		Total: d(st.GetSuccess()), Queue: d(st.GetQueue()), Input: d(st.GetComputeInput()),
		Infer: d(st.GetComputeInfer()), Output: d(st.GetComputeOutput()),
	}
}
