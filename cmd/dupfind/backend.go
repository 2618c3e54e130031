package main

import (
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/local"
	"github.com/dupfind/dupfind/embed/remote"
	"github.com/dupfind/dupfind/store"
)

// backendChoice is where photos are embedded and by which model: what the
// command line says, or else what the last scan used.
type backendChoice struct {
	Servers     []string // none: this machine
	Model       string   // as --model names it; "": the default, or the servers' only one
	Wire        remote.Wire
	CAFile      string
	AllowRandom bool

	asked bool // some of it stands on the command line
	again bool // it is what the last scan used
}

func (b backendChoice) isRemote() bool { return len(b.Servers) > 0 }

// String names the backend for a person and for the store's rates.
func (b backendChoice) String() string {
	if !b.isRemote() {
		return localBackend
	}
	return strings.Join(b.Servers, " ")
}

// The words of a stored backend beside the addresses.
const (
	wordWire   = "wire="
	wordCA     = "ca="
	wordRandom = "allow-random"
)

// stored is how the library keeps the choice: words, first the addresses, then
// what a later scan needs to reach them. The token is not among them.
func (b backendChoice) stored() string {
	words := []string{b.String()}
	if !b.isRemote() {
		return words[0]
	}
	if b.Wire != "" && b.Wire != remote.Auto {
		words = append(words, wordWire+string(b.Wire))
	}
	if b.CAFile != "" {
		words = append(words, wordCA+url.QueryEscape(b.CAFile))
	}
	if b.AllowRandom {
		words = append(words, wordRandom)
	}
	return strings.Join(words, " ")
}

// lastBackend reads what the last scan used. A word that this version does not
// know is passed over: a newer one may have written it.
func lastBackend(last store.Last) backendChoice {
	b := backendChoice{Model: last.ModelFlag, again: true}
	for _, w := range strings.Fields(last.Backend) {
		switch {
		case strings.Contains(w, "://"):
			b.Servers = append(b.Servers, w)
		case strings.HasPrefix(w, wordWire):
			b.Wire = remote.Wire(strings.TrimPrefix(w, wordWire))
		case strings.HasPrefix(w, wordCA):
			if file, err := url.QueryUnescape(strings.TrimPrefix(w, wordCA)); err == nil {
				b.CAFile = file
			}
		case w == wordRandom:
			b.AllowRandom = true
		}
	}
	return b
}

// chooseBackend settles where a scan embeds. Flags that are not given stay as
// they were in the last scan, as long as they fit the backend.
func (a app) chooseBackend(last store.Last, s scanOptions) (backendChoice, error) {
	before := lastBackend(last)
	b := before
	b.asked = len(s.remote.Backends) > 0 || s.Model != ""
	if len(s.remote.Backends) > 0 {
		servers := s.remote.Backends
		if slices.Contains(servers, localBackend) {
			if len(servers) > 1 {
				return b, usagef("scan", "--backend local stands alone: a scan embeds on this machine or at servers")
			}
			servers = nil
		}
		if !slices.Equal(servers, before.Servers) {
			b = backendChoice{Servers: servers, asked: true}
		}
	}
	if s.Model != "" {
		b.Model = s.Model
	}
	if !b.isRemote() {
		if len(s.remote.given) > 0 {
			return b, usagef("scan", "--%s goes with a server: name one with --backend grpc://HOST:PORT", s.remote.given[0])
		}
		if s.Model == "" && a.getenv(local.EnvModel) != "" {
			b.Model = "" // the environment names it
		}
		b.again = last.ModelID != 0 && !before.isRemote() && b.Model == before.Model && a.getenv(local.EnvModel) == ""
		return b, nil
	}
	if strings.HasSuffix(b.Model, ".onnx") {
		return b, usagef("scan", "--model %s is a file for this machine, and the photos go to %s: name the model as the server does, or add --backend local", b.Model, b)
	}
	if strings.HasSuffix(b.Model, ".json") {
		abs, err := filepath.Abs(b.Model)
		if err != nil {
			return b, err
		}
		b.Model = abs
	}
	b = b.with(s.remote)
	b.again = last.ModelID != 0 && b.stored() == before.stored() && b.Model == before.Model
	return b, nil
}

// with is the choice with what the command line says of how to reach servers.
func (b backendChoice) with(r remoteOptions) backendChoice {
	if r.Wire != "" {
		b.Wire = r.Wire
	}
	if r.CAFile != "" {
		b.CAFile = r.CAFile
	}
	b.AllowRandom = b.AllowRandom || r.AllowRandom
	return b
}

// lossySuffix ends the names of models whose tiles came by remote.JPEG95.
const lossySuffix = "+jpeg95"

// mayRun reports whether the name that a model is filed under fits the choice.
func (b backendChoice) mayRun(m embed.Manifest) bool {
	name := apartRE.ReplaceAllString(m.Name, "")
	name, lossy := strings.CutSuffix(name, lossySuffix)
	return lossy == (b.Wire == remote.JPEG95) && (b.Model == "" || b.Model == name || strings.HasSuffix(b.Model, ".json"))
}

// apartRE finds the number of a model that is kept apart from others of its name.
var apartRE = regexp.MustCompile(`\.[0-9]+$`)
