//go:build cgo

package local

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/dupfind/dupfind/embed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// libraryFile finds the runtime, which the set-up installs; see realModel.
func libraryFile(t testing.TB) string {
	t.Helper()
	p, err := LocateLibrary(LocateOptions{})
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("needs ONNX Runtime (make setup): %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p.Path
}

// tiny is the manifest of the models in testdata: the mean of each channel over 8 x 8 pixels.
func tiny(l embed.Layout, t embed.InputType) embed.Manifest {
	m := embed.Manifest{Name: "tiny", Dim: 3, TileSize: 8, Output: "embedding", Resampling: "bicubic",
		Input: embed.Input{Name: "image", Layout: l, Type: t}}
	if t == embed.Float32 {
		m.Input.Mean, m.Input.Std = [3]float32{0.5, 0.5, 0.5}, [3]float32{0.5, 0.25, 0.25}
	}
	return m
}

func openTiny(t *testing.T, file string, m embed.Manifest) (*Backend, error) {
	t.Helper()
	b, err := Open(t.Context(), Options{Library: libraryFile(t), ModelPath: filepath.Join("testdata", file), Manifest: m, Threads: 2})
	if err == nil {
		t.Cleanup(func() { _ = b.Close() }) // closing twice is allowed
	}
	return b, err
}

func flatTile(r, g, b byte) []byte { return slices.Repeat([]byte{r, g, b}, 64) }

func TestLayoutsAndTypesReachTheModel(t *testing.T) {
	tiles := [][]byte{flatTile(30, 0, 40), flatTile(0, 255, 0), flatTile(255, 255, 255)}
	u8 := [][]float64{{0.6, 0, 0.8}, {0, 1, 0}, {1 / math.Sqrt(3), 1 / math.Sqrt(3), 1 / math.Sqrt(3)}}
	f32 := [][]float64{unit(30./255*2-1, -2, 40./255*4-2), unit(-1, 2, -2), unit(1, 2, 2)}
	for _, c := range []struct {
		file string
		m    embed.Manifest
		want [][]float64
	}{
		{"u8_nhwc.onnx", tiny(embed.NHWC, embed.Uint8), u8},
		{"u8_nchw.onnx", tiny(embed.NCHW, embed.Uint8), u8},
		{"f32_nhwc.onnx", tiny(embed.NHWC, embed.Float32), f32},
		{"f32_nchw.onnx", tiny(embed.NCHW, embed.Float32), f32},
		{"one.onnx", tiny(embed.NHWC, embed.Uint8), u8}, // takes one tile at a time, is given three
	} {
		t.Run(c.file, func(t *testing.T) {
			b, err := openTiny(t, c.file, c.m)
			if err != nil {
				t.Fatal(err)
			}
			got, err := b.Embed(t.Context(), tiles)
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				for k := range got[i] {
					if math.Abs(float64(got[i][k])-c.want[i][k]) > 1e-6 {
						t.Fatalf("tile %d: got %v, want %v", i, got[i], c.want[i])
					}
				}
			}
			digest, err := fileDigest(t.Context(), filepath.Join("testdata", c.file))
			if err != nil || b.Manifest().Digest != digest {
				t.Errorf("digest: got %s, want %s, %v", b.Manifest().Digest, digest, err)
			}
		})
	}
}

func unit(x, y, z float64) []float64 {
	n := math.Sqrt(x*x + y*y + z*z)
	return []float64{x / n, y / n, z / n}
}

func TestOpenRefusesWhatDoesNotFitItsManifest(t *testing.T) {
	for _, c := range []struct {
		name, file string
		edit       func(*embed.Manifest)
		want       []string
	}{
		{"input type", "f32_nchw.onnx", func(m *embed.Manifest) { m.Input.Layout = embed.NCHW }, []string{`"image" is float32`, "says uint8"}},
		{"float16", "f16_nchw.onnx", func(m *embed.Manifest) { *m = tiny(embed.NCHW, embed.Float32) }, []string{"is float16", "says float32"}},
		{"layout", "u8_nchw.onnx", func(*embed.Manifest) {}, []string{"[any, 3, 8, 8]", "[any, 8, 8, 3]"}},
		{"tile size", "one.onnx", func(m *embed.Manifest) { m.TileSize = 16 }, []string{"[1, 8, 8, 3]", "16 px"}},
		{"dim", "u8_nhwc.onnx", func(m *embed.Manifest) { m.Dim = 512 }, []string{"[any, 3]", "dim 512"}},
		{"input name", "u8_nhwc.onnx", func(m *embed.Manifest) { m.Input.Name = "pixels" }, []string{`no input "pixels"`, `it has "image"`}},
		{"output name", "u8_nhwc.onnx", func(m *embed.Manifest) { m.Output = "y" }, []string{`no output "y"`, `it has "embedding"`}},
		{"batch of four", "four.onnx", func(*embed.Manifest) {}, []string{"batches of 4 only"}},
		{"not normalised", "u8_nhwc.onnx", func(m *embed.Manifest) { m.Normalised = true }, []string{"try it on one tile", "length"}},
		{"digest", "u8_nhwc.onnx", func(m *embed.Manifest) { m.Digest = embed.SSCD().Digest }, []string{"u8_nhwc.onnx", "its digest is sha256:", "names sha256:8638"}},
		{"no ONNX file", "make_models.py", func(*embed.Manifest) {}, []string{"open model testdata/make_models.py"}},
		{"no file", "gone.onnx", func(*embed.Manifest) {}, []string{"gone.onnx"}},
		{"no manifest", "u8_nhwc.onnx", func(m *embed.Manifest) { *m = embed.Manifest{} }, []string{"manifest: name"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := tiny(embed.NHWC, embed.Uint8)
			c.edit(&m)
			_, err := openTiny(t, c.file, m)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}
}

func TestTileWithoutVectorIsNamed(t *testing.T) {
	m := tiny(embed.NHWC, embed.Uint8)
	for _, c := range []struct {
		file       string
		normalised bool
	}{{"unit.onnx", true}, {"u8_nhwc.onnx", false}} {
		m.Normalised = c.normalised
		b, err := openTiny(t, c.file, m)
		if err != nil {
			t.Fatal(err)
		}
		tiles := slices.Repeat([][]byte{flatTile(9, 9, 9)}, 40)
		tiles[29] = flatTile(0, 0, 0)
		_, err = b.Embed(t.Context(), tiles)
		if e, ok := errors.AsType[*embed.TileError](err); !ok || e.Index != 29 {
			t.Errorf("%s: got %v, want a TileError for tile 29", c.file, err)
		}
	}
}

func TestOpenStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	_, err := Open(ctx, Options{Library: libraryFile(t), ModelPath: "testdata/u8_nhwc.onnx", Manifest: tiny(embed.NHWC, embed.Uint8)})
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want the context's cause", err)
	}
}

