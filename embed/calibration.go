package embed

import (
	"errors"
	"fmt"
	"math"
	"sort"
)

// Knot is one point of a scale: this cosine means this similarity.
type Knot struct {
	Cosine     float64 `json:"cosine"`
	Similarity float64 `json:"similarity"`
}

// Calibration is a model's scale from cosine to similarity: monotone and piecewise linear, laid so that similarity
// 0.95 is one false pair in a million unrelated pairs and 0.90 one in 100,000, whatever the model. Without knots the
// similarity is the cosine itself.
type Calibration struct {
	Knots []Knot `json:"knots,omitempty"`
	// Source says on what the knots were measured. Empty with knots: they are provisional, nobody measured them.
	Source string `json:"source,omitempty"`
}

// Measured reports whether the scale was measured, not guessed or absent.
func (c Calibration) Measured() bool { return len(c.Knots) > 0 && c.Source != "" }

// Validate reports the first fault of the scale. Knots rise strictly in both numbers, from similarity 0 to the
// point (1, 1), so that the scale covers every similarity and has an inverse.
func (c Calibration) Validate() error {
	if len(c.Knots) == 0 {
		if c.Source != "" {
			return errors.New("calibration has a source but no knots")
		}
		return nil
	}
	if len(c.Knots) < 2 || len(c.Knots) > 1000 {
		return fmt.Errorf("calibration has %d knots, want 2 to 1000", len(c.Knots))
	}
	for i, k := range c.Knots {
		// The comparisons are written so that a NaN fails them.
		if !(k.Cosine >= -1 && k.Cosine <= 1) || !(k.Similarity >= 0 && k.Similarity <= 1) {
			return fmt.Errorf("calibration knot %d (%v, %v) is out of range", i, k.Cosine, k.Similarity)
		}
		if i > 0 && !(k.Cosine > c.Knots[i-1].Cosine && k.Similarity > c.Knots[i-1].Similarity) {
			return fmt.Errorf("calibration knot %d (%v, %v) does not rise", i, k.Cosine, k.Similarity)
		}
	}
	if c.Knots[0].Similarity != 0 {
		return fmt.Errorf("calibration begins at similarity %v, want 0", c.Knots[0].Similarity)
	}
	if last := c.Knots[len(c.Knots)-1]; last.Cosine != 1 || last.Similarity != 1 {
		return fmt.Errorf("calibration ends at (%v, %v), want (1, 1)", last.Cosine, last.Similarity)
	}
	return nil
}

// Similarity maps a cosine to the scale. It never falls as the cosine rises.
func (c Calibration) Similarity(cos float64) float64 {
	k := c.Knots
	if len(k) == 0 {
		return cos
	}
	i := sort.Search(len(k), func(i int) bool { return k[i].Cosine >= cos })
	switch {
	case i == len(k):
		return k[i-1].Similarity // beyond cosine 1, by rounding; NaN as well
	case i == 0 || k[i].Cosine == cos:
		return k[i].Similarity
	}
	a, b := k[i-1], k[i]
	t := (cos - a.Cosine) / (b.Cosine - a.Cosine)
	// The conversion keeps the compiler from fusing the two steps on chips that can: one cosine, one similarity.
	// Below a knot's cosine lies below its similarity, whatever the rounding, so that Cosine gives the knots back.
	return min(a.Similarity+float64(t*(b.Similarity-a.Similarity)), math.Nextafter(b.Similarity, 0))
}

// Cosine maps a similarity back: the least cosine whose similarity is at least sim, so that filtering by one or by
// the other selects the same pairs. At or below 0 that is every pair, -1; above 1 it is none, +Inf.
func (c Calibration) Cosine(sim float64) float64 {
	k := c.Knots
	switch {
	case len(k) == 0:
		return sim
	case sim <= 0:
		return -1
	case !(sim <= 1):
		return math.Inf(1)
	}
	i := sort.Search(len(k), func(i int) bool { return k[i].Similarity >= sim })
	if i == 0 || i == len(k) { // an invalid scale that does not span [0, 1]
		return k[min(i, len(k)-1)].Cosine
	}
	// Bisection, not the inverse formula, whose rounding would put pairs at the threshold on either side of it.
	lo, hi := k[i-1].Cosine, k[i].Cosine // Similarity(lo) < sim <= Similarity(hi)
	for {
		mid := lo + (hi-lo)/2
		if mid <= lo || mid >= hi {
			return hi
		}
		if c.Similarity(mid) >= sim {
			hi = mid
		} else {
			lo = mid
		}
	}
}
