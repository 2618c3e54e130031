// Package exact is the engine that never misses a pair: it compares every
// vector with every other, in blocks that stay in a core's cache, on all cores.
//
// A first pass takes float32 dot products. It may be off by the rounding of a
// sum of d products, so pairs are kept down to t less a margin that covers it
// (see margin), and each of them is scored again by one dot product in float64
// whose order of summation is fixed. The pairs and their cosines are therefore
// the same on every machine, with whatever kernel the first pass runs.
//
// Memory beside the vectors is the pairs of the stripes of rows in flight:
// linear in n, whatever t. There is no n x n matrix.
package exact
