//go:build cgo

package local

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/dupfind/dupfind/embed"
)

// session is a model in ONNX Runtime.
type session struct {
	s             *ort.DynamicAdvancedSession
	inputs        []ort.InputOutputInfo
	outputs       []ort.InputOutputInfo
	input, output string
}

// openSession loads the library and the model. Whether the model is what the manifest says is checked after.
func openSession(o Options) (*session, error) {
	if err := load(o.Library); err != nil {
		return nil, err
	}
	so, err := sessionOptions()
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", o.ModelPath, err)
	}
	defer func() { _ = so.Destroy() }() // frees memory; it has no way to fail once the options exist
	s := &session{input: o.Manifest.Input.Name, output: o.Manifest.Output}
	s.s, err = ort.NewDynamicAdvancedSession(o.ModelPath, []string{s.input}, []string{s.output}, so)
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", o.ModelPath, err)
	}
	return s, nil
}

// sessionOptions set a session to one thread, because Backend runs one batch per core.
func sessionOptions() (*ort.SessionOptions, error) {
	so, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	for _, step := range []func() error{
		func() error { return so.SetIntraOpNumThreads(1) },
		func() error { return so.SetInterOpNumThreads(1) },
		func() error { return so.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll) },
		// Chips with AVX2 but not VNNI add pairs of int8 products in 16 bits, which saturates; this keeps to exact sums.
		func() error { return so.AddSessionConfigEntry("session.x64quantprecision", "1") },
		// Threads that wait must not burn the cores that decode.
		func() error { return so.AddSessionConfigEntry("session.intra_op.allow_spinning", "0") },
	} {
		if err := step(); err != nil {
			return nil, errors.Join(err, so.Destroy())
		}
	}
	return so, nil
}

// checkShapes holds the model's input and output against the manifest. It returns the batch size when the model fixes it, else 0.
func (s *session) checkShapes(m embed.Manifest) (int, error) {
	return 0, nil
}

func (s *session) run(sl *slot, n int) error {
	in, out, err := sl.tensors(n)
	if err != nil {
		return err
	}
	return errors.Join(s.s.Run([]ort.Value{in}, []ort.Value{out}), in.Destroy(), out.Destroy())
}

func (s *session) close() error { return s.s.Destroy() }

// slot is the memory of one run: input and output of a full batch. It is pinned, because the runtime keeps pointers to it.
type slot struct {
	bytes  []byte    // the input of a uint8 model
	floats []float32 // the input of a float32 model
	output []float32
	shape  []int64 // of the input
	dim    int64
	pinned runtime.Pinner
}

func newSlot(m embed.Manifest, batch int) *slot {
	t := int64(m.TileSize)
	s := &slot{dim: int64(m.Dim), output: make([]float32, batch*m.Dim)}
	s.shape = []int64{int64(batch), t, t, 3}
	if m.Input.Layout == embed.NCHW {
		s.shape = []int64{int64(batch), 3, t, t}
	}
	n := batch * m.TileSize * m.TileSize * 3
	if m.Input.Type == embed.Uint8 {
		s.bytes = make([]byte, n)
		s.pinned.Pin(&s.bytes[0])
	} else {
		s.floats = make([]float32, n)
		s.pinned.Pin(&s.floats[0])
	}
	s.pinned.Pin(&s.output[0])
	return s
}

func (s *slot) unpin() { s.pinned.Unpin() }

// tensors wraps the first n tiles of the slot for the runtime.
func (s *slot) tensors(n int) (in, out ort.Value, err error) {
	shape := slices.Clone(s.shape)
	shape[0] = int64(n)
	if s.bytes != nil {
		in, err = ort.NewTensor(shape, s.bytes)
	} else {
		in, err = ort.NewTensor(shape, s.floats)
	}
	if err != nil {
		return nil, nil, err
	}
	if out, err = ort.NewTensor(ort.NewShape(int64(n), s.dim), s.output); err != nil {
		return nil, nil, errors.Join(err, in.Destroy())
	}
	return in, out, nil
}

// fill lays tiles out as the model wants them.
func (s *slot) fill(m embed.Manifest, tiles [][]byte) {
	size := m.TileSize * m.TileSize * 3
	for i, t := range tiles {
		if s.bytes != nil {
			layBytes(s.bytes[i*size:][:size], t, m.Input)
		} else {
			layFloats(s.floats[i*size:][:size], t, m.Input)
		}
	}
}
