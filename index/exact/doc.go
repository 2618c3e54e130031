// Package exact is the engine that never misses a pair: it compares every
// vector with every other, near the limit of the chip.
//
// It takes two passes. The first is a kernel, in the processor's own assembly
// where there is one: a tile of rows and columns whose sums stay in registers, in
// float32, or in integers of 8 or 7 bits where the chip adds those faster. It
// passes on every pair that can count and a few others (bound.go says why none is
// lost). The second is index.Dot64 of each of these, one dot product in float64
// whose order of summation is fixed. The pairs and their cosines are therefore
// the same on every machine, with whatever kernel.
//
// Vectors are laid out once in panels (prepare.go), which a tile reads as
// streams. Stripes of rows that fit into the second-level cache meet spans of
// columns, the upper triangle only (plan.go); workers take such tasks by one
// atomic counter (search.go), and their pairs are handed on in order (collect.go).
//
// Memory beside the vectors is the panels, half of what the vectors take for
// integers and as much again for float32, and the pairs of the tasks in flight,
// of which none keeps more than a fixed number: linear in n, whatever t. There is
// no n x n matrix.
package exact
