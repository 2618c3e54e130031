package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dupfind/dupfind/embed/embedtest"
)

// TestServerScripts runs the program against real servers. Each is used by one script, since scripts run side by side.
func TestServerScripts(t *testing.T) {
	cert := embedtest.Cert(t)
	sim := embedtest.StartPyTorch(t, embedtest.PyTorchOptions{})
	secure := embedtest.StartPyTorch(t, embedtest.PyTorchOptions{Token: "open-sesame", TLS: cert})
	sscd := embedtest.StartPyTorch(t, embedtest.PyTorchOptions{Engine: embedtest.EngineONNX})
	plain := embedtest.StartKServe(t, embedtest.KServeOptions{})
	p := scriptParams(t, "testdata/servers", map[string]string{
		"SIM": sim.Addr, "SECURE": secure.Addr, "CA": cert.CA, "SSCD": sscd.Addr, "PLAIN": plain.Addr,
	})
	// server kill, server restart: what happens to $SIM.
	p.Cmds["server"] = func(ts *testscript.TestScript, neg bool, args []string) {
		switch {
		case !neg && len(args) == 1 && args[0] == "kill":
			sim.Kill()
		case !neg && len(args) == 1 && args[0] == "restart":
			sim.Restart()
		default:
			ts.Fatalf("usage: server kill|restart")
		}
	}
	testscript.Run(t, p)
}
