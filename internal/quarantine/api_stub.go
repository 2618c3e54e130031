package quarantine

import (
	"context"
	"log/slog"
	"time"

	"github.com/dupfind/dupfind/store"
)

// Plan is a checked list of moves.
type Plan struct {
	Name  string // name of the run
	Moves []PlannedMove
	Held  []Item
	Bytes int64 // bytes of Moves
}

// PlannedMove is a move that passed the checks, with its place in the quarantine.
type PlannedMove struct {
	Move
	Dest string
}

// Recovered is what Recover did.
type Recovered struct {
	Runs     []string
	Items    []Item
	Problems []string
}

// Prepare checks moves.
func Prepare(ctx context.Context, db *store.DB, moves []Move, o Options) (*Plan, error) {
	return nil, nil
}

// Run moves the planned files.
func (p *Plan) Run(ctx context.Context) (Result, error) { return Result{}, nil }

// Recover settles.
func Recover(ctx context.Context, db *store.DB, o RecoverOptions) (Recovered, error) {
	return Recovered{}, nil
}

// RecoverOptions is how Recover works.
type RecoverOptions struct {
	Now func() time.Time
	Log *slog.Logger
}

// Restore restores.
func Restore(ctx context.Context, db *store.DB, t Target, o RestoreOptions) (Result, error) {
	return Result{}, nil
}
