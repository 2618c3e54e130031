package local

import "github.com/dupfind/dupfind/embed"

// layBytes writes an RGB tile as a uint8 input.
func layBytes(dst, tile []byte, in embed.Input) {
	if in.Layout == embed.NHWC {
		copy(dst, tile)
		return
	}
	plane := len(tile) / 3
	for p := range plane {
		dst[p], dst[plane+p], dst[2*plane+p] = tile[3*p], tile[3*p+1], tile[3*p+2]
	}
}

// layFloats writes an RGB tile as a float32 input, normalised.
func layFloats(dst []float32, tile []byte, in embed.Input) {
	var table [3][256]float32
	for c := range 3 {
		for v := range 256 {
			table[c][v] = float32((float64(v)/255 - float64(in.Mean[c])) / float64(in.Std[c]))
		}
	}
	if in.Layout == embed.NHWC {
		for i := 0; i+2 < len(tile); i += 3 {
			dst[i], dst[i+1], dst[i+2] = table[0][tile[i]], table[1][tile[i+1]], table[2][tile[i+2]]
		}
		return
	}
	plane := len(tile) / 3
	for p := range plane {
		dst[p], dst[plane+p], dst[2*plane+p] = table[0][tile[3*p]], table[1][tile[3*p+1]], table[2][tile[3*p+2]]
	}
}
