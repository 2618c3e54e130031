// Package decode turns a photo file into a small square tile and facts about it, in processes of its own.
//
// A photo is foreign data, and the libraries that read photos are large and written in C: so this package, which runs
// inside the program, never looks into a photo. A Pool keeps worker processes (the hidden command "dupfind
// decode-worker", package worker) and talks to each by length-prefixed frames over its standard input and output. What a
// photo does to its worker (crash, hang, memory past the limit, nonsense on the pipe) costs that one photo, which comes
// back as a SkipError, and the worker, which is replaced.
//
// Invariants: a worker has at most one photo at a time; a file is opened and read once, by the worker, and the bytes that
// were hashed are the bytes that were decoded; after Close no process and no goroutine of the pool is left. A SkipError
// is about one photo and is data for the store; any other error means that the run cannot go on.
//
// The package has no cgo and knows nothing of libvips, libjpeg-turbo, the store, or the model.
package decode
