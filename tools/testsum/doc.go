// Command testsum reads the events of `go test -json` and prints what a person wants to know of them: one line a package,
// the whole output of what failed, each skipped test with its reason, and a last line "N passed, N failed, N skipped".
//
//	go test -json ./... | testsum
//
// It exits 1 when anything failed, when no test ran, or, with CI=true in the environment, when any test was skipped:
// a check that did not run must not look like one that passed. It judges by the events alone, so that the exit status of
// `go test`, lost in the pipe, is not missed.
package main
