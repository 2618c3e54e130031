package exact

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/dupfind/dupfind/index"
)

// reference is what a tile has to give, sum by sum.
func (k *kernel) reference(a, b []uint32, start []int32, words int) [][]float64 {
	sums := make([][]float64, k.rows)
	for r := range sums {
		sums[r] = make([]float64, k.cols)
		for c := range sums[r] {
			var s float64
			for w := range words {
				x, y := a[w*k.rows+r], b[w*k.cols+c]
				if k.levels == 0 {
					s += float64(math.Float32frombits(x)) * float64(math.Float32frombits(y))
					continue
				}
				for i := range 4 {
					first := int(uint8(x >> (8 * i)))
					if k.offset == 0 {
						first = int(int8(x >> (8 * i)))
					}
					s += float64(first * int(int8(y>>(8*i))))
				}
			}
			if start != nil {
				s += float64(start[c])
			}
			sums[r][c] = s
		}
	}
	return sums
}

// panels makes a tile's input; extreme takes the largest and smallest numbers only.
func (k *kernel) panels(r *rand.Rand, words int, extreme bool) (a, b []uint32, start []int32) {
	a, b = aligned(k.rows*words), aligned(k.cols*words)
	if k.levels == 0 {
		for _, p := range [][]uint32{a, b} {
			for i := range p { // whole numbers, so that sums are exact
				p[i] = math.Float32bits(float32(r.IntN(2*99+1) - 99))
			}
		}
		return a, b, nil
	}
	number := func(offset int) uint32 {
		x := r.IntN(2*k.levels+1) - k.levels
		if extreme {
			x = k.levels * (2*r.IntN(2) - 1)
		}
		return uint32(uint8(int8(x)) + uint8(offset))
	}
	for i := range a {
		a[i] = number(int(k.offset)) | number(int(k.offset))<<8 | number(int(k.offset))<<16 | number(int(k.offset))<<24
	}
	for i := range b {
		b[i] = number(0) | number(0)<<8 | number(0)<<16 | number(0)<<24
	}
	start = make([]int32, k.cols)
	if k.offset != 0 { // a kernel of signed numbers has no use for it
		for i := range start {
			start[i] = int32(r.IntN(1 << 20))
		}
	}
	return a, b, start
}

func (k *kernel) cutAt(x float64) uint32 {
	if k.levels == 0 {
		return math.Float32bits(float32(x))
	}
	return uint32(int32(x))
}

// Every sum of every tile is right to the last bit, none saturates, and hits are
// those that reach the cut and no others.
func TestTiles(t *testing.T) {
	for i := range kernels {
		k := &kernels[i]
		if k.lacks() != "" {
			continue
		}
		r := rand.New(rand.NewPCG(31, 32))
		for _, words := range []int{4, 8, 128, 512} {
			for _, extreme := range []bool{false, true} {
				a, b, start := k.panels(r, words, extreme)
				sums := k.reference(a, b, start, words)
				all := slices.Sorted(slices.Values(slices.Concat(sums...)))
				cuts := []float64{all[0], all[1], all[len(all)/2], all[len(all)-2], all[len(all)-1], all[len(all)-1] + 1}
				for _, cut := range cuts {
					k.checkTile(t, a, b, start, words, sums, cut)
				}
			}
		}
	}
}

func (k *kernel) checkTile(t *testing.T, a, b []uint32, start []int32, words int, sums [][]float64, cut float64) {
	t.Helper()
	var hits, want [mostRows]uint32
	some := false
	for r := range sums {
		for c, s := range sums[r] {
			if s >= cut {
				want[r] |= 1 << c
				some = true
			}
		}
	}
	got := k.tile(a, b, start, &hits, words, k.cutAt(cut))
	if got != some || hits != want {
		t.Errorf("kernel %s, %d words, cut %v: got %v, %b, want %v, %b", k.name, words, cut, got, hits, some, want)
	}
}

func TestKernelsByName(t *testing.T) {
	names := kernelNames()
	for _, k := range kernels {
		if !slices.Contains(names, k.name) {
			t.Errorf("kernel %s is not among the names", k.name)
		}
	}
	for _, name := range names {
		err := (&Engine{Kernel: name}).Check()
		if has := slices.Contains(Kernels(), name); has != (err == nil) {
			t.Errorf("kernel %s is here: %v, and yet: %v", name, has, err)
		}
	}
	foreign := "neon"
	if runtime.GOARCH == "arm64" {
		foreign = "avx2"
	}
	for name, want := range map[string]string{
		"sse9":  `kernel "sse9" is unknown; there are vnni512, avx512, avx2i7, avxvnni, avx2, neon, go`,
		foreign: "processors, this one is " + runtime.GOARCH,
	} {
		if err := (&Engine{Kernel: name}).Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("kernel %s: got %v, want %q", name, err, want)
		}
		err := (&Engine{Kernel: name}).Pairs(t.Context(), index.Vectors{Dim: 1}, 0, 0.5, nil, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("search with kernel %s: got %v, want %q", name, err, want)
		}
	}
}

func TestKernelByEnvironment(t *testing.T) {
	for _, name := range Kernels() {
		t.Setenv(kernelVariable, name)
		if k, err := pick("", 512); err != nil || k.name != name {
			t.Errorf("%s=%s: got %v, %v", kernelVariable, name, k, err)
		}
		if k, err := pick("go", 512); err != nil || k.name != "go" {
			t.Errorf("with %s=%s, kernel go: got %v, %v", kernelVariable, name, k, err)
		}
	}
	t.Setenv(kernelVariable, "fast")
	if err := (&Engine{}).Check(); err == nil || !strings.HasPrefix(err.Error(), `DUPFIND_KERNEL "fast" is unknown`) {
		t.Errorf("got %v", err)
	}
	t.Setenv(kernelVariable, "")
	if k, err := pick("", 512); err != nil || k.name != Kernels()[0] {
		t.Errorf("by default: got %v, %v, want %s", k, err, Kernels()[0])
	}
}

// More numbers than 32 bits can add up are for float32.
func TestVectorsTooLongForIntegers(t *testing.T) {
	for i := range kernels {
		k := &kernels[i]
		if k.lacks() != "" || k.levels == 0 {
			continue
		}
		if _, err := pick(k.name, mostIntDim); err != nil {
			t.Error(err)
		}
		if _, err := pick(k.name, mostIntDim+1); err == nil {
			t.Errorf("kernel %s takes %d numbers", k.name, mostIntDim+1)
		}
	}
	if k, err := pick("", mostIntDim+1); err != nil || k.levels != 0 {
		t.Errorf("got %v, %v, want a kernel of float32", k, err)
	}
	v := random(rand.New(rand.NewPCG(33, 34)), 5, mostIntDim)
	check(t, v, 0, Cosine(v.Row(1), v.Row(2)))
}

func TestEstimate(t *testing.T) {
	here(func(kernel string) {
		e := &Engine{Workers: 2, Kernel: kernel}
		whole, err := e.Estimate(100_000, 0, 512)
		if err != nil {
			t.Fatal(err)
		}
		part, err := e.Estimate(100_000, 99_000, 512)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("kernel %s: 100,000 x 512 in %v, 1,000 more in %v", kernel, whole, part)
		if whole <= 0 || part <= 0 || part > whole/4 {
			t.Errorf("kernel %s: the whole in %v, a fiftieth of it in %v", kernel, whole, part)
		}
	})
	if _, err := (&Engine{Kernel: "none"}).Estimate(1, 0, 1); err == nil {
		t.Error("an unknown kernel has an estimate")
	}
}
