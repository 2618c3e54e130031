package index

import (
	"fmt"
	"math"
)

// Dot64 is the number that pairs are kept and reported by, whatever engine
// proposed them: the dot product of two unit vectors in float64, in four sums
// taken in one fixed order, cut to [-1, 1]. The products of two float32 are
// exact in float64, so that a chip with fused multiply-add gives the same sums
// as one without.
func Dot64(a, b []float32) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	k := 0
	for ; k+4 <= len(a); k += 4 {
		s0 += float64(a[k]) * float64(b[k])
		s1 += float64(a[k+1]) * float64(b[k+1])
		s2 += float64(a[k+2]) * float64(b[k+2])
		s3 += float64(a[k+3]) * float64(b[k+3])
	}
	for ; k < len(a); k++ {
		s0 += float64(a[k]) * float64(b[k])
	}
	return min(1, max(-1, (s0+s1)+(s2+s3)))
}

// RowError says which row of a table cannot be searched. The caller knows whose
// vector it is.
type RowError struct {
	Row     int
	Problem string
}

func (e *RowError) Error() string { return fmt.Sprintf("vector %d %s", e.Row, e.Problem) }

// CheckRows gives the largest squared length of a row, or a *RowError for the
// first row that has no direction: one with a number that is not finite, or
// with zeros only. Such a row would be near nothing, or near all, in silence.
func (v Vectors) CheckRows() (square float64, err error) {
	for i := range v.N() {
		var s float64
		for _, x := range v.Row(i) {
			s += float64(x) * float64(x)
		}
		switch {
		case math.IsNaN(s) || math.IsInf(s, 0):
			return 0, &RowError{Row: i, Problem: "has a number that is not finite"}
		case s == 0:
			return 0, &RowError{Row: i, Problem: "is zero"}
		}
		square = max(square, s)
	}
	return square, nil
}
