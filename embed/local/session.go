//go:build cgo

package local

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	ort "github.com/yalue/onnxruntime_go"
	"golang.org/x/sys/cpu"

	"github.com/dupfind/dupfind/embed"
)

// session is a model in ONNX Runtime.
type session struct {
	s *ort.DynamicAdvancedSession
}

// tuning is how a session uses the machine. defaultTuning was measured; see the package's benchmark.
type tuning struct {
	intraThreads int  // threads within one run
	runs         int  // runs at once; 0: one per core
	batch        int  // most tiles in one run
	arena        bool // keep memory between runs, at the size of the largest so far
	pattern      bool // plan memory per input shape, and keep the plans
	spin         bool // threads wait by burning their core
	exactInt8    bool // see needsExactInt8
}

// openSession loads the library and the model. Whether the model is what the manifest says is checked after.
func openSession(o Options, tn tuning) (*session, error) {
	if err := load(o.Library); err != nil {
		return nil, err
	}
	so, err := sessionOptions(tn)
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", o.ModelPath, err)
	}
	defer func() { _ = so.Destroy() }() // frees memory; it has no way to fail once the options exist
	s, err := ort.NewDynamicAdvancedSession(o.ModelPath, []string{o.Manifest.Input.Name}, []string{o.Manifest.Output}, so)
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", o.ModelPath, err)
	}
	return &session{s}, nil
}

func sessionOptions(tn tuning) (*ort.SessionOptions, error) {
	so, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	for _, step := range []func() error{
		func() error { return so.SetIntraOpNumThreads(tn.intraThreads) },
		func() error { return so.SetInterOpNumThreads(1) },
		func() error { return so.SetCpuMemArena(tn.arena) },
		func() error { return so.SetMemPattern(tn.pattern) },
		func() error { return so.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll) },
		func() error { return so.AddSessionConfigEntry("session.x64quantprecision", flag(tn.exactInt8)) },
		func() error { return so.AddSessionConfigEntry("session.intra_op.allow_spinning", flag(tn.spin)) },
	} {
		if err := step(); err != nil {
			return nil, errors.Join(err, so.Destroy())
		}
	}
	return so, nil
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// needsExactInt8 tells whether this chip adds pairs of int8 products in 16 bits, which saturates and gives other
// vectors: x86 without VNNI. There the runtime is told to keep to exact sums. Elsewhere the setting changes no bit of
// any vector, but loading takes 0.4 s instead of 0.05 s with it (ONNX Runtime 1.32.0, AMD with AVX512_VNNI).
func needsExactInt8() bool {
	return runtime.GOARCH == "amd64" && !cpu.X86.HasAVX512VNNI && !cpu.X86.HasAVXVNNI
}

// run runs the model on the first n tiles of the slot.
func (s *session) run(sl *slot, n int) error {
	var pins runtime.Pinner // the runtime holds pointers to the slot beyond the call that makes the tensors
	defer pins.Unpin()
	sl.pin(&pins)
	in, out, err := sl.tensors(n)
	if err != nil {
		return fmt.Errorf("run model: %w", err)
	}
	if err := errors.Join(s.s.Run([]ort.Value{in}, []ort.Value{out}), in.Destroy(), out.Destroy()); err != nil {
		return fmt.Errorf("run model: %w", err)
	}
	return nil
}

func (s *session) close() error { return s.s.Destroy() }

// slot is the memory of one run: input and output of a full batch.
type slot struct {
	bytes  []byte    // the input of a uint8 model
	floats []float32 // the input of a float32 model
	table  *table    // to fill floats by
	output []float32
	shape  []int64 // of the input
	dim    int64
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
	} else {
		s.floats = make([]float32, n)
		s.table = newTable(m.Input)
	}
	return s
}

func (s *slot) pin(p *runtime.Pinner) {
	if s.bytes != nil {
		p.Pin(&s.bytes[0])
	} else {
		p.Pin(&s.floats[0])
	}
	p.Pin(&s.output[0])
}

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
			s.table.layFloats(s.floats[i*size:][:size], t, m.Input.Layout)
		}
	}
}
