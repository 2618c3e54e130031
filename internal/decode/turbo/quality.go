package turbo

/*
#include "decode.h"
*/
import "C"

// The tables of the JPEG specification, annex K, in natural order. Encoders of the libjpeg family scale them by quality.
var standardLuma = [64]int{
	16, 11, 10, 16, 24, 40, 51, 61,
	12, 12, 14, 19, 26, 58, 60, 55,
	14, 13, 16, 24, 40, 57, 69, 56,
	14, 17, 22, 29, 51, 87, 80, 62,
	18, 22, 37, 56, 68, 109, 103, 77,
	24, 35, 55, 64, 81, 104, 113, 92,
	49, 64, 78, 87, 103, 121, 120, 101,
	72, 92, 95, 98, 112, 100, 103, 99,
}

var standardChroma = [64]int{
	17, 18, 24, 47, 99, 99, 99, 99,
	18, 21, 26, 66, 99, 99, 99, 99,
	24, 26, 56, 99, 99, 99, 99, 99,
	47, 66, 99, 99, 99, 99, 99, 99,
	99, 99, 99, 99, 99, 99, 99, 99,
	99, 99, 99, 99, 99, 99, 99, 99,
	99, 99, 99, 99, 99, 99, 99, 99,
	99, 99, 99, 99, 99, 99, 99, 99,
}

// quality is the libjpeg quality whose tables are nearest to the file's: exact for encoders of that family, a fair guess
// for cameras with tables of their own.
func quality(img *C.turbo_image) int {
	best, bestDiff := 0, 0
	for q := 1; q <= 100; q++ {
		diff := 0
		for i := range 64 {
			diff += abs(scaled(standardLuma[i], q) - int(img.luma[i]))
			if img.has_chroma_table != 0 {
				diff += abs(scaled(standardChroma[i], q) - int(img.chroma[i]))
			}
		}
		if best == 0 || diff < bestDiff {
			best, bestDiff = q, diff
		}
	}
	return best
}

// scaled is libjpeg's jpeg_quality_scaling applied to one value.
func scaled(v, q int) int {
	scale := 200 - 2*q
	if q < 50 {
		scale = 5000 / q
	}
	return min(max((v*scale+50)/100, 1), 255)
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
