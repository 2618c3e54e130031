package exact

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/dupfind/dupfind/index"
)

// integers reads a row of a table back out of its panels, signed.
func (tb *table) integers(i int) []int64 {
	q := make([]int64, 0, 4*tb.words)
	panel := tb.rowPanels[i/tb.rows*tb.rows*tb.words+i%tb.rows:]
	for w := range tb.words {
		for b := range 4 {
			x := uint8(panel[w*tb.rows] >> (8 * b))
			if tb.offset == 0 {
				q = append(q, int64(int8(x)))
			} else {
				q = append(q, int64(x)-int64(tb.offset))
			}
		}
	}
	return q
}

// intKernels calls f with every kernel of integers that this processor has, and
// with the table that it makes of v for t.
func intKernels(t *testing.T, v index.Vectors, threshold float64, f func(tb *table, step, eps float64)) {
	t.Helper()
	for i := range kernels {
		k := &kernels[i]
		if k.levels == 0 || k.lacks() != "" {
			continue
		}
		tb, err := newTable(t.Context(), k, v, 0, threshold, 1)
		if err != nil {
			t.Fatal(err)
		}
		var most float32
		for _, x := range v.Data {
			most = max(most, abs(x))
		}
		step := float64(most / float32(k.levels))
		var eps float64
		for r := range v.N() {
			var e2 float64
			for j, q := range tb.integers(r)[:v.Dim] {
				e := float64(v.Row(r)[j]) - float64(q)*step
				e2 += e * e
			}
			eps = max(eps, math.Sqrt(e2))
		}
		f(tb, step, eps)
	}
}

func dotInt(a, b []int64) (sum int64) {
	for k := range a {
		sum += a[k] * b[k]
	}
	return sum
}

// rounded is a table whose rows leave the largest residuals there are: every
// number lies m + over steps of 127 levels from zero, which rounding takes half a
// step away, all in the row's own direction. A row of one large number sets the
// scale. It returns the signs of its rows to be chosen by the caller.
func rounded(dim, levels int, m, over float64, signs ...[]float32) index.Vectors {
	each := 1 / math.Sqrt(float64(dim))
	step := each / (m + over)
	v := index.Vectors{Dim: dim, Data: make([]float32, (len(signs)+1)*dim)}
	largest := step * float64(levels)
	v.Row(0)[0] = float32(largest)
	if rest := 1 - largest*largest; rest > 0 { // the length of the row must be 1
		for k := 1; k < dim; k++ {
			v.Row(0)[k] = float32(math.Sqrt(rest / float64(dim-1)))
		}
	}
	for i, s := range signs {
		for k := range dim {
			v.Row(i + 1)[k] = s[k] * float32(each)
		}
	}
	return v
}

func randomSigns(r *rand.Rand, dim int) []float32 {
	s := make([]float32, dim)
	for k := range s {
		s[k] = float32(2*r.IntN(2) - 1)
	}
	return s
}

// The bound is reached, near enough, and pairs at that edge are not lost: equal
// rows whose integers are all too small, and nearly opposite ones whose integers
// are all too large. A bound a tenth smaller would lose them.
func TestNothingIsLostAtTheEdgeOfTheBound(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for _, dim := range []int{64, 512, 1000} {
		for _, levels := range []int{127, 63} {
			for _, m := range []float64{6, 20, 40} {
				signs := randomSigns(r, dim)
				nearlyOpposite := make([]float32, dim)
				for k := range signs {
					nearlyOpposite[k] = -signs[k]
				}
				nearlyOpposite[0] = signs[0]
				for _, c := range []struct {
					over  float64
					other []float32
				}{{0.499, signs}, {-0.499, nearlyOpposite}} {
					if (m+c.over)*math.Sqrt(float64(dim)) < float64(levels) {
						continue // the row that sets the scale would be too long
					}
					v := rounded(dim, levels, m, c.over, signs, c.other)
					at := Cosine(v.Row(1), v.Row(2))
					atTheEdge(t, v, levels, at)
					check(t, v, 0, at)
				}
			}
		}
	}
}

// atTheEdge makes sure that the rows test what they are for.
func atTheEdge(t *testing.T, v index.Vectors, levels int, at float64) {
	t.Helper()
	intKernels(t, v, at, func(tb *table, step, eps float64) {
		if tb.levels != levels {
			return
		}
		score := float64(dotInt(tb.integers(1), tb.integers(2))) * step * step
		if score > at-0.9*eps*(2+eps) {
			t.Errorf("dim %d, kernel %s: cosine %v has score %v, which is not at the edge %v", v.Dim, tb.name, at, score, at-eps*(2+eps))
		}
		if cut := int32(tb.cut); dotInt(tb.integers(1), tb.integers(2)) < int64(cut) {
			t.Errorf("dim %d, kernel %s: cosine %v is below the cut", v.Dim, tb.name, at)
		}
	})
}

