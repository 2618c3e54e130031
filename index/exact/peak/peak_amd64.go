package peak

import "golang.org/x/sys/cpu"

// A lane of VPDPBUSD is four products and their sums, one of a fused
// multiply-add is one; the 7-bit mix does 64 products on a ymm register.
var loops = []Loop{
	{Name: "VPDPBUSD zmm", Kernels: []string{"vnni512"}, Ops: 14 * 16 * 8, run: dotZMM, has: cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX512F},
	{Name: "VPDPBUSD ymm", Kernels: []string{"avxvnni"}, Ops: 14 * 8 * 8, run: dotEither(), has: cpu.X86.HasAVXVNNI || cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX512VL},
	{Name: "VFMADD231PS zmm", Kernels: []string{"avx512"}, Ops: 14 * 16 * 2, run: fmaZMM, has: cpu.X86.HasAVX512F},
	{Name: "VFMADD231PS ymm", Kernels: []string{"avx2"}, Ops: 14 * 8 * 2, run: fmaYMM, has: cpu.X86.HasAVX2 && cpu.X86.HasFMA},
	{Name: "7-bit mix ymm", Kernels: []string{"avx2i7"}, Ops: 4 * 64 * 2, run: maddYMM, has: cpu.X86.HasAVX2},
}

func dotEither() func(int) {
	if cpu.X86.HasAVXVNNI {
		return dotYMM
	}
	return dotYMM512
}
