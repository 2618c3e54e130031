package main

import (
	"errors"
	"strings"

	"github.com/dupfind/dupfind/embed/remote"
	"github.com/dupfind/dupfind/internal/term"
)

// hintForServer says what to do about a server that cannot be used.
func hintForServer(err error) string {
	if _, ok := errors.AsType[*modelChangedError](err); ok {
		return "name it with --backend or --model to take it on: all photos are then embedded by it"
	}
	if errors.Is(err, errToken) {
		return "put the token alone into a file, in one line, readable by you only"
	}
	e, ok := errors.AsType[*remote.Error](err)
	if !ok {
		return ""
	}
	if e.Kind == remote.NoModel && len(e.Models) > 0 {
		return "name one that it has: --model " + shellQuote(term.Escape(e.Models[0])) + moreModels(e.Models[1:])
	}
	_, stopped := errors.AsType[*stoppedError](err)
	if stopped && (e.Kind == remote.Gone || e.Kind == remote.Unreachable) {
		return "run the same command again when the server is back: it goes on where it stopped"
	}
	if e.Kind == remote.Certificate && e.Endpoint == "" { // the file, not the server
		return "give --ca a file with certificates in PEM form"
	}
	return serverHints[e.Kind]
}

func moreModels(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = ", " + shellQuote(term.Escape(n))
	}
	return strings.Join(out, "")
}

var serverHints = map[remote.Kind]string{
	remote.BadAddress:    "an address is grpc://HOST:PORT, or grpcs://HOST:PORT for TLS",
	remote.Unreachable:   "check the address and the port, that the server runs, and that no firewall stands between",
	remote.NeedsTLS:      "write grpcs:// instead of grpc://",
	remote.NoTLS:         "write grpc:// for a server on this machine or at the end of an SSH tunnel; elsewhere give the server a certificate",
	remote.Certificate:   "trust the server's own certificate with --ca FILE (PEM), and use the host name that it was made for",
	remote.NotGRPC:       "give the port on which the server speaks gRPC (8001 by default); a web proxy that does not pass gRPC on is got round by an SSH tunnel",
	remote.Denied:        "give the server's token with --token-file FILE or in DUPFIND_TOKEN",
	remote.TokenInClear:  "use grpcs://, or reach the server through an SSH tunnel: grpc://localhost:PORT",
	remote.NoModel:       "name a model that the server has with --model NAME",
	remote.WrongModel:    "have every server run the same model, and name it with --model if there are several",
	remote.NoManifest:    "say what the model is with --model FILE.json, a manifest with the digest of its weights",
	remote.RandomWeights: "start the server with trained weights; to try it out all the same, add --allow-random",
	remote.NoEncoded:     "send tiles as they are with --wire raw, or leave --wire out",
	remote.Refuses:       "look into the server's log",
	remote.Gone:          "check that the server runs, and run the same command again: it goes on where it stopped",
}
