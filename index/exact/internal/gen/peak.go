package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// peaks makes the loops of package peak: instructions of the kernels on
// registers alone, as many in flight as hide what one takes.
func peaks(c *build.Context) {
	c.ConstraintExpr("amd64")
	t := &tile{Context: c}
	loop := func(name, doc string, turn func()) {
		c.Function(name)
		c.Attributes(attr.NOSPLIT)
		c.Doc(name + " runs turns of " + doc)
		c.SignatureExpr("func(turns int)")
		c.Load(c.Param("turns"), count)
		for i := range 16 {
			c.VPXOR(ymm(i), ymm(i), ymm(i)) // clears the whole zmm register
		}
		c.Label("loop_" + name)
		turn()
		c.DECQ(count)
		c.JNZ(operand.LabelRef("loop_" + name))
		c.VZEROUPPER()
		c.RET()
	}
	on := func(sums int, register func(int) reg.VecPhysical, do func(b, a, sum reg.VecPhysical)) func() {
		return func() {
			for i := range sums {
				do(register(14), register(15), register(i))
			}
		}
	}
	fma := func(b, a, sum reg.VecPhysical) { c.VFMADD231PS(b, a, sum) }
	loop("dotZMM", "14 VPDPBUSD on zmm registers.", on(14, zmm, t.vpdpbusd))
	loop("dotYMM", "14 VPDPBUSD on ymm registers, as AVX-VNNI encodes it.", on(14, ymm, t.vpdpbusdVEX))
	loop("dotYMM512", "14 VPDPBUSD on ymm registers, as AVX-512 encodes it.", on(14, ymm, t.vpdpbusd))
	loop("fmaZMM", "14 VFMADD231PS on zmm registers.", on(14, zmm, fma))
	loop("fmaYMM", "14 VFMADD231PS on ymm registers.", on(14, ymm, fma))
	loop("maddYMM", "what the 7-bit tile does in a step to four sums.", func() {
		for i := range 4 {
			x, y := ymm(4+2*i), ymm(5+2*i)
			c.VPMADDUBSW(ymm(14), ymm(15), x)
			c.VPMADDUBSW(ymm(13), ymm(12), y)
			c.VPADDW(x, y, x)
			c.VPMADDWD(ymm(14), x, x)
			c.VPADDD(x, ymm(i), ymm(i))
		}
	})
}
