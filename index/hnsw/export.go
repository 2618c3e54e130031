package hnsw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// checkExport reads what the library's Export wrote (version 1 of its
// encoding) and says whether its Import can make a whole graph of it: every
// slot once in the lowest layer, each further layer part of the one below,
// links within a layer only, no length beyond the end.
func checkExport(blob []byte, slots, m int) error {
	r := exportReader{b: blob}
	version, gotM, ml, ef, distance := r.varint(), r.varint(), r.float64(), r.varint(), r.string()
	if version != 1 || gotM != m || ml != layerFactor || ef != efSearch || distance != "cosine" {
		return errors.New("a graph has other parameters than the file")
	}
	layers := r.varint()
	if r.err != nil || layers < 0 || layers > 64 || (layers == 0) != (slots == 0) {
		return fmt.Errorf("a graph of %d vectors has %d layers", slots, layers)
	}
	in := make([]int, slots) // layers that a slot is in, from the lowest on
	for layer := range layers {
		n, err := checkLayer(&r, layer, in, m)
		if err != nil {
			return fmt.Errorf("layer %d of a graph: %w", layer, err)
		}
		if n == 0 || layer == 0 && n != slots {
			return fmt.Errorf("layer %d of a graph has %d of %d vectors", layer, n, slots)
		}
	}
	if r.err != nil || len(r.b) > 0 {
		return errors.New("a graph does not end where it should")
	}
	return nil
}

func checkLayer(r *exportReader, layer int, in []int, m int) (nodes int, err error) {
	nodes = r.varint()
	if nodes < 0 || nodes > len(in) {
		return 0, errors.New("more nodes than vectors")
	}
	var links []int
	for range nodes {
		slot, size, number, n := r.varint(), r.varint(), r.float32(), r.varint()
		switch {
		case r.err != nil:
			return 0, r.err
		case slot < 0 || slot >= len(in) || in[slot] != layer:
			return 0, errors.New("a node is not in the layer below, or twice in this one")
		case size != 1 || number != float32(slot):
			return 0, errors.New("a node does not hold its own number")
		case n < 0 || n > m:
			return 0, errors.New("a node has too many links")
		}
		in[slot]++
		for range n {
			link := r.varint()
			if link == slot {
				return 0, errors.New("a node is linked to itself")
			}
			links = append(links, link)
		}
	}
	for _, link := range links {
		if link < 0 || link >= len(in) || in[link] <= layer {
			return 0, errors.New("a link leads nowhere")
		}
	}
	return nodes, r.err
}

// exportReader reads as the library does; after an error it gives zeros.
type exportReader struct {
	b   []byte
	err error
}

func (r *exportReader) varint() int {
	x, n := binary.Varint(r.b)
	if n <= 0 {
		r.b, r.err = nil, io.ErrUnexpectedEOF
		return 0
	}
	r.b = r.b[n:]
	return int(x)
}

func (r *exportReader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.b, r.err = nil, io.ErrUnexpectedEOF
		return make([]byte, 8)
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *exportReader) float64() float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(r.bytes(8)))
}

func (r *exportReader) float32() float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(r.bytes(4)))
}

func (r *exportReader) string() string { return string(r.bytes(r.varint())) }
