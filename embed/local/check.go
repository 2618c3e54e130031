//go:build cgo

package local

import (
	"errors"
	"fmt"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/dupfind/dupfind/embed"
)

// sameUse tells whether two manifests mean one file, used in one way. The default model's file needs no check beyond
// its digest.
func sameUse(a, b embed.Manifest) bool {
	return a.Digest == b.Digest && a.Dim == b.Dim && a.TileSize == b.TileSize && a.Input == b.Input &&
		a.Output == b.Output && a.Normalised == b.Normalised
}

// checkModel holds the names, types and shapes of a model's input and output against its manifest. The answer tells
// whether the model takes one tile at a time. The binding tells these of a file only, not of a session, so the file is
// read once more, without any preparation for running it.
func checkModel(path string, m embed.Manifest) (oneAtATime bool, err error) {
	so, err := ort.NewSessionOptions()
	if err != nil {
		return false, err
	}
	defer func() { _ = so.Destroy() }() // frees memory
	if err := errors.Join(so.SetIntraOpNumThreads(1), so.SetGraphOptimizationLevel(ort.GraphOptimizationLevelDisableAll),
		so.AddSessionConfigEntry("session.disable_prepacking", "1")); err != nil {
		return false, err
	}
	inputs, outputs, err := ort.GetInputOutputInfoWithOptions(path, so)
	if err != nil {
		return false, err
	}
	if len(inputs) != 1 {
		return false, fmt.Errorf("it takes %d inputs (%s), want one", len(inputs), names(inputs))
	}
	if oneAtATime, err = checkInput(inputs, m); err != nil {
		return false, err
	}
	return oneAtATime, checkOutput(outputs, m)
}

func checkInput(inputs []ort.InputOutputInfo, m embed.Manifest) (oneAtATime bool, err error) {
	in, err := byName("input", m.Input.Name, inputs)
	if err != nil {
		return false, err
	}
	wantType := map[embed.InputType]ort.TensorElementDataType{
		embed.Uint8: ort.TensorElementDataTypeUint8, embed.Float32: ort.TensorElementDataTypeFloat}[m.Input.Type]
	if in.DataType != wantType {
		return false, fmt.Errorf("its input %q is %s, its manifest says %s", in.Name, typeName(in.DataType), m.Input.Type)
	}
	t := int64(m.TileSize)
	want := []int64{-1, t, t, 3}
	if m.Input.Layout == embed.NCHW {
		want = []int64{-1, 3, t, t}
	}
	if !fits(in.Dimensions, want) {
		return false, fmt.Errorf("its input %q has shape %s, its manifest says %s of %d px: %s",
			in.Name, shape(in.Dimensions), m.Input.Layout, m.TileSize, shape(want))
	}
	if n := in.Dimensions[0]; n > 1 {
		return false, fmt.Errorf("its input %q takes batches of %d only; export it with a batch of any size, or of one", in.Name, n)
	}
	return in.Dimensions[0] == 1, nil
}

func checkOutput(outputs []ort.InputOutputInfo, m embed.Manifest) error {
	out, err := byName("output", m.Output, outputs)
	if err != nil {
		return err
	}
	if out.DataType != ort.TensorElementDataTypeFloat {
		return fmt.Errorf("its output %q is %s, want float32", out.Name, typeName(out.DataType))
	}
	if want := []int64{-1, int64(m.Dim)}; !fits(out.Dimensions, want) {
		return fmt.Errorf("its output %q has shape %s, its manifest says dim %d: %s", out.Name, shape(out.Dimensions), m.Dim, shape(want))
	}
	return nil
}

func byName(what, name string, all []ort.InputOutputInfo) (ort.InputOutputInfo, error) {
	for _, x := range all {
		if x.Name == name {
			return x, nil
		}
	}
	return ort.InputOutputInfo{}, fmt.Errorf("it has no %s %q, which its manifest names; it has %s", what, name, names(all))
}

func names(all []ort.InputOutputInfo) string {
	var s []string
	for _, x := range all {
		s = append(s, fmt.Sprintf("%q", x.Name))
	}
	return strings.Join(s, ", ")
}

// fits compares shapes; a size that is not fixed, on either side, fits any.
func fits(got, want []int64) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i] > 0 && want[i] > 0 && got[i] != want[i] {
			return false
		}
	}
	return true
}

func shape(dims []int64) string {
	var s []string
	for _, d := range dims {
		if d > 0 {
			s = append(s, fmt.Sprint(d))
		} else {
			s = append(s, "any")
		}
	}
	return "[" + strings.Join(s, ", ") + "]"
}

// typeName speaks the manifest's language where it can.
func typeName(t ort.TensorElementDataType) string {
	switch t {
	case ort.TensorElementDataTypeUint8:
		return "uint8"
	case ort.TensorElementDataTypeFloat:
		return "float32"
	case ort.TensorElementDataTypeFloat16:
		return "float16"
	case ort.TensorElementDataTypeDouble:
		return "float64"
	}
	return t.String()
}
