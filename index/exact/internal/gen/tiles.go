package main

import (
	"encoding/binary"
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The registers that every tile uses alike.
var (
	aPtr  = reg.RSI
	bPtr  = reg.RDI
	start = reg.R8
	hits  = reg.R9
	count = reg.RCX
)

// unroll is how many words of each row one turn of a tile's loop takes.
const unroll = 4

// tile is what the tiles of amd64 differ in: all compute rows x cols sums at
// once, each in a lane of a register of its own.
type tile struct {
	name   string
	doc    string
	rows   int
	width  int // lanes of a register
	vector func(int) reg.VecPhysical
	ints   bool // sums start at start[column], and are compared as integers
	wide   bool // masks of zmm registers rather than of ymm
	words  int  // how many words of a row a step takes
	step   func(t *tile, word int)
	*build.Context
}

// half is the n-th half of row r's sums. A tile is two registers wide.
func (t *tile) half(r, n int) reg.VecPhysical { return t.vector(2*r + n) }

// spare is the n-th register that holds no sum.
func (t *tile) spare(n int) reg.VecPhysical { return t.vector(2*t.rows + n) }

func (t *tile) spares() int {
	if t.wide {
		return 32 - 2*t.rows
	}
	return 16 - 2*t.rows
}

// tiles makes every tile of amd64.
func tiles(c *build.Context) {
	c.ConstraintExpr("amd64")
	for _, t := range []tile{
		{name: "tileVNNI512", rows: 12, width: 16, vector: zmm, ints: true, wide: true, words: 1, step: dotZMM,
			doc: "12 x 32, int8, by VPDPBUSD on zmm registers."},
		{name: "tileAVX512", rows: 12, width: 16, vector: zmm, wide: true, words: 1, step: fmaStep,
			doc: "12 x 32, float32, by fused multiply-add on zmm registers."},
		{name: "tileAVXVNNI", rows: 6, width: 8, vector: ymm, ints: true, words: 1, step: dotVEX,
			doc: "6 x 16, int8, by VPDPBUSD on ymm registers, encoded as AVX-VNNI does."},
		{name: "tileVNNI256", rows: 6, width: 8, vector: ymm, ints: true, words: 1, step: dotEVEX,
			doc: "6 x 16, int8: tileAVXVNNI for chips that know VPDPBUSD only in the encoding of AVX-512."},
		{name: "tileAVX2I7", rows: 4, width: 8, vector: ymm, ints: true, words: 2, step: maddStep,
			doc: "4 x 16, 7-bit integers, by VPMADDUBSW."},
		{name: "tileAVX2", rows: 6, width: 8, vector: ymm, words: 1, step: fmaStep,
			doc: "6 x 16, float32, by fused multiply-add on ymm registers."},
	} {
		t.Context = c
		t.make()
	}
}

func zmm(n int) reg.VecPhysical {
	return []reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
	}[n]
}

func ymm(n int) reg.VecPhysical {
	return []reg.VecPhysical{
		reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7, reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
	}[n]
}

// bytes is the size of a register.
func (t *tile) bytes() int { return 4 * t.width }

// aWord and bHalf are where a word of a row of a, and half a row of words of b, lie.
func (t *tile) aWord(word, r int) operand.Mem {
	return operand.Mem{Base: aPtr, Disp: 4 * (word*t.rows + r)}
}

func (t *tile) bHalf(word, n int) operand.Mem {
	return operand.Mem{Base: bPtr, Disp: (2*word + n) * t.bytes()}
}

func (t *tile) make() {
	t.Function(t.name)
	t.Attributes(attr.NOSPLIT)
	t.Pragma("noescape")
	t.Doc(t.name + " is a tile of " + t.doc)
	t.SignatureExpr("func(a, b []uint32, start []int32, hits *[12]uint32, words int, cut uint32) bool")
	t.Load(t.Param("a").Base(), aPtr)
	t.Load(t.Param("b").Base(), bPtr)
	t.Load(t.Param("hits"), hits)
	t.Load(t.Param("words"), count)
	t.begin()

	loop := "loop_" + t.name
	t.SHRQ(operand.U8(2), count) // words / unroll
	t.Label(loop)
	for word := 0; word < unroll; word += t.words {
		t.step(t, word)
	}
	t.ADDQ(operand.U32(4*unroll*t.rows), aPtr)
	t.ADDQ(operand.U32(unroll*2*t.bytes()), bPtr)
	t.DECQ(count)
	t.JNZ(operand.LabelRef(loop))
	t.finish()
}

