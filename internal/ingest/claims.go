package ingest

import (
	"context"
	"sync"

	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/store"
)

// claims answers, for a content's hash, whether it must be decoded: not when
// the store has all of it, nor when another file of this run has taken it on.
type claims struct {
	mu      sync.Mutex
	done    map[[32]byte]bool // contents that need nothing under this model
	holders map[[32]byte]int  // taken on in this run, by job number
}

// newClaims reads the state of all contents under the model of this run, and
// returns besides which contents still need a vector.
func newClaims(ctx context.Context, db *store.DB, modelID int64) (*claims, map[int64]bool, error) {
	c := &claims{done: map[[32]byte]bool{}, holders: map[[32]byte]int{}}
	needs := map[int64]bool{}
	for s, err := range db.HashState(ctx, modelID) {
		if err != nil {
			return nil, nil, err
		}
		if s.Decoder == decode.Version && (s.HasVector || s.LowDetail) {
			c.done[s.SHA256] = true
		} else {
			needs[s.ContentID] = true
		}
	}
	return c, needs, nil
}

// wanted reports whether this job is to decode the content. A second call by
// the same job (a photo that is tried again) gets the same answer.
func (c *claims) wanted(sha [32]byte, jobNumber int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done[sha] {
		return false
	}
	holder, taken := c.holders[sha]
	if !taken {
		c.holders[sha] = jobNumber
		return true
	}
	return holder == jobNumber
}

// isDone reports whether the store had all of this content before the run.
func (c *claims) isDone(sha [32]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done[sha]
}
