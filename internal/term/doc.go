// Package term writes for a person at a terminal: progress, tables that fit
// the width, sizes and durations in words, colour, and the names of files made
// harmless.
//
// Everything goes to an io.Writer that the caller gives; the clock and the
// environment come in as functions. The package knows nothing of photos beyond
// the word, of the store or of the command line, and it is not a place for
// what a message says: that is its caller's.
package term
