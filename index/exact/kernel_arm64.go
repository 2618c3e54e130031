package exact

import "golang.org/x/sys/cpu"

// assembled is the kernel of arm64: SDOT adds up sixteen products at once.
var assembled = []kernel{
	{name: "neon", rows: 8, cols: 12, levels: 127, tile: tileNEON, lacks: func() string {
		if cpu.ARM64.HasASIMDDP {
			return ""
		}
		return "this processor lacks the dot product instructions (FEAT_DotProd)"
	}},
}

// assembledRows is nil where there is none.
var assembledRows *rowFuncs
