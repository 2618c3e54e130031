package remote_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/image/webp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/embedtest"
	"github.com/dupfind/dupfind/embed/remote/inference"
)

// faulty is a server that goes wrong on demand: the real ones, which the interop tests start, cannot be made to lie. Its
// vectors are those of embedtest.Pixels, so that a vector tells which tile it is of.
type faulty struct {
	inference.UnimplementedGRPCInferenceServiceServer

	addr     string
	grpc     *grpc.Server
	manifest embed.Manifest
	weights  string
	raw      bool // takes no encoded tiles
	silent   bool // tells no manifest, as KServe
	token    string
	starting atomic.Int64 // so many times more it says UNAVAILABLE when asked whether it is ready
	stalled  atomic.Bool  // never answers with golden vectors
	limit    int          // tiles a request, above it RESOURCE_EXHAUSTED without a time

	mu sync.Mutex
	// before, if set, may answer in the server's place; n counts the requests after the golden tiles, from 1.
	before func(ctx context.Context, n int, tiles [][]byte) error
	// after, if set, may spoil the answer.
	after func(n int, tiles [][]byte, resp *inference.ModelInferResponse)

	met      atomic.Int64 // requests for golden tiles
	requests atomic.Int64
	refused  atomic.Int64 // for their size
	embedded atomic.Int64 // tiles answered, those of the golden requests left out
}

// start runs a server until the test ends.
func start(t *testing.T, f *faulty, options ...grpc.ServerOption) *faulty {
	t.Helper()
	if f.manifest.Name == "" {
		f.manifest = embedtest.PixelsManifest()
	}
	if f.weights == "" {
		f.weights = "trained"
	}
	f.serve(t, "127.0.0.1:0", options...)
	t.Cleanup(func() { f.grpc.Stop() })
	return f
}

func (f *faulty) serve(t *testing.T, addr string, options ...grpc.ServerOption) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	f.grpc = grpc.NewServer(append(options, grpc.MaxRecvMsgSize(64<<20), grpc.UnaryInterceptor(f.checkToken))...)
	inference.RegisterGRPCInferenceServiceServer(f.grpc, f)
	go func() { _ = f.grpc.Serve(l) }() // ends with Stop
}

func (f *faulty) endpoint() string { return "grpc://" + f.addr }

func (f *faulty) checkToken(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	if f.token != "" && (len(md.Get("authorization")) != 1 || md.Get("authorization")[0] != "Bearer "+f.token) {
		return nil, status.Error(codes.Unauthenticated, "no token, or a wrong one")
	}
	return handle(ctx, req)
}

func (f *faulty) ServerLive(context.Context, *inference.ServerLiveRequest) (*inference.ServerLiveResponse, error) {
	return &inference.ServerLiveResponse{Live: true}, nil
}

func (f *faulty) ServerReady(context.Context, *inference.ServerReadyRequest) (*inference.ServerReadyResponse, error) {
	if f.starting.Add(-1) >= 0 {
		return nil, status.Error(codes.Unavailable, "the model is being loaded")
	}
	return &inference.ServerReadyResponse{Ready: true}, nil
}

func (f *faulty) ModelReady(_ context.Context, r *inference.ModelReadyRequest) (*inference.ModelReadyResponse, error) {
	return &inference.ModelReadyResponse{Ready: f.has(r.Name)}, nil
}

func (f *faulty) has(name string) bool {
	return name == f.manifest.Name || !f.raw && name == f.manifest.Name+"_encoded"
}

func (f *faulty) ModelMetadata(_ context.Context, r *inference.ModelMetadataRequest) (*inference.ModelMetadataResponse, error) {
	if !f.has(r.Name) {
		return nil, status.Errorf(codes.NotFound, "no model %q", r.Name)
	}
	size, dim := int64(f.manifest.TileSize), int64(f.manifest.Dim)
	in := &inference.ModelMetadataResponse_TensorMetadata{Name: "image", Datatype: "UINT8", Shape: []int64{-1, size, size, 3}}
	if strings.HasSuffix(r.Name, "_encoded") {
		in.Datatype, in.Shape = "BYTES", []int64{-1, 1}
	}
	out := &inference.ModelMetadataResponse_TensorMetadata{Name: "embedding", Datatype: "FP32", Shape: []int64{-1, dim}}
	return &inference.ModelMetadataResponse{Name: r.Name, Inputs: []*inference.ModelMetadataResponse_TensorMetadata{in},
		Outputs: []*inference.ModelMetadataResponse_TensorMetadata{out}}, nil
}

