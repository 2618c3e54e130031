package worker

// Limits of lowDetail, in grey levels.
const (
	// maxSmooth is how far the mean of 3 x 3 pixels may lie from the picture's mean colour. Noise of sigma 1.5, more than
	// a scanner or a dark sensor leaves after the squash, moves it by 2.2 at its worst among 50,000; a line of a faint
	// pencil, 15 levels off the paper in one pixel, by 5.
	maxSmooth = 4
	// maxPixel is how far a single pixel may: noise of sigma 1.5 reaches 6.5, a star of a night sky more than 10.
	maxPixel = 10
)

// lowDetail says whether a tile shows one colour all over but for slight noise: a blank page, a black frame, a cap left on
// the lens. Their embeddings are alike and say nothing. Little is not none: fog drifts by more than maxSmooth across the
// picture, stars and pencil stand out from what surrounds them, and all of these are compared like any photo.
//
// The measure is the largest departure from the mean of each channel, of single pixels and of 3 x 3 means. A measure of
// spread (standard deviation, entropy) would call a black sky with three stars blank.
func lowDetail(tile []byte, size int) bool {
	var mean [3]int
	for i, v := range tile {
		mean[i%3] += int(v)
	}
	for c := range mean {
		mean[c] = (mean[c] + size*size/2) / (size * size)
	}
	for i, v := range tile {
		if d := int(v) - mean[i%3]; d > maxPixel || d < -maxPixel {
			return false
		}
	}
	row := size * 3
	for y := 1; y < size-1; y++ {
		for x := 3; x < row-3; x++ {
			sum := 0
			for i := (y-1)*row + x; i <= (y+1)*row+x; i += row {
				sum += int(tile[i-3]) + int(tile[i]) + int(tile[i+3])
			}
			if d := sum - 9*mean[x%3]; d > 9*maxSmooth || d < -9*maxSmooth {
				return false
			}
		}
	}
	return true
}
