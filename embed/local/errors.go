package local

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/dupfind/dupfind/embed"
)

// What of the two things that local needs a MissingError is about.
const (
	TheLibrary = "ONNX Runtime library"
	TheModel   = "model"
)

// MissingError says that the runtime library or the model is not on this machine.
type MissingError struct {
	What string // TheLibrary or TheModel
	// Asked is the flag or environment variable that named the place; empty when the usual places were searched.
	// Installing helps only in the latter case.
	Asked  string
	Looked []string // the files looked for, in order
}

func (e *MissingError) Error() string {
	if e.Asked != "" {
		return fmt.Sprintf("find %s: %s names %s, which is not there", e.What, e.Asked, strings.Join(e.Looked, ", "))
	}
	return fmt.Sprintf("find %s: not at any of %d places; looked for %s", e.What, len(e.Looked), strings.Join(e.Looked, ", "))
}

// TooOldError says that the library found is older than the interface that dupfind speaks.
type TooOldError struct {
	Path, Version, Want string
}

func (e *TooOldError) Error() string {
	return fmt.Sprintf("load %s: ONNX Runtime %s is too old, want %s or newer", e.Path, e.Version, e.Want)
}

// NoManifestError says that a model file has no manifest beside it. Its text shows what one looks like.
type NoManifestError struct {
	Model  string
	Looked []string
}

func (e *NoManifestError) Error() string {
	return fmt.Sprintf("read manifest of %s: none beside it; write %s, which says how the model is used, for example:\n%s",
		e.Model, e.Looked[0], ExampleManifest())
}

// ExampleManifest is a manifest to start from: a model that takes float32 input and normalises its output itself.
func ExampleManifest() string {
	m := embed.Manifest{
		Name: "my-model", Dim: 512, TileSize: 224,
		Input: embed.Input{Name: "image", Layout: embed.NCHW, Type: embed.Float32,
			Mean: [3]float32{0.485, 0.456, 0.406}, Std: [3]float32{0.229, 0.224, 0.225}},
		Output: "embedding", Resampling: "bicubic", Normalised: true,
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		panic(err) // plain strings and numbers always marshal
	}
	return string(b)
}

// DigestError says that a model file is not the one that its manifest was written for.
type DigestError struct {
	Model, Got, Want string
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("check %s: its digest is %s, its manifest names %s: another or a damaged file", e.Model, e.Got, e.Want)
}
