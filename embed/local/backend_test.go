//go:build cgo

package local

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/embedtest"
)

// realModel finds the library and the default model, which the set-up installs. Without them the test is skipped,
// but not in CI, which has them.
func realModel(t testing.TB) Found {
	t.Helper()
	f, err := Locate(LocateOptions{})
	if _, ok := errors.AsType[*MissingError](err); ok && os.Getenv("CI") != "true" {
		t.Skipf("needs the real model (make setup): %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func openReal(t testing.TB, tn tuning) *Backend {
	t.Helper()
	b, err := openTuned(t.Context(), realModel(t).Options(), tn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() }) // closing twice is allowed
	return b
}

func TestConformance(t *testing.T) {
	embedtest.Conformance(t, func(t *testing.T) embed.Backend { return openReal(t, defaultTuning()) })
}

// patternTile is a picture by formula, so that other programs can make it too: stripes, with a grid over them.
func patternTile() []byte {
	tile := make([]byte, 0, 224*224*3)
	for y := range 224 {
		for x := range 224 {
			for c := range 3 {
				tile = append(tile, byte((x*(c+1)+y*(3-c))/4^(x/28*37+y/28*11)))
			}
		}
	}
	return tile
}

// The numbers are those of Python's onnxruntime 1.32.0. Rows for columns or blue for red would give others; another
// chip's rounding changes the third digit.
func TestVectorIsTheOneOtherProgramsGet(t *testing.T) {
	want := []float64{0.0557, -0.0575, -0.0449, 0.0211, 0.0490, 0.0213, -0.0053, 0.0011, 0.0309, 0.0066, -0.0013, -0.0341}
	b := openReal(t, defaultTuning())
	vs, err := b.Embed(t.Context(), [][]byte{patternTile()})
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if math.Abs(float64(vs[0][i])-w) > 0.01 {
			t.Fatalf("got %v, want %v", vs[0][:len(want)], want)
		}
	}
}

// needsExactInt8 leaves the setting off where it changes nothing; here it is tried on the chip at hand.
func TestExactInt8ChangesNothingHere(t *testing.T) {
	if needsExactInt8() {
		t.Log("this chip needs the setting, and has it: nothing to compare")
		return
	}
	tiles := append(embedtest.Tiles(224, 3, 9), patternTile())
	var got [][]embed.Vector
	for _, exact := range []bool{false, true} {
		tn := defaultTuning()
		tn.exactInt8 = exact
		vs, err := openReal(t, tn).Embed(t.Context(), tiles)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, vs)
	}
	if !slices.EqualFunc(got[0], got[1], slices.Equal[embed.Vector]) {
		t.Error("vectors differ: this chip's int8 sums are not exact without the setting")
	}
}

func TestCancelStopsBetweenRuns(t *testing.T) {
	b := openReal(t, defaultTuning())
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for len(b.slots) == cap(b.slots) { // no run has begun
			runtime.Gosched()
		}
		cancel(stop)
	}()
	if _, err := b.Embed(ctx, slices.Repeat([][]byte{patternTile()}, 400)); !errors.Is(err, stop) {
		t.Errorf("got %v, want the cause", err)
	}
	<-done
	if len(b.slots) != cap(b.slots) {
		t.Error("a run still holds its slot")
	}
}
