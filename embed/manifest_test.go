package embed

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const good = `{"name": "my-model", "dim": 3, "tile_size": 8, "resampling": "bicubic", "normalised": false,
	"input": {"name": "image", "layout": "nchw", "type": "float32", "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]},
	"output": "embedding"}`

func TestParseManifest(t *testing.T) {
	m, err := ParseManifest([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	want := Manifest{Name: "my-model", Dim: 3, TileSize: 8, Resampling: "bicubic", Output: "embedding",
		Input: Input{Name: "image", Layout: NCHW, Type: Float32, Mean: [3]float32{0.5, 0.5, 0.5}, Std: [3]float32{0.2, 0.2, 0.2}}}
	if d := cmp.Diff(want, m); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestParseManifestFaults(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"not JSON", `{"name"`, `"name"`, "parse manifest"},
		{"misspelt field", `"dim"`, `"dimension"`, "unknown field"},
		{"second document", `"embedding"}`, `"embedding"}{}`, "more data"},
		{"no name", `"my-model"`, `""`, "name"},
		{"name with @", `my-model`, `my@model`, "name"},
		{"name with escape", `my-model`, `my\u001b[2Jmodel`, "name"},
		{"bad digest", `"dim"`, `"digest": "sha256:xyz", "dim"`, "digest"},
		{"digest in capitals", `"dim"`, `"digest": "sha256:` + strings.Repeat("A", 64) + `", "dim"`, "digest"},
		{"dim 0", `"dim": 3`, `"dim": 0`, "dim"},
		{"dim with fraction", `"dim": 3`, `"dim": 3.5`, "dim"},
		{"huge tile", `"tile_size": 8`, `"tile_size": 100000`, "tile_size"},
		{"layout", `nchw`, `chwn`, "input.layout"},
		{"type", `float32`, `float16`, "input.type"},
		{"mean with uint8", `float32`, `uint8`, "leave them out"},
		{"std 0", `"std": [0.2, 0.2, 0.2]`, `"std": [0.2, 0, 0.2]`, "std"},
		{"no std", `, "std": [0.2, 0.2, 0.2]`, ``, "std"},
		{"no input name", `"name": "image"`, `"name": ""`, "input.name"},
		{"NUL in a name", `"image"`, `"ima\u0000ge"`, "plain text"},
		{"no output", `"output": "embedding"`, `"output": ""`, "output"},
		{"resampling", `bicubic`, `lanczos`, "resampling"},
		{"calibration", `"dim"`, `"calibration": {"knots": [{"cosine": 0, "similarity": 0}]}, "dim"`, "calibration"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := strings.Replace(good, c.old, c.new, 1)
			if s == good {
				t.Fatal("the case changes nothing")
			}
			if _, err := ParseManifest([]byte(s)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one that says %q", err, c.want)
			}
		})
	}
	if _, err := ParseManifest([]byte(good + strings.Repeat(" ", maxManifestBytes))); err == nil {
		t.Error("a manifest of more than the limit is read")
	}
}

func TestSSCDManifest(t *testing.T) {
	m := SSCD()
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	if got, want := m.Key(), "sscd@"+m.Digest; got != want {
		t.Errorf("key: got %s, want %s", got, want)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), `"mean"`) {
		t.Errorf("a uint8 input is written with a mean: %s", b)
	}
	back, err := ParseManifest(b)
	if d := cmp.Diff(m, back); err != nil || d != "" {
		t.Errorf("written and read: %v\n%s", err, d)
	}
}

func TestValidateFindsWhatJSONCannotHold(t *testing.T) {
	m, err := ParseManifest([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	m.Input.Std[1] = float32(math.NaN())
	if m.Validate() == nil {
		t.Error("NaN in std is valid")
	}
}

func TestCheckVector(t *testing.T) {
	h := float32(math.Sqrt(0.5))
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		name string
		v    []float32
		want string
	}{
		{"unit", []float32{h, -h}, ""},
		{"float rounding", []float32{h * 1.0005, -h}, ""},
		{"short", []float32{1}, "1 numbers"},
		{"nil", nil, "0 numbers"},
		{"zero", []float32{0, 0}, "length 0"},
		{"long", []float32{1, 0.1}, "length"},
		{"NaN", []float32{nan, 1}, "NaN"},
		{"infinite", []float32{1, inf}, "Inf"},
	} {
		err := CheckVector(c.v, 2)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestNormalise(t *testing.T) {
	v := []float32{3e-30, -4e-30} // their squares vanish in float32
	if err := Normalise(v); err != nil || !slices.Equal(v, []float32{0.6, -0.8}) {
		t.Errorf("got %v, %v", v, err)
	}
	for _, v := range [][]float32{{0, 0}, {float32(math.NaN()), 1}, {float32(math.Inf(1)), 1}, nil} {
		if Normalise(v) == nil {
			t.Errorf("%v has a direction", v)
		}
	}
}

func TestCheckTiles(t *testing.T) {
	m := Manifest{TileSize: 2}
	if err := m.CheckTiles([][]byte{make([]byte, 12), make([]byte, 12)}); err != nil {
		t.Error(err)
	}
	err := m.CheckTiles([][]byte{make([]byte, 12), make([]byte, 11)})
	if e, ok := errors.AsType[*TileError](err); !ok || e.Index != 1 || e.Unwrap() == nil {
		t.Errorf("got %v", err)
	}
}

// FuzzParseManifest checks that what is accepted is valid, can be written and read again, and has a usable scale.
func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(good))
	b, err := json.Marshal(SSCD())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"name":"a","calibration":{"knots":[{"cosine":-1e308,"similarity":0},{"cosine":1,"similarity":1}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err != nil {
			return
		}
		out, err := json.Marshal(m)
		if err != nil {
			t.Fatalf("write: %v", err)
		}
		back, err := ParseManifest(out)
		if d := cmp.Diff(m, back); err != nil || d != "" {
			t.Fatalf("written and read: %v\n%s", err, d)
		}
		for _, sim := range []float64{0.5, 0.9, 0.95, 1} {
			if cos := m.Calibration.Cosine(sim); m.Calibration.Similarity(cos) < sim {
				t.Fatalf("Similarity(Cosine(%v)) = %v", sim, m.Calibration.Similarity(cos))
			}
		}
		if m.CheckTiles([][]byte{nil}) == nil {
			t.Fatal("an empty tile passes")
		}
	})
}
