package embed

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSimilarityOfSSCD(t *testing.T) {
	c := SSCD().Calibration
	for _, k := range []struct{ cos, sim float64 }{
		{-1, 0}, {-0.1, 0}, {0, 0}, {0.35, 0.90}, {0.44, 0.95}, {0.395, 0.925}, {1, 1}, {1.0000001, 1},
	} {
		if got := c.Similarity(k.cos); math.Abs(got-k.sim) > 1e-12 {
			t.Errorf("Similarity(%v): got %v, want %v", k.cos, got, k.sim)
		}
	}
	for _, k := range []struct{ sim, cos float64 }{
		{0, -1}, {-1, -1}, {0.90, 0.35}, {0.95, 0.44}, {1, 1}, {1.01, math.Inf(1)}, {math.NaN(), math.Inf(1)},
	} {
		if got := c.Cosine(k.sim); got != k.cos {
			t.Errorf("Cosine(%v): got %v, want exactly %v", k.sim, got, k.cos)
		}
	}
	if !c.Measured() {
		t.Error("SSCD's scale does not count as measured")
	}
}

func TestNoCalibrationIsTheCosine(t *testing.T) {
	var c Calibration
	if c.Similarity(0.3) != 0.3 || c.Cosine(0.3) != 0.3 || c.Measured() || c.Validate() != nil {
		t.Errorf("got %v, %v, measured %v, %v", c.Similarity(0.3), c.Cosine(0.3), c.Measured(), c.Validate())
	}
	if (Calibration{Knots: []Knot{{0, 0}, {1, 1}}}).Measured() {
		t.Error("knots without a source count as measured")
	}
}

// The two ways to filter, by similarity and by the cosine of the threshold, must agree to the last bit: the index
// searches by one, the report filters by the other.
func TestCosineIsTheExactInverse(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		c := randomScale(r)
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			sim := 1 - r.Float64() // in (0, 1]
			cos := c.Cosine(sim)
			if c.Similarity(cos) < sim {
				t.Fatalf("%v: Similarity(Cosine(%v)) = %v", c, sim, c.Similarity(cos))
			}
			if below := math.Nextafter(cos, -2); below >= -1 && c.Similarity(below) >= sim {
				t.Fatalf("%v: Cosine(%v) = %v, but %v is enough", c, sim, cos, below)
			}
			a, b := 2*r.Float64()-1, 2*r.Float64()-1
			if a > b {
				a, b = b, a
			}
			if c.Similarity(a) > c.Similarity(b) {
				t.Fatalf("%v falls between %v and %v", c, a, b)
			}
		}
	}
}

func randomScale(r *rand.Rand) Calibration {
	k := []Knot{{2*r.Float64() - 1, 0}}
	for range r.IntN(4) {
		last := k[len(k)-1]
		k = append(k, Knot{last.Cosine + (1-last.Cosine)*(0.01+0.9*r.Float64()), last.Similarity + (1-last.Similarity)*(0.01+0.9*r.Float64())})
	}
	return Calibration{Knots: append(k, Knot{1, 1}), Source: "test"}
}

func TestCalibrationFaults(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]Calibration{
		"source without knots": {Source: "x"},
		"one knot":             {Knots: []Knot{{1, 1}}},
		"not from 0":           {Knots: []Knot{{0, 0.1}, {1, 1}}},
		"not to 1":             {Knots: []Knot{{0, 0}, {0.9, 1}}},
		"flat":                 {Knots: []Knot{{0, 0}, {0.5, 0.5}, {0.6, 0.5}, {1, 1}}},
		"falls":                {Knots: []Knot{{0, 0}, {0.5, 0.5}, {0.4, 0.6}, {1, 1}}},
		"out of range":         {Knots: []Knot{{-1.5, 0}, {1, 1}}},
		"not a number":         {Knots: []Knot{{nan, 0}, {1, 1}}},
	} {
		if c.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
