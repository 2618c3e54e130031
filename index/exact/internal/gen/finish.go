package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The predicates of compares: not less than, signed, and greater or equal,
// false for NaN.
const (
	notLess        = operand.U8(5)
	greaterOrEqual = operand.U8(0x1d)
)

// finish compares the largest sum with cut. Only when that reaches it, which is
// seldom, every sum is looked at, and a row's mask of the columns that reach cut
// goes to hits.
func (t *tile) finish() {
	most, cut := t.spare(0), t.spare(1)
	t.Load(t.Param("cut"), reg.EAX)
	if t.ints && !t.wide {
		t.DECL(reg.EAX) // AVX2 compares integers by "greater" alone
	}
	t.VMOVD(reg.EAX, cut.AsX())
	t.VPBROADCASTD(cut.AsX(), cut)
	t.most(most)

	miss := "miss_" + t.name
	if t.wide {
		t.compare512(cut, most, reg.K1)
		t.KORTESTW(reg.K1, reg.K1)
		t.JZ(operand.LabelRef(miss))
		for r := range t.rows {
			for n := range 2 {
				t.compare512(cut, t.half(r, n), reg.K1)
				t.KMOVW(reg.K1, operand.Mem{Base: hits, Disp: 4*r + 2*n})
			}
		}
	} else {
		t.compare256(cut, most, reg.EAX)
		t.TESTL(reg.EAX, reg.EAX)
		t.JZ(operand.LabelRef(miss))
		for r := range t.rows {
			for n := range 2 {
				t.compare256(cut, t.half(r, n), reg.EAX)
				t.MOVB(reg.AL, operand.Mem{Base: hits, Disp: 4*r + n})
			}
		}
	}
	t.answer(1)
	t.Label(miss)
	t.answer(0)
}

func (t *tile) answer(x uint8) {
	t.VZEROUPPER()
	t.MOVB(operand.U8(x), reg.AL)
	t.Store(reg.AL, t.ReturnIndex(0))
	t.RET()
}

// most takes the largest of all sums, lane by lane. Two chains, so that it does
// not wait for itself at each step.
func (t *tile) most(into reg.VecPhysical) {
	larger := func(x, y, into reg.VecPhysical) {
		if t.ints {
			t.VPMAXSD(x, y, into)
		} else {
			t.VMAXPS(x, y, into)
		}
	}
	chains := [2]reg.VecPhysical{into, t.scratch()}
	for n, chain := range chains {
		larger(t.half(0, n), t.half(1, n), chain)
		for r := 2; r < t.rows; r++ {
			larger(t.half(r, n), chain, chain)
		}
	}
	larger(chains[1], into, into)
}

// scratch is a third register that holds no sum; in a tile for ymm that has
// only a few it is one past what holds numbers of a.
func (t *tile) scratch() reg.VecPhysical { return t.spare(2) }

func (t *tile) compare512(cut, x, mask reg.Register) {
	if t.ints {
		t.VPCMPD(notLess, cut, x, mask)
	} else {
		t.VCMPPS(greaterOrEqual, cut, x, mask)
	}
}

// compare256 overwrites the third spare register.
func (t *tile) compare256(cut, x reg.VecPhysical, mask reg.Register) {
	into := t.scratch()
	if t.ints {
		t.VPCMPGTD(cut, x, into)
	} else {
		t.VCMPPS(greaterOrEqual, cut, x, into)
	}
	t.VMOVMSKPS(into, mask)
}
