// Package wire makes of a tile what crosses the network: lossless WebP, which halves it and gives back every bit, or JPEG
// of quality 95, which takes a fifth and moves a model's vectors a little. Servers decode both with what they have.
//
// Invariants:
//   - A WebP decodes to exactly the tile.
//   - One tile gives one file: nothing of time, threads or earlier calls is in it.
//   - Functions may be called from any number of goroutines; each call frees what it took, also when it fails.
//
// It encodes only, and knows nothing of requests. internal/decode/turbo reads the JPEG files of a library; the two share
// libjpeg-turbo and nothing else.
package wire
