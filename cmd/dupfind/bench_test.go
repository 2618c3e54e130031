package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dupfind/dupfind/embed/embedtest"
)

// TestBenchScripts measures a real server, over a simulated link.
func TestBenchScripts(t *testing.T) {
	sim := embedtest.StartPyTorch(t, embedtest.PyTorchOptions{})
	testscript.Run(t, scriptParams(t, "testdata/bench", map[string]string{"SIM": sim.Addr}))
}
