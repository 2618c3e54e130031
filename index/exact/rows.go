package exact

import (
	"math"
	"unsafe"
)

// rowFuncs are what prepares rows in a processor's own assembly, for lengths
// that are a multiple of 32. Their sums are float32: roundingOf bounds what that
// costs.
type rowFuncs struct {
	extent func(row []float32) (square, most float32)
	round  func(q []uint32, row []float32, scale, step float32) (sum int32, square float32)
}

const rowBlock = 32

// roundingOf bounds how far, relatively, a sum of the squares of d float32 is off
// that was taken in float32: with u = 2^-24 by (d+2)u and a little.
func roundingOf(d int) float64 { return float64(d+8) * 0x1p-24 * 1.01 }

// extentOf gives the squared length of a row and its largest number, without the sign.
func extentOf(row []float32) (square float64, most float32) {
	whole := len(row) &^ (rowBlock - 1)
	if assembledRows == nil || whole == 0 {
		return extentGo(row)
	}
	s, m := assembledRows.extent(row[:whole])
	square, most = extentGo(row[whole:])
	return square + float64(s), max(most, m)
}

func extentGo(row []float32) (square float64, most float32) {
	for _, x := range row {
		square += float64(x) * float64(x)
		most = max(most, abs(x))
	}
	return square, most
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// round writes a row as integers of a step, four to a word, lowest byte first.
// It returns their sum and the squared length of what they leave of the row.
func round(q []uint32, row []float32, step float32) (sum int32, square float64) {
	scale := 1 / step
	whole := len(row) &^ (rowBlock - 1)
	if assembledRows == nil || whole == 0 {
		return roundGo(q, row, scale, step)
	}
	n, s := assembledRows.round(q, row[:whole], scale, step)
	sum, square = roundGo(q[whole/4:], row[whole:], scale, step)
	return sum + n, square + float64(s)
}

func roundGo(q []uint32, row []float32, scale, step float32) (sum int32, square float64) {
	const shift = 3 << 22 // added to a float32, it leaves no bits for fractions: that rounds
	clear(q)
	for k, x := range row {
		n := int32(math.Float32bits(x*scale+shift)) - int32(math.Float32bits(shift))
		sum += n
		e := float64(x) - float64(n)*float64(step)
		square += e * e
		q[k/4] |= uint32(uint8(n)) << (k % 4 * 8)
	}
	return sum, square
}

func floatWords(row []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(row))), len(row))
}

// scatter lays the words of row i into panels of rows rows, each of words words.
func scatter(panels []uint32, rows, words, i int, row []uint32) {
	p := panels[i/rows*rows*words+i%rows:]
	for w, x := range row {
		p[w*rows] = x
	}
}

// scatterUnsigned is scatter of four signed bytes a word, to which it adds
// offset. The additions stay within their bytes: q + 128 is q with its sign bit
// turned over, and from that smaller offsets are reached downwards, which q must
// allow for. Offset 0 leaves them signed.
func scatterUnsigned(panels []uint32, rows, words, i int, row []uint32, offset uint8) {
	flip, less := uint32(0x80808080), 0x01010101*uint32(128-offset)
	if offset == 0 {
		flip, less = 0, 0
	}
	p := panels[i/rows*rows*words+i%rows:]
	for w, x := range row {
		p[w*rows] = (x ^ flip) - less
	}
}
