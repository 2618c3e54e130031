package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowBlock is how many numbers one turn of the loops below takes: four registers.
const rowBlock = 32

// rows makes what prepares rows, for AVX2 with FMA.
func rows(c *build.Context) {
	c.ConstraintExpr("amd64")
	extent(c)
	rounding(c)
}

func extent(c *build.Context) {
	c.Function("extentAVX2")
	c.Attributes(attr.NOSPLIT)
	c.Pragma("noescape")
	c.Doc("extentAVX2 sums the squares of a row, whose length is a multiple of 32, and finds", "its largest number, without the sign.")
	c.SignatureExpr("func(row []float32) (square, most float32)")
	c.Load(c.Param("row").Base(), aPtr)
	c.Load(c.Param("row").Len(), count)
	c.SHRQ(operand.U8(5), count)
	signless := reg.Y15
	c.VPCMPEQD(signless, signless, signless)
	c.VPSRLD(operand.U8(1), signless, signless)
	for i := range 8 {
		c.VPXOR(ymm(i), ymm(i), ymm(i))
	}
	c.Label("loop_extent")
	for i := range 4 {
		x := ymm(8 + i)
		c.VMOVUPS(operand.Mem{Base: aPtr, Disp: 32 * i}, x)
		c.VFMADD231PS(x, x, ymm(i))
		c.VPAND(signless, x, x)
		c.VMAXPS(x, ymm(4+i), ymm(4+i))
	}
	c.ADDQ(operand.U32(4*rowBlock), aPtr)
	c.DECQ(count)
	c.JNZ(operand.LabelRef("loop_extent"))
	fold(c, func(x, y, into reg.VecPhysical) { c.VADDPS(x, y, into) }, 0)
	fold(c, func(x, y, into reg.VecPhysical) { c.VMAXPS(x, y, into) }, 4)
	c.VZEROUPPER()
	c.Store(reg.X0, c.Return("square"))
	c.Store(reg.X4, c.Return("most"))
	c.RET()
}

// fold joins four registers, from on, and then the lanes of the first one.
func fold(c *build.Context, join func(x, y, into reg.VecPhysical), from int) {
	x, y := ymm(from), ymm(from+1)
	join(y, x, x)
	join(ymm(from+3), ymm(from+2), ymm(from+2))
	join(ymm(from+2), x, x)
	c.VEXTRACTF128(operand.U8(1), x, y.AsX())
	join(y, x, x)
	c.VPSHUFD(operand.U8(0b1110), x.AsX(), y.AsX())
	join(y, x, x)
	c.VPSHUFD(operand.U8(1), x.AsX(), y.AsX())
	join(y, x, x)
}

func rounding(c *build.Context) {
	c.Function("roundAVX2")
	c.Attributes(attr.NOSPLIT)
	c.Pragma("noescape")
	c.Doc("roundAVX2 writes a row, whose length is a multiple of 32, as integers: each number",
		"times scale, rounded, four to a word of q. It returns their sum, and the squared",
		"length of what is left of the row without the integers times step.")
	c.SignatureExpr("func(q []uint32, row []float32, scale, step float32) (sum int32, square float32)")
	c.Load(c.Param("q").Base(), bPtr)
	c.Load(c.Param("row").Base(), aPtr)
	c.Load(c.Param("row").Len(), count)
	c.SHRQ(operand.U8(5), count)
	scale, step, order := reg.Y15, reg.Y14, reg.Y13
	c.Load(c.Param("scale"), scale.AsX())
	c.VBROADCASTSS(scale.AsX(), scale)
	c.Load(c.Param("step"), step.AsX())
	c.VBROADCASTSS(step.AsX(), step)
	// The packs below work on the halves of their registers apart: words come
	// out in the order 0 2 4 6 1 3 5 7 and are put right by VPERMD.
	lanes := c.StaticGlobal("order")
	c.DataAttributes(attr.RODATA | attr.NOPTR)
	for i, lane := range []uint32{0, 4, 1, 5, 2, 6, 3, 7} {
		c.AddDatum(4*i, operand.U32(lane))
	}
	c.VMOVDQU(lanes, order)
	for i := range 8 {
		c.VPXOR(ymm(i), ymm(i), ymm(i))
	}
	c.Label("loop_round")
	for i := range 4 {
		x, n := ymm(12), ymm(8+i)
		c.VMOVUPS(operand.Mem{Base: aPtr, Disp: 32 * i}, x)
		c.VMULPS(scale, x, n)
		c.VCVTPS2DQ(n, n)
		c.VPADDD(n, ymm(4+i), ymm(4+i))
	}
	for i := range 4 {
		x, n := ymm(12), ymm(8+i)
		c.VCVTDQ2PS(n, x)
		c.VFNMADD213PS(operand.Mem{Base: aPtr, Disp: 32 * i}, step, x) // number - integer x step
		c.VFMADD231PS(x, x, ymm(i))
	}
	c.VPACKSSDW(ymm(9), ymm(8), ymm(8))
	c.VPACKSSDW(ymm(11), ymm(10), ymm(10))
	c.VPACKSSWB(ymm(10), ymm(8), ymm(8))
	c.VPERMD(ymm(8), order, ymm(8))
	c.VMOVDQU(ymm(8), operand.Mem{Base: bPtr})
	c.ADDQ(operand.U32(4*rowBlock), aPtr)
	c.ADDQ(operand.U32(rowBlock), bPtr)
	c.DECQ(count)
	c.JNZ(operand.LabelRef("loop_round"))
	fold(c, func(x, y, into reg.VecPhysical) { c.VADDPS(x, y, into) }, 0)
	fold(c, func(x, y, into reg.VecPhysical) { c.VPADDD(x, y, into) }, 4)
	c.VMOVD(reg.X4, reg.EAX)
	c.VZEROUPPER()
	c.Store(reg.EAX, c.Return("sum"))
	c.Store(reg.X0, c.Return("square"))
	c.RET()
}
