package embedtest

import (
	"testing"

	"github.com/dupfind/dupfind/embed"
)

func TestPixelsConforms(t *testing.T) {
	Conformance(t, func(*testing.T) embed.Backend { return &Pixels{} })
}
