package embed

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Layout is the order of a model's input: rows, columns, channels, or channels first.
type Layout string

// The layouts that models use. N is the batch and always comes first.
const (
	NHWC Layout = "nhwc"
	NCHW Layout = "nchw"
)

// Valid reports whether l is one of the layouts.
func (l Layout) Valid() bool { return l == NHWC || l == NCHW }

// InputType is the type of a model's input numbers.
type InputType string

// The input types: uint8 pixels, which the graph normalises itself, or float32 that dupfind normalises.
const (
	Uint8   InputType = "uint8"
	Float32 InputType = "float32"
)

// Valid reports whether t is one of the types.
func (t InputType) Valid() bool { return t == Uint8 || t == Float32 }

// Input tells how a tile becomes the model's input. Mean and Std are per channel, in units of the full range: a
// float32 input is (pixel/255 - Mean) / Std. They are absent for uint8.
type Input struct {
	Name   string     `json:"name"`
	Layout Layout     `json:"layout"`
	Type   InputType  `json:"type"`
	Mean   [3]float32 `json:"mean,omitzero"`
	Std    [3]float32 `json:"std,omitzero"`
}

// Manifest describes one model: a JSON file beside the ONNX file, or what a server tells.
type Manifest struct {
	Name string `json:"name"`
	// Digest is "sha256:" and the hex digest of the ONNX file. A file's manifest may leave it out; a Backend fills it in.
	Digest   string `json:"digest,omitempty"`
	Dim      int    `json:"dim"`
	TileSize int    `json:"tile_size"` // pixels a side
	Input    Input  `json:"input"`
	Output   string `json:"output"`
	// Resampling is how the photo is brought to the tile: "bicubic" (antialiased, the whole picture squashed).
	Resampling string `json:"resampling"`
	// Normalised says that the graph's output has unit length already; if not, the backend scales it.
	Normalised  bool        `json:"normalised"`
	Calibration Calibration `json:"calibration,omitzero"`
	License     string      `json:"license,omitempty"`
	Source      string      `json:"source,omitempty"`
}

// Key is what the model's vectors are filed under: name@digest. It is unique only once the digest is filled in.
func (m Manifest) Key() string { return m.Name + "@" + m.Digest }

const (
	maxManifestBytes = 1 << 20
	maxDim           = 16384
	maxTileSize      = 1024
	maxTextBytes     = 1000
)

var nameRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+/-]{0,127}$`)

// ParseManifest reads a manifest. It is strict: an unknown or misspelt field, a second document or a value out of
// range is an error, because a manifest half understood gives vectors that look right and are not.
func ParseManifest(b []byte) (Manifest, error) {
	if len(b) > maxManifestBytes {
		return Manifest{}, fmt.Errorf("parse manifest: %d bytes, want at most %d", len(b), maxManifestBytes)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var m Manifest
	if err := dec.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("parse manifest: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Manifest{}, errors.New("parse manifest: more data after the document")
	}
	if err := m.Validate(); err != nil {
		return Manifest{}, fmt.Errorf("parse manifest: %w", err)
	}
	return m, nil
}

// Validate reports the first fault of the manifest, by the name of its JSON field.
func (m Manifest) Validate() error {
	if !nameRE.MatchString(m.Name) {
		return fmt.Errorf("name %q: want letters, digits and . _ + / - only, beginning with a letter or digit", m.Name)
	}
	if m.Digest != "" && !validDigest(m.Digest) {
		return fmt.Errorf("digest %q: want sha256: and 64 hex digits in lower case", m.Digest)
	}
	if m.Dim < 2 || m.Dim > maxDim {
		return fmt.Errorf("dim %d: want 2 to %d", m.Dim, maxDim)
	}
	if m.TileSize < 8 || m.TileSize > maxTileSize {
		return fmt.Errorf("tile_size %d: want 8 to %d", m.TileSize, maxTileSize)
	}
	if err := m.Input.validate(); err != nil {
		return err
	}
	if m.Resampling != "bicubic" {
		return fmt.Errorf("resampling %q: only \"bicubic\" is known", m.Resampling)
	}
	for _, t := range []struct{ field, text string }{{"input.name", m.Input.Name}, {"output", m.Output},
		{"license", m.License}, {"source", m.Source}, {"calibration.source", m.Calibration.Source}} {
		if err := checkText(t.text); err != nil {
			return fmt.Errorf("%s %.40q: %w", t.field, t.text, err)
		}
	}
	if m.Output == "" {
		return errors.New("output: missing")
	}
	return m.Calibration.Validate()
}

func (in Input) validate() error {
	switch {
	case in.Name == "":
		return errors.New("input.name: missing")
	case !in.Layout.Valid():
		return fmt.Errorf("input.layout %q: want nhwc or nchw", in.Layout)
	case !in.Type.Valid():
		return fmt.Errorf("input.type %q: want uint8 or float32", in.Type)
	case in.Type == Uint8 && (in.Mean != [3]float32{} || in.Std != [3]float32{}):
		return errors.New("input.mean and input.std: a uint8 input is normalised inside the graph, leave them out")
	}
	if in.Type != Float32 {
		return nil
	}
	for c := range 3 {
		// JSON has no NaN or infinity, and a number too large for float32 is an error of the decoder; a
		// manifest made in Go is held to the same.
		if !(in.Mean[c] >= -255 && in.Mean[c] <= 255) || !(in.Std[c] >= 1e-6 && in.Std[c] <= 255) {
			return fmt.Errorf("input.mean %v, input.std %v: a float32 input needs both, std above 0", in.Mean, in.Std)
		}
	}
	return nil
}

// checkText keeps control characters from reaching the terminal, and NULs from reaching C.
func checkText(s string) error {
	if len(s) > maxTextBytes {
		return fmt.Errorf("%d bytes, want at most %d", len(s), maxTextBytes)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("not plain text")
	}
	return nil
}

func validDigest(d string) bool {
	h, ok := strings.CutPrefix(d, "sha256:")
	if !ok || len(h) != 64 || strings.ToLower(h) != h {
		return false
	}
	_, err := hex.DecodeString(h)
	return err == nil
}