func (f *faulty) ModelConfig(context.Context, *inference.ModelConfigRequest) (*inference.ModelConfigResponse, error) {
	if f.silent {
		return nil, status.Error(codes.Unimplemented, "no such call")
	}
	b, err := json.Marshal(f.manifest)
	if err != nil {
		return nil, err
	}
	return &inference.ModelConfigResponse{Config: &inference.ModelConfig{Parameters: map[string]*inference.ModelParameter{
		"dupfind_manifest": {StringValue: string(b)}, "dupfind_weights": {StringValue: f.weights},
		"dupfind_environment": {StringValue: `{"server": "faulty"}`},
	}}}, nil
}

func (f *faulty) RepositoryIndex(context.Context, *inference.RepositoryIndexRequest) (*inference.RepositoryIndexResponse, error) {
	if f.silent {
		return nil, status.Error(codes.Unimplemented, "no such call")
	}
	return &inference.RepositoryIndexResponse{Models: []*inference.RepositoryIndexResponse_ModelIndex{
		{Name: f.manifest.Name, State: "READY"}, {Name: f.manifest.Name + "_encoded", State: "READY"}}}, nil
}

// firstGolden tells the golden tiles, which take a while to draw.
var firstGolden = sync.OnceValue(func() []byte { return embed.GoldenTiles(tileSize)[0] })

func (f *faulty) ModelInfer(ctx context.Context, r *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	if !f.has(r.ModelName) {
		return nil, status.Errorf(codes.NotFound, "no model %q", r.ModelName)
	}
	tiles, err := f.tiles(r)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	golden := bytes.Equal(tiles[0], firstGolden())
	f.mu.Lock()
	before, after := f.before, f.after
	f.mu.Unlock()
	n := 0
	if golden {
		f.met.Add(1)
		if f.stalled.Load() {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	} else {
		n = int(f.requests.Add(1))
		if f.limit > 0 && len(tiles) > f.limit {
			f.refused.Add(1)
			return nil, status.Errorf(codes.ResourceExhausted, "received message larger than max")
		}
		if before != nil {
			if err := before(ctx, n, tiles); err != nil {
				return nil, err
			}
		}
	}
	vectors, err := new(embedtest.Pixels).Embed(ctx, tiles)
	if err != nil {
		return nil, err
	}
	resp := answer(r, vectors)
	if !golden {
		f.embedded.Add(int64(len(tiles)))
		if after != nil {
			after(n, tiles, resp)
		}
	}
	return resp, nil
}

func answer(r *inference.ModelInferRequest, vectors []embed.Vector) *inference.ModelInferResponse {
	var raw []byte
	for _, v := range vectors {
		for _, x := range v {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
	}
	return &inference.ModelInferResponse{Id: r.Id, ModelName: r.ModelName,
		Outputs: []*inference.ModelInferResponse_InferOutputTensor{{Name: "embedding", Datatype: "FP32",
			Shape: []int64{int64(len(vectors)), int64(len(vectors[0]))}}},
		RawOutputContents: [][]byte{raw}}
}

// tiles takes a request apart.
func (f *faulty) tiles(r *inference.ModelInferRequest) ([][]byte, error) {
	in, raw, n := r.Inputs[0], r.RawInputContents[0], int(r.Inputs[0].Shape[0])
	size := f.manifest.TileSize * f.manifest.TileSize * 3
	var tiles [][]byte
	for i := range n {
		if in.Datatype == "UINT8" {
			tiles = append(tiles, raw[i*size:(i+1)*size])
			continue
		}
		length := binary.LittleEndian.Uint32(raw)
		img, err := webp.Decode(bytes.NewReader(raw[4 : 4+length]))
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		raw = raw[4+length:]
		tile := make([]byte, 0, size)
		for y := range f.manifest.TileSize {
			for x := range f.manifest.TileSize {
				r, g, b, _ := img.At(x, y).RGBA()
				tile = append(tile, byte(r>>8), byte(g>>8), byte(b>>8))
			}
		}
		tiles = append(tiles, tile)
	}
	return tiles, nil
}

func (f *faulty) set(before func(ctx context.Context, n int, tiles [][]byte) error, after func(n int, tiles [][]byte, resp *inference.ModelInferResponse)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after = before, after
}
