package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dupfind/dupfind/embed/local"
	"github.com/dupfind/dupfind/embed/remote"
	"github.com/dupfind/dupfind/store"
)

func TestStoredBackendsComeBack(t *testing.T) {
	for name, b := range map[string]backendChoice{
		"this machine": {Model: "x.onnx"},
		"a server":     {Servers: []string{"grpc://localhost:8001"}},
		"all of it": {Servers: []string{"grpcs://a:1", "grpcs://[::1]:2"}, Model: "clip", Wire: remote.JPEG95,
			CAFile: "/home/me/my certs/100% ä.pem", AllowRandom: true},
	} {
		got := lastBackend(store.Last{ModelID: 1, Backend: b.stored(), ModelFlag: b.Model})
		b.again = true
		if d := cmp.Diff(b, got, cmp.AllowUnexported(backendChoice{})); d != "" {
			t.Errorf("%s, stored as %q: %s", name, b.stored(), d)
		}
	}
}

func TestChooseBackend(t *testing.T) {
	const gpu, other = "grpcs://gpu:8001", "grpcs://other:8001"
	atGPU := store.Last{ModelID: 1, Backend: gpu + " wire=jpeg95 ca=%2Fca.pem", ModelFlag: "clip"}
	here := store.Last{ModelID: 1, Backend: "local", ModelFlag: "my.onnx"}
	same := backendChoice{Servers: []string{gpu}, Model: "clip", Wire: remote.JPEG95, CAFile: "/ca.pem", again: true}
	asked := func(b backendChoice, again bool) backendChoice {
		b.asked, b.again = true, again
		return b
	}
	for name, c := range map[string]struct {
		last     store.Last
		model    string
		env      string
		backends []string
		wire     remote.Wire
		want     backendChoice
	}{
		"first scan":            {want: backendChoice{}},
		"as before":             {last: atGPU, want: same},
		"as before, named":      {last: atGPU, backends: []string{gpu}, want: asked(same, true)},
		"another wire":          {last: atGPU, wire: remote.Auto, want: backendChoice{Servers: []string{gpu}, Model: "clip", Wire: remote.Auto, CAFile: "/ca.pem"}},
		"another model there":   {last: atGPU, model: "sscd", want: asked(backendChoice{Servers: []string{gpu}, Model: "sscd", Wire: remote.JPEG95, CAFile: "/ca.pem"}, false)},
		"another server":        {last: atGPU, backends: []string{other}, want: backendChoice{Servers: []string{other}, asked: true}},
		"one more server":       {last: atGPU, backends: []string{gpu, other}, want: backendChoice{Servers: []string{gpu, other}, asked: true}},
		"home":                  {last: atGPU, backends: []string{"local"}, want: backendChoice{asked: true}},
		"home as before":        {last: here, want: backendChoice{Model: "my.onnx", again: true}},
		"home, named":           {last: here, backends: []string{"local"}, want: backendChoice{Model: "my.onnx", asked: true, again: true}},
		"the environment's":     {last: here, env: "e.onnx", want: backendChoice{}},
		"not the environment's": {last: atGPU, env: "e.onnx", want: same},
		"to a server":           {last: here, backends: []string{gpu}, want: backendChoice{Servers: []string{gpu}, asked: true}},
	} {
		a := app{getenv: func(k string) string { return map[string]string{local.EnvModel: c.env}[k] }}
		s := scanOptions{flagOptions: flagOptions{Model: c.model}, remote: remoteOptions{Backends: c.backends, Wire: c.wire}}
		got, err := a.chooseBackend(c.last, s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(c.want, got, cmp.AllowUnexported(backendChoice{}), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestMoney(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.0000", 0.00001: "less than 0.0001", 0.0021: "0.0021", 0.0921: "0.0921", 0.5: "0.500", 1.239: "1.24", 42.5: "42.50", 1234.5: "1234",
	} {
		if got := money(v); got != want {
			t.Errorf("money(%v): got %q, want %q", v, got, want)
		}
	}
}
