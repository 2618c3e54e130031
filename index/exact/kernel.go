package exact

import (
	"math"

	"github.com/viterin/vek/vek32"
)

// tile writes the dot products of all rows of a with all rows of b, in float32
// and in any order of summation: out[i*nb+j] is row i of a times row j of b.
// It is all that a faster kernel has to replace.
var tile = chooseTile()

// chooseTile takes vek's AVX2 dot product where the chip has it, else the tile
// in Go: vek without AVX2 is a plain loop, several times slower than that.
func chooseTile() func(out, a, b []float32, dim int) {
	if vek32.Info().Acceleration {
		return tileVek
	}
	return tileGo
}

func tileVek(out, a, b []float32, dim int) {
	nb := len(b) / dim
	for i := range len(a) / dim {
		row := a[i*dim : (i+1)*dim]
		for j := range nb {
			out[i*nb+j] = vek32.Dot(row, b[j*dim:(j+1)*dim])
		}
	}
}

// tileGo takes four rows of b at a time: four sums that do not wait for each
// other, and each number of a is loaded once for them.
func tileGo(out, a, b []float32, dim int) {
	nb := len(b) / dim
	for i := range len(a) / dim {
		row := a[i*dim : (i+1)*dim]
		o := out[i*nb : (i+1)*nb]
		j := 0
		for ; j+4 <= nb; j += 4 {
			dot4((*[4]float32)(o[j:]), row, b[j*dim:(j+4)*dim])
		}
		for ; j < nb; j++ {
			o[j] = dot1(row, b[j*dim:(j+1)*dim])
		}
	}
}

func dot4(out *[4]float32, a, b []float32) {
	d := len(a)
	b0, b1, b2, b3 := b[:d], b[d:][:d], b[2*d:][:d], b[3*d:][:d]
	var s0, s1, s2, s3 float32
	for k, x := range a {
		s0 += x * b0[k]
		s1 += x * b1[k]
		s2 += x * b2[k]
		s3 += x * b3[k]
	}
	*out = [4]float32{s0, s1, s2, s3}
}

func dot1(a, b []float32) float32 {
	b = b[:len(a)]
	var s float32
	for k, x := range a {
		s += x * b[k]
	}
	return s
}

// Cosine is the number that pairs are kept and reported by: the dot product of
// two unit vectors in float64, in four sums taken in one fixed order, cut to
// [-1, 1]. The products of two float32 are exact in float64, so that a chip
// with fused multiply-add gives the same sums as one without.
func Cosine(a, b []float32) float64 {
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

// margin bounds how far a float32 dot product of two rows can be from the
// float64 one. With u = 2^-24, a sum of d products in any order, fused or not,
// is off by at most g * sum|a_k b_k| with g = d*u / (1 - d*u) (Higham, Accuracy
// and Stability of Numerical Algorithms, 2nd edition, equation 3.5), and
// sum|a_k b_k| <= |a| |b| <= square, the largest squared length of a row. The
// two products more are for the float64 sums, for products that underflow and
// for the rounding of the margin itself. At d = 512 and unit length it is
// 3.1e-5.
func margin(dim int, square float64) float64 {
	du := float64(dim+2) * 0x1p-24
	return du/(1-du)*square + float64(dim)*math.SmallestNonzeroFloat32
}

// cut is the largest float32 not above x.
func cut(x float64) float32 {
	f := float32(x)
	if float64(f) > x {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return f
}