func TestOneLibraryInOneProcess(t *testing.T) {
	if err := load(libraryFile(t)); err != nil {
		t.Fatal(err)
	}
	if err := load("/elsewhere/libonnxruntime.so"); err == nil || !strings.Contains(err.Error(), "already runs") {
		t.Errorf("got %v", err)
	}
	if v, err := Version(libraryFile(t)); err != nil || tooOld(v) {
		t.Errorf("version of the library: %q, %v", v, err)
	}
}

func TestTooOld(t *testing.T) {
	for v, want := range map[string]bool{"1.23.9": true, "1.4": true, "0.5.0": true, "1.24.0": false, "1.32.0": false,
		"1.100.0-dev": false, "2.0.0": false, "": false, "nightly": false} {
		if tooOld(v) != want {
			t.Errorf("%q: got %v", v, !want)
		}
	}
}

// A library that answers like an old ONNX Runtime, and one that is something else.
func TestForeignLibraries(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Fatal(err) // cgo needed one to build this test
	}
	build := func(name, source string) string {
		dir := t.TempDir()
		src, lib := filepath.Join(dir, name+".c"), filepath.Join(dir, "lib"+name+".so")
		if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
		shared := "-shared"
		if runtime.GOOS == "darwin" {
			shared = "-dynamiclib"
		}
		if out, err := exec.Command(cc, shared, "-fPIC", "-o", lib, src).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return lib
	}
	old := build("old", `
		static const void *api(unsigned v) { __builtin_trap(); }
		static const char *version(void) { return "1.17.3"; }
		static const struct { const void *(*a)(unsigned); const char *(*v)(void); } base = {api, version};
		const void *OrtGetApiBase(void) { return &base; }`)
	v, err := Version(old)
	if _, ok := errors.AsType[*TooOldError](err); !ok || v != "1.17.3" ||
		!strings.Contains(err.Error(), "1.17.3") || !strings.Contains(err.Error(), "1.24") {
		t.Errorf("old library: got %q, %v", v, err)
	}
	if _, err := Version(build("other", "int x;")); err == nil || !strings.Contains(err.Error(), "not ONNX Runtime") {
		t.Errorf("another library: got %v", err)
	}
	if _, err := Version(filepath.Join(t.TempDir(), "gone.so")); err == nil || !strings.Contains(err.Error(), "gone.so") {
		t.Errorf("no library: got %v", err)
	}
}

func TestSplit(t *testing.T) {
	for n := range 100 {
		for batch := 1; batch <= 9; batch++ {
			for cores := 1; cores <= 5; cores++ {
				next, runs := 0, 0
				for from, size := range split(n, batch, cores) {
					if from != next || size < 1 || size > batch {
						t.Fatalf("%d tiles, batch %d, %d cores: run of %d from %d, want from %d", n, batch, cores, size, from, next)
					}
					next, runs = from+size, runs+1
				}
				if next != n || runs < min(n, cores) {
					t.Fatalf("%d tiles, batch %d, %d cores: %d in %d runs", n, batch, cores, next, runs)
				}
			}
		}
	}
}

func TestCloseWaitsForCallsInFlight(t *testing.T) {
	b, err := openTiny(t, "u8_nhwc.onnx", tiny(embed.NHWC, embed.Uint8))
	if err != nil {
		t.Fatal(err)
	}
	tiles := slices.Repeat([][]byte{flatTile(3, 4, 0)}, 20)
	var wg sync.WaitGroup
	begun := make(chan struct{}, 4)
	for range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				vs, err := b.Embed(t.Context(), tiles)
				if n == 0 {
					begun <- struct{}{}
				}
				if err != nil {
					return // closed
				}
				if math.Abs(float64(vs[19][1])-0.8) > 1e-6 {
					t.Errorf("got %v", vs[19])
					return
				}
			}
		})
	}
	for range 4 {
		<-begun
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if err := b.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}