// The proof, by numbers: no dot product is further from its integers' than the
// bound, and the cut is not above it, for tables of all kinds.
func TestBound(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	for _, dim := range []int{1, 2, 5, 16, 100, 512} {
		for _, v := range []index.Vectors{random(r, 60, dim), spiky(r, 60, dim)} {
			intKernels(t, v, 0.7, func(tb *table, step, eps float64) {
				if got, want := int32(tb.cut), (0.7-eps*(2+eps))/step/step; float64(got) > want+1 || float64(got) < want-2-want*1e-3 {
					t.Errorf("dim %d, kernel %s: cut %d, want about %v", dim, tb.name, got, want)
				}
				for a := range v.N() {
					var sum int64
					for _, q := range tb.integers(a) {
						sum += q
					}
					if want := -int64(tb.offset) * sum; int64(tb.start[a]) != want {
						t.Fatalf("dim %d, kernel %s: column %d starts at %d, want %d", dim, tb.name, a, tb.start[a], want)
					}
					for b := range v.N() {
						dot, score := Cosine(v.Row(a), v.Row(b)), float64(dotInt(tb.integers(a), tb.integers(b)))*step*step
						if math.Abs(dot-score) > eps*(2+eps)+1e-6 { // lengths are 1 to six digits
							t.Fatalf("dim %d, kernel %s: %v and %v are more than %v apart", dim, tb.name, dot, score, eps*(2+eps))
						}
					}
				}
			})
		}
	}
}

// spiky rows have few large numbers, one of them often nearly 1, and many small
// ones, which all round to nothing.
func spiky(r *rand.Rand, n, dim int) index.Vectors {
	v := index.Vectors{Dim: dim, Data: make([]float32, n*dim)}
	for i := range n {
		row := v.Row(i)
		for k := range row {
			row[k] = float32(r.NormFloat64()) * 1e-3
		}
		row[r.IntN(dim)] += 1
		row[r.IntN(min(dim, 3))] += float32(r.NormFloat64()) / 4
		unit(row)
	}
	return v
}

func TestSpikyRows(t *testing.T) {
	r := rand.New(rand.NewPCG(25, 26))
	for _, dim := range []int{3, 16, 513} {
		for _, threshold := range []float64{-0.5, 0.5, 0.95, 0.9999} {
			check(t, spiky(r, 150, dim), 0, threshold)
		}
	}
}

// The margin of float32 must cover the worst that its sums do, on rows made to
// round badly: many equal numbers, and signs that cancel.
func TestMarginCoversRounding(t *testing.T) {
	r := rand.New(rand.NewPCG(27, 28))
	for _, dim := range []int{1, 8, 100, 512, 2048} {
		for range 50 {
			a, b := make([]float32, dim), make([]float32, dim)
			for k := range dim {
				a[k] = 1 + float32(r.Float64())*1e-3
				b[k] = a[k]
				if r.IntN(2) == 0 {
					a[k], b[k] = float32(r.NormFloat64()), float32(r.NormFloat64())
				}
			}
			unit(a)
			unit(b)
			check(t, tableOf(a, b), 0, Cosine(a, b))
		}
	}
}

// The assembly that prepares rows does what Go does, but for the rounding of its
// sums: any integer at a half may go either way.
func TestRowsInAssembly(t *testing.T) {
	if assembledRows == nil {
		t.Log("this processor prepares rows in Go")
		return
	}
	r := rand.New(rand.NewPCG(29, 30))
	for _, dim := range []int{32, 64, 512, 4096} {
		v := random(r, 20, dim)
		for i := range v.N() {
			row := v.Row(i)
			square, most := assembledRows.extent(row)
			wantSquare, wantMost := extentGo(row)
			if most != wantMost || math.Abs(float64(square)/wantSquare-1) > roundingOf(dim) {
				t.Errorf("dim %d: extent %v, %v, want %v, %v", dim, square, most, wantSquare, wantMost)
			}
			step := most / 127
			got, want := make([]uint32, dim/4), make([]uint32, dim/4)
			sum, left := assembledRows.round(got, row, 1/step, step)
			_, wantLeft := roundGo(want, row, 1/step, step)
			var wantSum int32
			for w := range got {
				for b := range 4 {
					x, y := int8(got[w]>>(8*b)), int8(want[w]>>(8*b))
					wantSum += int32(x)
					if d := int(x) - int(y); d < -1 || d > 1 {
						t.Fatalf("dim %d: number %d is %d, in Go %d", dim, 4*w+b, x, y)
					}
				}
			}
			if sum != wantSum || math.Abs(float64(left)/wantLeft-1) > roundingOf(dim)+1e-6 {
				t.Errorf("dim %d: sum %d, left %v, want %d, %v", dim, sum, left, wantSum, wantLeft)
			}
		}
	}
}
