//go:build !cgo

package local

import (
	"context"
	"errors"

	"github.com/dupfind/dupfind/embed"
)

var errNoCgo = errors.New("this program was built without cgo and cannot load ONNX Runtime; build it with CGO_ENABLED=1")

// Backend stands in for the one that runs models where there is cgo. Open never returns one here.
type Backend struct{}

var _ embed.Backend = (*Backend)(nil)

// Open fails: loading a shared library needs cgo.
func Open(context.Context, Options) (*Backend, error) { return nil, errNoCgo }

// Version fails: loading a shared library needs cgo.
func Version(string) (string, error) { return "", errNoCgo }

// Manifest returns an empty manifest.
func (*Backend) Manifest() embed.Manifest { return embed.Manifest{} }

// Embed fails.
func (*Backend) Embed(context.Context, [][]byte) ([]embed.Vector, error) { return nil, errNoCgo }

// Close does nothing.
func (*Backend) Close() error { return nil }
