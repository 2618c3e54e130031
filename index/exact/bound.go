package exact

import "math"

// What the first pass may throw away
//
// Let a pair count when its float64 dot product, index.Dot64, is at least t, and
// let no row be longer than L (1, but for rounding). The first pass has a sum of
// its own, and must pass on every pair that counts; how many others it passes on
// is a matter of time only.
//
// Float32. With u = 2^-24, a sum of d products in any order, fused or not, is off
// by at most g * sum|a_k b_k| with g = d*u / (1 - d*u) (Higham, Accuracy and
// Stability of Numerical Algorithms, 2nd edition, equation 3.5), and sum|a_k b_k|
// <= |a| |b| <= L^2. So the cut is t less floatMargin.
//
// Integers. One step s serves all rows; x becomes integers q with x = s q + e,
// and p with y = s p + f. Let eps be the largest length that such a residual has
// in the table. Then
//
//	x.y - s^2 q.p = e.y + (s q).f = e.y + (x - e).f = e.y + x.f - e.f
//
// and by Cauchy and Schwarz this is at most eps L + eps L + eps^2 = eps (2L + eps)
// from zero. A pair that counts therefore has
//
//	q.p >= (t - eps (2L + eps)) / s^2
//
// and since q.p is an integer that is computed without error, the cut is the
// right side, rounded down. Nothing is asked of how q was chosen: rounding to the
// nearest makes eps small, but a number rounded the wrong way, or one clipped,
// makes eps larger and nothing else. With 127 levels eps is near 0.0125 for
// vectors of 512 numbers, and a search for 0.95 looks again at what is above
// 0.925; with 63 levels it is twice that.
//
// Unsigned times signed. VPDPBUSD and VPMADDUBSW multiply unsigned bytes by signed
// ones. The rows carry q + o, which is not negative, and a column's sum begins at
// -o times the sum of its p, so that (q + o).p - o sum(p) = q.p is left.

// slack covers the float64 arithmetic of the bounds themselves and of Dot64,
// whose sums of d products are off by less than d * 2^-53 * L^2.
func slack(dim int) float64 { return float64(dim+64) * 0x1p-52 }

// floatMargin bounds how far a float32 dot product of two rows, the longer one of
// squared length square, can be from the float64 one. The two products more are
// for the float64 sums, for products that underflow and for the rounding of the
// margin itself. At d = 512 and unit length it is 3.1e-5.
func floatMargin(dim int, square float64) float64 {
	du := float64(dim+2) * 0x1p-24
	return du/(1-du)*square + float64(dim)*math.SmallestNonzeroFloat32
}

// floatCut is the bits of the largest float32 that no pair that counts is below.
func floatCut(t float64, dim int, square float64) uint32 {
	if t <= -1 { // Dot64 stops at -1: every pair counts
		return math.Float32bits(float32(math.Inf(-1)))
	}
	x := t - floatMargin(dim, square)
	f := float32(x)
	if float64(f) > x {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return math.Float32bits(f)
}

// intCut is the same for integers of a step, with residuals no longer than eps.
func intCut(t float64, dim int, square, eps, step float64) uint32 {
	y := (t - eps*(2*math.Sqrt(square)+eps) - slack(dim)*(1+square)) / (step * step)
	x := math.Floor(y - math.Abs(y)*0x1p-40)
	const least = math.MinInt32 + 1 // kernels may take "greater than cut - 1"
	if t <= -1 || !(x > least) {
		return uint32(1<<31 + 1)
	}
	return uint32(int32(min(x, math.MaxInt32)))
}
