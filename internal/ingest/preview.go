package ingest

import (
	"context"
	"fmt"

	"github.com/dupfind/dupfind/scan"
	"github.com/dupfind/dupfind/store"
)

// Preview is what a scan would do.
type Preview struct {
	Open       int   // files to be opened: new, changed, or with work left
	OpenBytes  int64 // their size
	Unchanged  int   // photos known and unchanged
	Remembered int   // failures known and unchanged
	HardLinks  int
	Unreadable int // files and folders
	Gone       int
	NowLeftOut int // known photos that are there and that a rule leaves out
	LeftOut    scan.Counts
}

// DryRun walks the targets and says what Run would do. It changes nothing and
// decodes nothing; files with unknown extensions are opened for their first
// bytes. db is nil where there is no library yet, modelID 0 where the model is new.
func DryRun(ctx context.Context, db *store.DB, modelID int64, targets []Target, walk scan.Options, verify bool) (Preview, error) {
	var pre Preview
	needs := map[int64]bool{}
	if db != nil {
		var err error
		if _, needs, err = newClaims(ctx, db, modelID); err != nil {
			return pre, err
		}
	}
	links := map[inode]bool{}
	for _, t := range targets {
		if err := pre.look(ctx, db, t, planner{target: t, needs: needs, verify: verify, links: links}, walk); err != nil {
			return pre, fmt.Errorf("walk %s: %w", t.Root.Path, err)
		}
	}
	return pre, nil
}

func (pre *Preview) look(ctx context.Context, db *store.DB, t Target, p planner, walk scan.Options) error {
	p.known = map[string]*knownFile{}
	if db != nil && t.Root.ID != 0 {
		var err error
		if p.known, err = loadKnown(ctx, db, t); err != nil {
			return err
		}
	}
	p.out = planOutput{
		work: func(j job) error {
			pre.Open++
			pre.OpenBytes += j.file.SizeBytes
			return nil
		},
		unchanged: func(f store.File) error {
			switch f.State {
			case store.StatePhoto:
				pre.Unchanged++
			case store.StateSkipped:
				pre.Remembered++
			}
			return nil
		},
		link:    func(store.File) error { pre.HardLinks++; return nil },
		other:   func(store.File) error { return nil },
		problem: func(store.File) error { pre.Unreadable++; return nil },
	}
	walk.Known = p.sniffed
	counts, err := scan.Walk(ctx, t.Root.Path, t.Sub, walk, scan.Visitor{File: p.file, Problem: p.problem})
	pre.LeftOut.Add(counts)
	n := p.notMet()
	pre.Gone += n.gone
	pre.NowLeftOut += n.leftOut
	return err
}
