package remote

import (
	"encoding/binary"
	"fmt"

	"github.com/dupfind/dupfind/embed/remote/wire"
)

// encode makes of a tile what crosses the network. A raw tile is itself, not a copy.
func encode(w Wire, tile []byte, size int) ([]byte, error) {
	switch w {
	case Raw:
		return tile, nil
	case WebP:
		return wire.EncodeWebP(tile, size)
	case JPEG95:
		return wire.EncodeJPEG95(tile, size)
	}
	return nil, fmt.Errorf("no wire %q", w)
}

// join is the content of a UINT8 tensor.
func join(elements [][]byte) []byte {
	n := 0
	for _, e := range elements {
		n += len(e)
	}
	out := make([]byte, 0, n)
	for _, e := range elements {
		out = append(out, e...)
	}
	return out
}

// joinWithLengths is the content of a BYTES tensor: each element after its length, 4 bytes, little-endian.
func joinWithLengths(elements [][]byte) []byte {
	n := 0
	for _, e := range elements {
		n += 4 + len(e)
	}
	out := make([]byte, 0, n)
	for _, e := range elements {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(e)))
		out = append(out, e...)
	}
	return out
}
