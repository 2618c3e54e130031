package find

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/dupfind/dupfind/index"
	"github.com/dupfind/dupfind/store"
)

// table is the vectors of a model: first those that the engine has searched
// already, from firstNew on those that it has not.
type table struct {
	index.Vectors
	ids      []int64 // content of each row
	firstNew int
	damaged  []int64 // contents whose vector cannot be used
}

// loadTable fills a table of at most n rows, as counted before. Searched
// vectors are laid from the front and new ones from the back, so that nothing is
// moved or held twice. allNew takes all as new. Rows of contents that keep says
// no to are left out; nil keeps all.
func loadTable(vectors iter.Seq2[store.Vector, error], n int, allNew bool, keep func(id int64) bool) (table, error) {
	var t table
	front, back := 0, n
	for v, err := range vectors {
		if d, ok := errors.AsType[*store.DamagedVectorError](err); ok {
			t.damaged = append(t.damaged, d.ContentID)
			continue
		}
		if err != nil {
			return table{}, err
		}
		if keep != nil && !keep(v.ContentID) {
			continue
		}
		if t.ids == nil {
			t.Dim = len(v.V)
			t.ids = make([]int64, n)
			t.Data = make([]float32, n*t.Dim)
		}
		if len(v.V) != t.Dim || front == back {
			return table{}, fmt.Errorf("vector of content %d: %d numbers, %d of %d rows free", v.ContentID, len(v.V), back-front, n)
		}
		row := front
		if v.Searched && !allNew {
			front++
		} else {
			back--
			row = back
		}
		t.ids[row] = v.ContentID
		copy(t.Row(row), v.V)
	}
	t.firstNew = front
	if front < back && t.ids != nil { // rows left over by damaged vectors
		t.ids = slices.Delete(t.ids, front, back)
		t.Data = slices.Delete(t.Data, front*t.Dim, back*t.Dim)
	}
	return t, nil
}

// pair turns rows into contents.
func (t *table) pair(p index.Pair) store.Pair {
	a, b := t.ids[p.A], t.ids[p.B]
	return store.Pair{A: min(a, b), B: max(a, b), Cosine: p.Cosine}
}