// begin gives the sums their first value: zero, or the column's start.
func (t *tile) begin() {
	if !t.ints {
		for i := range 2 * t.rows {
			t.zero(t.vector(i))
		}
		return
	}
	t.Load(t.Param("start").Base(), start)
	for n := range 2 {
		t.load(operand.Mem{Base: start, Disp: n * t.bytes()}, t.half(0, n))
	}
	for r := 1; r < t.rows; r++ {
		for n := range 2 {
			t.move(t.half(0, n), t.half(r, n))
		}
	}
	if t.name == "tileAVX2I7" { // sixteen ones, to add neighbours by VPMADDWD
		t.VPCMPEQD(ones, ones, ones)
		t.VPSRLW(operand.U8(15), ones, ones)
	}
}

func (t *tile) zero(x reg.VecPhysical) {
	if t.wide {
		t.VPXORD(x, x, x)
	} else {
		t.VPXOR(x, x, x)
	}
}

func (t *tile) load(m operand.Mem, x reg.VecPhysical) { t.VMOVUPS(m, x) }
func (t *tile) move(from, to reg.VecPhysical)         { t.VMOVAPS(from, to) }

// fmaStep is one float32 of every row.
func fmaStep(t *tile, word int) {
	for n := range 2 {
		t.load(t.bHalf(word, n), t.spare(n))
	}
	for r := range t.rows {
		a := t.spare(2 + r%(t.spares()-2))
		t.VBROADCASTSS(t.aWord(word, r), a)
		for n := range 2 {
			t.VFMADD231PS(t.spare(n), a, t.half(r, n))
		}
	}
}

// dotStep is four int8 of every row: VPDPBUSD adds to each lane the four
// products of its unsigned bytes of a and signed bytes of b.
func dotStep(t *tile, word int, dot func(b, a, sum reg.VecPhysical)) {
	for n := range 2 {
		t.load(t.bHalf(word, n), t.spare(n))
	}
	for r := range t.rows {
		a := t.spare(2 + r%(t.spares()-2))
		t.VPBROADCASTD(t.aWord(word, r), a)
		for n := range 2 {
			dot(t.spare(n), a, t.half(r, n))
		}
	}
}

func dotZMM(t *tile, word int)  { dotStep(t, word, t.vpdpbusd) }
func dotEVEX(t *tile, word int) { dotStep(t, word, t.vpdpbusd) }
func dotVEX(t *tile, word int)  { dotStep(t, word, t.vpdpbusdVEX) }

// vpdpbusd hands the instruction to Go's assembler, which writes its EVEX form
// whatever the registers.
func (t *tile) vpdpbusd(b, a, sum reg.VecPhysical) {
	t.Instruction(&ir.Instruction{
		Opcode:   "VPDPBUSD",
		Operands: []operand.Op{b, a, sum},
		Inputs:   []operand.Op{b, a, sum},
		Outputs:  []operand.Op{sum},
	})
}

// vpdpbusdVEX writes the instruction byte by byte.
func (t *tile) vpdpbusdVEX(b, a, sum reg.VecPhysical) {
	t.Comment(fmt.Sprintf("VPDPBUSD %s, %s, %s", b.Asm(), a.Asm(), sum.Asm()))
	x := vexVPDPBUSD(int(b.PhysicalIndex()), int(a.PhysicalIndex()), int(sum.PhysicalIndex()))
	t.Instruction(&ir.Instruction{Opcode: "LONG", Operands: []operand.Op{operand.U32(binary.LittleEndian.Uint32(x))}})
	t.Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []operand.Op{operand.U8(x[4])}})
}

// The registers of the 7-bit tile that hold no sum.
var ones = reg.Y8

// maddStep is two words, eight numbers, of every row. VPMADDUBSW adds two
// products in 16 bits; numbers of b are at most 63 from zero and those of a, 64
// up, at most 127, so that four products, 4 x 127 x 63 = 32,004, fit. The sums of
// both words are added up before VPMADDWD widens them.
func maddStep(t *tile, word int) {
	b := [2]reg.VecPhysical{reg.Y9, reg.Y10}
	for n := range 2 {
		t.load(t.bHalf(word, n), b[n])
	}
	first, second := reg.Y11, reg.Y12
	for r := range t.rows {
		t.VPBROADCASTD(t.aWord(word, r), first)
		t.VPBROADCASTD(t.aWord(word+1, r), second)
		x, y, z := reg.Y13, reg.Y14, reg.Y15
		t.VPMADDUBSW(b[0], first, x)
		t.VPMADDUBSW(t.bHalf(word+1, 0), second, y)
		t.VPMADDUBSW(b[1], first, z)
		t.VPADDW(x, y, x)
		t.VPMADDUBSW(t.bHalf(word+1, 1), second, y)
		t.VPMADDWD(ones, x, x)
		t.VPADDW(z, y, z)
		t.VPADDD(x, t.half(r, 0), t.half(r, 0))
		t.VPMADDWD(ones, z, z)
		t.VPADDD(z, t.half(r, 1), t.half(r, 1))
	}
}
