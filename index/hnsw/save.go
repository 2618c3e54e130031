package hnsw

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/coder/hnsw"

	"github.com/dupfind/dupfind/index/distinct"
)

// The file, little-endian:
//
//	magic and version, 16 bytes
//	dimension, graphs, M, slots: uint32 each
//	floor: float64
//	number of pairs: uint64
//	a SHA-256 per slot, of its vector's bytes
//	a uint64 per pair, ascending: the lower slot in the upper half
//	per graph: its length as uint64, then what the library's Export writes
//	SHA-256 of all that is before
//
// The library names the distance function in what it writes and must know the
// name when it reads: it is told that of its own cosine, which never runs.
const magic = "dupfind-hnsw 01\n"

const headerBytes = len(magic) + 4*4 + 8 + 8

// Errors of Load. After either the engine has no graphs, and the next search
// builds them.
var (
	ErrDamaged       = errors.New("the saved graphs are damaged")
	ErrOtherVersion  = errors.New("the saved graphs are of another version of dupfind")
	ErrNothingToSave = errors.New("there are no graphs to save: no search has ended")
)

// Save writes the graphs and the pairs of the last search that ended.
func (e *Engine) Save(w io.Writer) error {
	if e.state == nil {
		return ErrNothingToSave
	}
	sum := sha256.New()
	if err := e.state.write(io.MultiWriter(w, sum)); err != nil {
		return fmt.Errorf("save graphs: %w", err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("save graphs: %w", err)
	}
	return nil
}

func (st *state) write(w io.Writer) error {
	header := append(make([]byte, 0, headerBytes), magic...)
	for _, n := range []int{st.dim, len(st.graphs), st.graphs[0].M, len(st.hashes)} {
		header = binary.LittleEndian.AppendUint32(header, uint32(n))
	}
	header = binary.LittleEndian.AppendUint64(header, math.Float64bits(st.floor))
	header = binary.LittleEndian.AppendUint64(header, uint64(len(st.pairs)))
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, h := range st.hashes {
		if _, err := w.Write(h[:]); err != nil {
			return err
		}
	}
	if err := binary.Write(w, binary.LittleEndian, st.pairs); err != nil {
		return err
	}
	var blob bytes.Buffer
	for _, h := range st.graphs {
		blob.Reset()
		h.Distance = hnsw.CosineDistance
		if err := h.Export(&blob); err != nil {
			return err
		}
		if err := binary.Write(w, binary.LittleEndian, uint64(blob.Len())); err != nil {
			return err
		}
		if _, err := w.Write(blob.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// Load reads what Save wrote. Nothing of a file that is cut short or changed is
// used: it is ErrDamaged, or ErrOtherVersion.
func (e *Engine) Load(r io.Reader) error {
	e.state = nil
	all, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("read saved graphs: %w", err)
	}
	name, _, _ := bytes.Cut([]byte(magic), []byte(" "))
	switch {
	case !bytes.HasPrefix(all, name):
		return fmt.Errorf("%w: they do not begin as such a file does", ErrDamaged)
	case !bytes.HasPrefix(all, []byte(magic)):
		return ErrOtherVersion
	case len(all) < headerBytes+sha256.Size:
		return fmt.Errorf("%w: the file is cut short", ErrDamaged)
	}
	body, sum := all[:len(all)-sha256.Size], all[len(all)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return fmt.Errorf("%w: the checksum is wrong", ErrDamaged)
	}
	st, err := readState(body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	e.state = st
	return nil
}

// readState trusts no number in the file, though the checksum was right.
func readState(b []byte) (*state, error) {
	r := reader{b: b[len(magic):]}
	dim, graphs, m, n := r.uint32(), r.uint32(), r.uint32(), r.uint32()
	st := &state{dim: int(dim), floor: math.Float64frombits(r.uint64())}
	pairs := r.uint64()
	switch {
	case dim == 0 || graphs == 0 || m == 0 || n > mostSlots || math.IsNaN(st.floor):
		return nil, errors.New("the header makes no sense")
	case uint64(n)*sha256.Size > uint64(len(r.b)) || pairs > uint64(len(r.b))/8 || uint64(graphs) > uint64(len(r.b))/8:
		return nil, errors.New("it promises more than it has")
	}
	seen := make(map[distinct.Hash]bool, n)
	for range n {
		h := distinct.Hash(r.take(sha256.Size))
		if seen[h] {
			return nil, errors.New("a vector is in it twice")
		}
		seen[h] = true
		st.hashes = append(st.hashes, h)
	}
	for range pairs {
		k := distinct.Pair(r.uint64())
		a, b := k.Slots()
		if a < 0 || a >= b || int(b) >= int(n) || len(st.pairs) > 0 && st.pairs[len(st.pairs)-1] >= k {
			return nil, errors.New("its pairs are out of order")
		}
		st.pairs = append(st.pairs, k)
	}
	for range graphs {
		blob := r.take(r.uint64())
		if r.short {
			return nil, errors.New("it ends too early")
		}
		h, err := readGraph(blob, int(n), int(m))
		if err != nil {
			return nil, err
		}
		st.graphs = append(st.graphs, h)
	}
	if r.short || len(r.b) > 0 {
		return nil, errors.New("its parts do not fill it")
	}
	return st, nil
}

// readGraph has the library read a graph that was looked at first: the library
// itself believes every length, and panics later.
func readGraph(blob []byte, slots, m int) (h *hnsw.Graph[int], err error) {
	defer func() {
		if p := recover(); p != nil {
			h, err = nil, fmt.Errorf("github.com/coder/hnsw panicked: %v", p)
		}
	}()
	if err := checkExport(blob, slots, m); err != nil {
		return nil, err
	}
	h = newLibraryGraph(m)
	if err := h.Import(bytes.NewReader(blob)); err != nil {
		return nil, err
	}
	return h, nil
}

// SaveFile saves to a file that is there whole or as it was.
func (e *Engine) SaveFile(path string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
	if err != nil {
		return fmt.Errorf("save graphs: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = errors.Join(e.Save(f), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("save graphs: %w", err)
	}
	// Without this a power cut brings the old file back, which costs time only.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil
	}
	_ = dir.Sync()  // as above
	_ = dir.Close() // read only
	return nil
}

// LoadFile loads from a file. One that is not there is no error, and the engine
// is then as New made it.
func (e *Engine) LoadFile(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		e.state = nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("read saved graphs: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	if err := e.Load(f); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// reader takes numbers from a slice; past its end it gives zeros and is short.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.short, r.b = true, nil
		return make([]byte, min(n, sha256.Size))
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return slices.Clip(taken)
}

func (r *reader) uint32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) uint64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }
