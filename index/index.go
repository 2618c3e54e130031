package index

import (
	"context"
	"errors"
	"fmt"
)

// Vectors is a table of n vectors of Dim numbers each, row after row in one
// slice: the layout that a search can stream through.
type Vectors struct {
	Dim  int
	Data []float32 // n x Dim
}

// N is the number of vectors.
func (v Vectors) N() int {
	if v.Dim <= 0 {
		return 0
	}
	return len(v.Data) / v.Dim
}

// Row is the i-th vector. It shares memory with the table.
func (v Vectors) Row(i int) []float32 {
	return v.Data[i*v.Dim : (i+1)*v.Dim : (i+1)*v.Dim]
}

// Validate says whether the table is one: a dimension above zero and whole rows.
func (v Vectors) Validate() error {
	if v.Dim <= 0 {
		return fmt.Errorf("vectors of dimension %d", v.Dim)
	}
	if len(v.Data)%v.Dim != 0 {
		return fmt.Errorf("%d numbers are not whole vectors of dimension %d", len(v.Data), v.Dim)
	}
	const most = 1<<31 - 1 // rows are numbered by int32
	if v.N() > most {
		return errors.New("more than 2,147,483,647 vectors")
	}
	return nil
}

// Pair is two rows, A < B, and the cosine between them.
type Pair struct {
	A, B   int32
	Cosine float64
}

// Progress hears how many of the comparisons to make are done. It is called
// from one goroutine at a time.
type Progress func(done, total int64)

// Engine answers the question: every pair of rows with cosine >= t of which at
// least one row is new. Rows before firstNew have been searched against each
// other before; firstNew 0 asks for all pairs. Pairs go to yield in batches,
// all of them in ascending order of (A, B), from the goroutine that called
// Pairs; an error of yield ends the search. A batch belongs to the engine again
// once yield returns.
type Engine interface {
	// Name is the name the pairs are stored under.
	Name() string
	// Exact says that no pair is ever missed, so that the rows may be marked
	// as searched.
	Exact() bool
	Pairs(ctx context.Context, v Vectors, firstNew int, t float64, progress Progress, yield func([]Pair) error) error
}
