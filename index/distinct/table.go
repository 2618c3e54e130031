package distinct

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/dupfind/dupfind/index"
)

// Hash is the SHA-256 of a vector's numbers as little-endian float32.
type Hash = [sha256.Size]byte

// Table maps rows to slots and back.
type Table struct {
	Dim    int
	Hashes []Hash // by slot

	v      index.Vectors
	slotOf []int32 // by row
	first  []int32 // by slot: its first row, -1 where there is none
	rows   []int32 // by slot, ascending; those of slot s are rows[starts[s]:starts[s+1]]
	starts []int32
}

// New gives each row its slot: that of its vector in known, else a new one.
func New(v index.Vectors, known []Hash) *Table {
	t := &Table{Dim: v.Dim, Hashes: append([]Hash(nil), known...), v: v, slotOf: make([]int32, v.N())}
	slots := make(map[Hash]int32, max(len(known), v.N()))
	t.first = make([]int32, len(known))
	for slot, h := range known {
		slots[h] = int32(slot)
		t.first[slot] = -1
	}
	var scratch []byte
	for row := range v.N() {
		scratch = AppendBytes(scratch[:0], v.Row(row))
		h := sha256.Sum256(scratch)
		slot, ok := slots[h]
		if !ok {
			slot = int32(len(t.Hashes))
			slots[h] = slot
			t.Hashes, t.first = append(t.Hashes, h), append(t.first, -1)
		}
		if t.first[slot] < 0 {
			t.first[slot] = int32(row)
		}
		t.slotOf[row] = slot
	}
	t.group()
	return t
}

// AppendBytes appends a vector's numbers as little-endian float32.
func AppendBytes(b []byte, vector []float32) []byte {
	for _, x := range vector {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// group sorts the rows by slot, by counting.
func (t *Table) group() {
	t.starts = make([]int32, len(t.Hashes)+1)
	for _, slot := range t.slotOf {
		t.starts[slot+1]++
	}
	for i := range t.Hashes {
		t.starts[i+1] += t.starts[i]
	}
	t.rows = make([]int32, len(t.slotOf))
	next := append([]int32(nil), t.starts...)
	for row, slot := range t.slotOf {
		t.rows[next[slot]] = int32(row)
		next[slot]++
	}
}

// N is the number of slots.
func (t *Table) N() int { return len(t.Hashes) }

// Missing is the number of slots that have no row: known vectors that are gone
// or changed. Nothing but Hashes may be asked of such a slot.
func (t *Table) Missing() int {
	n := 0
	for _, row := range t.first {
		if row < 0 {
			n++
		}
	}
	return n
}

// Vector is the vector of a slot. It shares memory with the rows.
func (t *Table) Vector(slot int32) []float32 { return t.v.Row(int(t.first[slot])) }

// Rows are the rows of a slot, in order.
func (t *Table) Rows(slot int32) []int32 { return t.rows[t.starts[slot]:t.starts[slot+1]] }
