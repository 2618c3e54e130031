package exact

import "github.com/dupfind/dupfind/index"

// Cosine is index.Dot64, the number that pairs are kept and reported by.
func Cosine(a, b []float32) float64 { return index.Dot64(a, b) }
