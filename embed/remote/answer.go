package remote

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/remote/inference"
)

// readAnswer takes the vectors out of an answer to request id of n tiles, and believes nothing that does not fit.
func readAnswer(resp *inference.ModelInferResponse, id string, n int, a about) ([]embed.Vector, error) {
	if resp.Id != "" && resp.Id != id {
		return nil, &badAnswer{fmt.Sprintf("the answer is to request %q, not %q", clean(resp.Id), id)}
	}
	i := slices.IndexFunc(resp.Outputs, func(o *inference.ModelInferResponse_InferOutputTensor) bool { return o.Name == a.output })
	if i < 0 {
		return nil, &badAnswer{fmt.Sprintf("the answer has no output %q", a.output)}
	}
	out := resp.Outputs[i]
	if out.Datatype != "FP32" {
		return nil, &badAnswer{fmt.Sprintf("the answer's type is %q, want FP32", clean(out.Datatype))}
	}
	dim := a.manifest.Dim
	if !slices.Equal(out.Shape, []int64{int64(n), int64(dim)}) {
		return nil, &badAnswer{fmt.Sprintf("the answer's shape is %v, want [%d %d]", clip(out.Shape), n, dim)}
	}
	numbers, err := floats(resp, i, n*dim)
	if err != nil {
		return nil, err
	}
	vectors := make([]embed.Vector, n)
	for j := range vectors {
		// A copy for each, so that one vector kept does not keep the others.
		v := slices.Clone(numbers[j*dim : (j+1)*dim])
		if !a.manifest.Normalised {
			if err := embed.Normalise(v); err != nil {
				return nil, &badVector{j, err}
			}
		}
		if err := embed.CheckVector(v, dim); err != nil {
			return nil, &badVector{j, err}
		}
		vectors[j] = v
	}
	return vectors, nil
}

// floats reads the numbers of output i: raw ones, or typed ones from servers that send nothing else.
func floats(resp *inference.ModelInferResponse, i, want int) ([]float32, error) {
	if len(resp.RawOutputContents) == 0 {
		typed := resp.Outputs[i].GetContents().GetFp32Contents()
		if len(typed) != want {
			return nil, &badAnswer{fmt.Sprintf("the answer has %d numbers, want %d", len(typed), want)}
		}
		return typed, nil
	}
	if len(resp.RawOutputContents) != len(resp.Outputs) {
		return nil, &badAnswer{fmt.Sprintf("the answer has %d outputs and the contents of %d", len(resp.Outputs), len(resp.RawOutputContents))}
	}
	raw := resp.RawOutputContents[i]
	if len(raw) != 4*want {
		return nil, &badAnswer{fmt.Sprintf("the answer has %d bytes, want %d", len(raw), 4*want)}
	}
	out := make([]float32, want)
	for k := range out {
		out[k] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*k:]))
	}
	return out, nil
}

// clip keeps a shape that somebody made up from filling the screen.
func clip(shape []int64) []int64 { return shape[:min(len(shape), 8)] }
