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

	"github.com/dupfind/dupfind/internal/term"
)

// version is set by the linker.
var version = "unknown"

func main() {
	os.Exit(run(os.Args, app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		getenv: os.Getenv, now: time.Now,
		terminal:   term.IsTerminal,
		pickModel:  pickLocalModel,
		listModels: listLocalModels,
		openRemote: openServers,
	}))
}
