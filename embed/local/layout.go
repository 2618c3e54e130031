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

// table holds the normalised value of each 8-bit value in each channel.
type table [3][256]float32

func newTable(in embed.Input) *table {
	var t table
	for c := range t {
		for v := range t[c] {
			t[c][v] = float32((float64(v)/255 - float64(in.Mean[c])) / float64(in.Std[c]))
		}
	}
	return &t
}

// layFloats writes an RGB tile as a float32 input, normalised.
func (t *table) layFloats(dst []float32, tile []byte, layout embed.Layout) {
	if layout == embed.NHWC {
		for i := 0; i+2 < len(tile); i += 3 {
			dst[i], dst[i+1], dst[i+2] = t[0][tile[i]], t[1][tile[i+1]], t[2][tile[i+2]]
		}
		return
	}
	plane := len(tile) / 3
	for p := range plane {
		dst[p], dst[plane+p], dst[2*plane+p] = t[0][tile[3*p]], t[1][tile[3*p+1]], t[2][tile[3*p+2]]
	}
}
