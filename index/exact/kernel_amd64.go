package exact

import (
	"strings"

	"golang.org/x/sys/cpu"
)

//go:generate go run ./internal/gen

// assembled are the kernels of amd64 by speed: per cycle of a core that has two
// units for products, vnni512 adds up to 256 products of pairs of numbers,
// avxvnni 128, avx2i7 43, avx512 32 and avx2 16.
var assembled = []kernel{
	{name: "vnni512", rows: 12, cols: 32, levels: 127, offset: 128, tile: tileVNNI512, lacks: func() string {
		return lacking("AVX-512 VNNI", cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX512F)
	}},
	{name: "avxvnni", rows: 6, cols: 16, levels: 127, offset: 128, tile: tileVNNI, lacks: func() string {
		return lacking("AVX-VNNI", cpu.X86.HasAVX2 && (cpu.X86.HasAVXVNNI || vnni256()))
	}},
	{name: "avx2i7", rows: 4, cols: 16, levels: 63, offset: 64, tile: tileAVX2I7, lacks: func() string {
		return lacking("AVX2", cpu.X86.HasAVX2)
	}},
	{name: "avx512", rows: 12, cols: 32, tile: tileAVX512, lacks: func() string {
		return lacking("AVX-512", cpu.X86.HasAVX512F)
	}},
	{name: "avx2", rows: 6, cols: 16, tile: tileAVX2, lacks: func() string {
		return lacking("AVX2 with FMA", cpu.X86.HasAVX2 && cpu.X86.HasFMA)
	}},
}

// assembledRows is nil where there is none.
var assembledRows = func() *rowFuncs {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		return &rowFuncs{extent: extentAVX2, round: roundAVX2}
	}
	return nil
}()

// vnni256 says whether the chip knows VPDPBUSD on ymm registers in the encoding
// of AVX-512. Chips with that and without AVX-VNNI are many; the two encodings
// are one instruction.
func vnni256() bool { return cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX512VL }

var tileVNNI = func() tileFunc {
	if cpu.X86.HasAVXVNNI {
		return tileAVXVNNI
	}
	return tileVNNI256
}()

func lacking(what string, has bool) string {
	if has {
		return ""
	}
	return "this processor lacks " + strings.TrimSpace(what)
}
