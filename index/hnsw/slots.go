package hnsw

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/dupfind/dupfind/index"
)

// A slot is a distinct vector. Slots are the graphs' keys and outlive a run:
// rows of the caller's table move about, a slot keeps its number.

// mostSlots is how many whole numbers float32 holds without gaps: a node's
// value is its slot as a float32.
const mostSlots = 1 << 24

type hash = [sha256.Size]byte

func hashRow(row []float32, scratch []byte) (hash, []byte) {
	scratch = scratch[:0]
	for _, x := range row {
		scratch = binary.LittleEndian.AppendUint32(scratch, math.Float32bits(x))
	}
	return sha256.Sum256(scratch), scratch
}

// slots maps the rows of one table to slots and back.
type slots struct {
	v      index.Vectors
	hashes []hash  // by slot
	slotOf []int32 // by row
	first  []int32 // by slot: its first row, -1 where the table has none
	rows   []int32 // rows by slot, ascending; the rows of slot s are rows[starts[s]:starts[s+1]]
	starts []int32
}

// assign gives each row its slot: one of known where its vector is there, else
// a new one. Missing counts the known slots that no row has.
func assign(v index.Vectors, known []hash) (s *slots, missing int, err error) {
	s = &slots{v: v, hashes: append([]hash(nil), known...), slotOf: make([]int32, v.N())}
	numbers := make(map[hash]int32, max(len(known), v.N()))
	for i, h := range known {
		numbers[h] = int32(i)
	}
	s.first = make([]int32, len(known))
	for i := range s.first {
		s.first[i] = -1
	}
	var scratch []byte
	for row := range v.N() {
		var h hash
		h, scratch = hashRow(v.Row(row), scratch)
		slot, ok := numbers[h]
		if !ok {
			if len(s.hashes) == mostSlots {
				return nil, 0, fmt.Errorf("more than %d different vectors, which this engine cannot number", mostSlots)
			}
			slot = int32(len(s.hashes))
			numbers[h] = slot
			s.hashes, s.first = append(s.hashes, h), append(s.first, -1)
		}
		if s.first[slot] < 0 {
			s.first[slot] = int32(row)
		}
		s.slotOf[row] = slot
	}
	for _, row := range s.first {
		if row < 0 {
			missing++
		}
	}
	s.group()
	return s, missing, nil
}

// group sorts the rows by slot, by counting.
func (s *slots) group() {
	s.starts = make([]int32, len(s.hashes)+1)
	for _, slot := range s.slotOf {
		s.starts[slot+1]++
	}
	for i := range s.hashes {
		s.starts[i+1] += s.starts[i]
	}
	s.rows = make([]int32, len(s.slotOf))
	next := append([]int32(nil), s.starts...)
	for row, slot := range s.slotOf {
		s.rows[next[slot]] = int32(row)
		next[slot]++
	}
}

func (s *slots) n() int { return len(s.hashes) }

func (s *slots) vector(slot int32) []float32 { return s.v.Row(int(s.first[slot])) }

func (s *slots) rowsOf(slot int32) []int32 { return s.rows[s.starts[slot]:s.starts[slot+1]] }
