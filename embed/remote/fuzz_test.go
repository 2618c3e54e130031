package remote

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/remote/inference"
)

// FuzzAnswer checks that whatever a server answers, what is taken from it are good vectors, or nothing.
func FuzzAnswer(f *testing.F) {
	m := embed.Manifest{Name: "m", Dim: 2, TileSize: 8, Normalised: true}
	add := func(r *inference.ModelInferResponse) {
		b, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint8(1))
	}
	out := []*inference.ModelInferResponse_InferOutputTensor{{Name: "embedding", Datatype: "FP32", Shape: []int64{1, 2}}}
	add(&inference.ModelInferResponse{Id: "1", Outputs: out, RawOutputContents: [][]byte{{0, 0, 128, 63, 0, 0, 0, 0}}})
	add(&inference.ModelInferResponse{Outputs: out, RawOutputContents: [][]byte{{0, 0, 192, 127, 0, 0, 0, 0}}})
	typed := proto.Clone(out[0]).(*inference.ModelInferResponse_InferOutputTensor)
	typed.Contents = &inference.InferTensorContents{Fp32Contents: []float32{0, 1}}
	add(&inference.ModelInferResponse{Outputs: []*inference.ModelInferResponse_InferOutputTensor{typed}})
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		resp := new(inference.ModelInferResponse)
		if proto.Unmarshal(b, resp) != nil {
			return
		}
		for _, normalised := range []bool{true, false} {
			m.Normalised = normalised
			vectors, err := readAnswer(resp, "1", int(n), about{output: "embedding", manifest: m})
			if err != nil {
				if s := said(err); s != clean(s) {
					t.Fatalf("the error is not one plain line: %q", s)
				}
				continue
			}
			if len(vectors) != int(n) {
				t.Fatalf("%d vectors, want %d", len(vectors), n)
			}
			for _, v := range vectors {
				if err := embed.CheckVector(v, m.Dim); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// FuzzDescribe checks that what a server tells of its model is refused, or is a valid model.
func FuzzDescribe(f *testing.F) {
	f.Add(`{"name":"m","digest":"sha256:86386042eb852df12dee402ac7e305827cc246f5fab261acf7994c49bb2cb181","dim":512,"tile_size":224,`+
		`"input":{"name":"image","layout":"nhwc","type":"uint8"},"output":"embedding","resampling":"bicubic","normalised":true}`,
		"trained", `{"gpu":"x\u001b[2J"}`, "UINT8", int64(224))
	f.Add("", "random", "[]", "FP32", int64(-1))
	f.Fuzz(func(t *testing.T, manifest, weights, environment, datatype string, size int64) {
		a := about{model: "m"}
		err := a.readParameters(map[string]*inference.ModelParameter{
			paramManifest: {StringValue: manifest}, paramWeights: {StringValue: weights}, paramEnvironment: {StringValue: environment},
		}, Options{AllowRandom: true}, "grpc://x:1")
		if err == nil {
			err = a.readTensors(&inference.ModelMetadataResponse{Inputs: []*inference.ModelMetadataResponse_TensorMetadata{
				{Name: "image", Datatype: datatype, Shape: []int64{-1, size, size, 3}}}}, "grpc://x:1")
		}
		if err != nil {
			return
		}
		if err := a.manifest.Validate(); err != nil || a.manifest.Digest == "" {
			t.Fatalf("accepted %+v: %v", a.manifest, err)
		}
		for k, v := range a.environment {
			if k != clean(k) || v != clean(v) {
				t.Fatalf("not plain: %q: %q", k, v)
			}
		}
	})
}
