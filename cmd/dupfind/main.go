// Command dupfind finds near-duplicate photos in a local library and moves the
// copies out of the way, reversibly.
//
// This package turns flags into options, wires the packages together, writes
// their results and maps errors to messages and exit codes. It decides nothing
// about photos.
package main

import (
	"os"
	"time"

	"golang.org/x/term"
)

// version is set by the linker.
var version = "unknown"

func main() {
	os.Exit(run(os.Args, app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		getenv: os.Getenv, now: time.Now,
		terminal:   func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) },
		pickModel:  pickLocalModel,
		listModels: listLocalModels,
	}))
}
