package exact

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"os"
	"runtime"
	"slices"
	"strings"
)

// kernel is one way to take the first pass: a tile of rows x cols sums that
// stay in registers while the numbers of its rows and columns pass by.
//
// Numbers travel in words of 32 bits: a float32, or four integers of 8 bits.
// The rows of a tile lie in a panel: word 0 of every row, word 1 of every row,
// and so on; its columns in a panel alike. So a tile reads two streams and
// writes nothing but what it finds.
type kernel struct {
	name       string
	rows, cols int // of a tile
	// levels is the integer that the largest number becomes; 0 keeps float32.
	levels int
	// offset is added to the integers of rows, which makes them unsigned for
	// the instructions that take unsigned times signed. columns stay signed.
	offset uint8
	tile   tileFunc
	// lacks names what this processor would have to have, or is empty.
	lacks func() string
}

// tileFunc compares the rows in a with the columns in b, each of words words, a
// multiple of wordsStep. It returns true and sets bit c of hits[r] for each row
// r and column c whose sum is at least cut, or false, and hits is as it was,
// when there is none. cut is the bits of a float32 or of an int32, as the sums
// are; integer sums begin at start[c].
type tileFunc func(a, b []uint32, start []int32, hits *[mostRows]uint32, words int, cut uint32) bool

const (
	mostRows  = 12 // of any tile
	wordsStep = 4  // tiles take this many words of each row in a turn
	// mostIntDim keeps sums of products of two int8 within 32 bits. The sums of
	// unsigned times signed on the way there may wrap: they wrap back.
	mostIntDim = 1 << 16
)

// kernels are those written for this kind of processor, the fastest first, and
// the one in Go.
var kernels = append(slices.Clone(assembled), kernel{name: "go", rows: 4, cols: 8, tile: tileGo, lacks: func() string { return "" }})

// elsewhere says of kernels for which processors they are.
var elsewhere = map[string]string{
	"vnni512": "amd64", "avxvnni": "amd64", "avx2i7": "amd64", "avx512": "amd64", "avx2": "amd64", "neon": "arm64",
}

// kernelVariable names the environment variable that forces a kernel.
const kernelVariable = "DUPFIND_KERNEL"

// pick finds the kernel of a name; with an empty one it is the one that the
// environment asks for, and when that asks for none the fastest.
func pick(name string, dim int) (*kernel, error) {
	from := "kernel"
	if name == "" {
		name, from = os.Getenv(kernelVariable), kernelVariable
	}
	for i := range kernels {
		k := &kernels[i]
		if name != "" && name != k.name {
			continue
		}
		why := k.lacks()
		if why == "" && k.levels > 0 && dim > mostIntDim {
			why = fmt.Sprintf("sums of %d numbers do not fit into 32 bits", dim)
		}
		if why == "" {
			return k, nil
		}
		if name != "" {
			return nil, fmt.Errorf("%s %s: %s", from, name, why)
		}
	}
	if arch, ok := elsewhere[name]; ok {
		return nil, fmt.Errorf("%s %s is for %s processors, this one is %s", from, name, arch, runtime.GOARCH)
	}
	return nil, fmt.Errorf("%s %q is unknown; there are %s", from, name, strings.Join(kernelNames(), ", "))
}

func kernelNames() []string {
	return []string{"vnni512", "avx512", "avx2i7", "avxvnni", "avx2", "neon", "go"}
}

// rowWords is how many words a row of dim numbers takes, padded with zeros.
func (k *kernel) rowWords(dim int) int {
	per := 1
	if k.levels > 0 {
		per = 4
	}
	words := (dim + per - 1) / per
	return (words + wordsStep - 1) / wordsStep * wordsStep
}

// tileGo is the kernel for any processor: four rows by eight columns, two by
// four at a time, which keeps eight sums in registers.
func tileGo(a, b []uint32, _ []int32, hits *[mostRows]uint32, words int, cut uint32) bool {
	least := math.Float32frombits(cut)
	var found [4]uint32
	for r := 0; r < 4; r += 2 {
		for c := 0; c < 8; c += 4 {
			first, second := twoByFour(a[r:], b[c:], words, least)
			found[r] |= first << c
			found[r+1] |= second << c
		}
	}
	if cmp.Or(found[:]...) == 0 {
		return false
	}
	copy(hits[:], found[:])
	return true
}

func twoByFour(a, b []uint32, words int, least float32) (first, second uint32) {
	var s00, s01, s02, s03, s10, s11, s12, s13 float32
	f := math.Float32frombits
	for w := range words {
		x, y := a[4*w:][:2:2], b[8*w:][:4:4]
		x0, x1 := f(x[0]), f(x[1])
		y0, y1, y2, y3 := f(y[0]), f(y[1]), f(y[2]), f(y[3])
		s00 += x0 * y0
		s01 += x0 * y1
		s02 += x0 * y2
		s03 += x0 * y3
		s10 += x1 * y0
		s11 += x1 * y1
		s12 += x1 * y2
		s13 += x1 * y3
	}
	for c, s := range [4]float32{s00, s01, s02, s03} {
		first |= reached(s, least) << c
	}
	for c, s := range [4]float32{s10, s11, s12, s13} {
		second |= reached(s, least) << c
	}
	return first, second
}

func reached(s, least float32) uint32 {
	if s >= least {
		return 1
	}
	return 0
}

// each calls f with row and column of every bit.
func each(hits *[mostRows]uint32, rows int, f func(r, c int)) {
	for r, m := range hits[:rows] {
		for ; m != 0; m &= m - 1 {
			f(r, bits.TrailingZeros32(m))
		}
	}
}
