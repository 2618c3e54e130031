package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/remote"
	"github.com/dupfind/dupfind/internal/ingest"
	"github.com/dupfind/dupfind/internal/term"
	"github.com/dupfind/dupfind/store"
)

// scanModel is the model of a scan: on this machine, or behind a link.
type scanModel struct {
	local  modelChoice
	number int64 // of the local model in the store
	opened embed.Backend

	link *link // nil: on this machine
}

func (m *scanModel) id() int64 {
	if m.link != nil {
		return m.link.model.ID
	}
	return m.number
}

func (m *scanModel) manifest() embed.Manifest {
	if m.link != nil {
		return m.link.model.Manifest
	}
	return m.local.Manifest
}

// backend is what the next scan uses unless told otherwise.
func (m *scanModel) backend() backendChoice {
	if m.link != nil {
		return m.link.choice
	}
	return backendChoice{Model: m.local.Flag}
}

// open loads the model, or connects to it unless that was done before.
func (m *scanModel) open(ctx context.Context) (ingest.Embedder, error) {
	if m.link != nil {
		if m.link.backend == nil {
			if err := m.link.connect(ctx); err != nil {
				return nil, err
			}
		}
		return m.link.backend, nil
	}
	b, err := m.local.Open(ctx)
	if err != nil {
		return nil, err
	}
	m.opened = b
	return b, nil
}

// close frees the model, or ends the connections. It may be called again.
func (m *scanModel) close() error {
	if m.link != nil {
		return m.link.close()
	}
	b := m.opened
	if b == nil {
		return nil
	}
	m.opened = nil
	return b.Close()
}

// scanModel finds the model that the user named, or else the last scan's.
// Servers are met at once where only they can tell which model it is.
func (a app) scanModel(ctx context.Context, db *store.DB, s scanOptions, p *term.Progress) (*scanModel, error) {
	last, err := db.LastModel(ctx)
	if err != nil {
		return nil, err
	}
	choice, err := a.chooseBackend(last, s)
	if err != nil {
		return nil, err
	}
	if !choice.isRemote() {
		o := s.flagOptions
		o.Model = choice.Model
		m := &scanModel{}
		if m.local, err = a.pickModel(o); err != nil {
			return nil, err
		}
		m.number, err = ensureModel(ctx, db, m.local.Manifest)
		return m, err
	}
	l := &link{a: a, o: s.flagOptions, remote: s.remote, choice: choice, db: db,
		notice: func(format string, args ...any) { a.noteBeside(p, s.flagOptions, format, args...) }}
	if choice.again {
		l.model, err = knownModel(ctx, db, "")
		return &scanModel{link: l}, err
	}
	return &scanModel{link: l}, l.connect(ctx)
}

// remember stores what a scan used and how fast its servers were, and turns a
// failure into one that says what was done before it.
func (a app) remember(ctx context.Context, db *store.DB, m *scanModel, sum ingest.Summary, failed error) error {
	if failed == nil || sum.Embedded > 0 {
		b := m.backend()
		if err := db.SetLast(ctx, store.Last{ModelID: m.id(), Backend: b.stored(), ModelFlag: b.Model}); err != nil {
			return errors.Join(failed, err)
		}
	}
	if err := a.rememberRate(ctx, db, m); err != nil {
		return errors.Join(failed, err)
	}
	if e, ok := errors.AsType[*remote.Error](failed); ok {
		return &stoppedError{e, sum}
	}
	return failed
}

// rememberRate keeps the rate for the next dry run.
func (a app) rememberRate(ctx context.Context, db *store.DB, m *scanModel) error {
	st, ok := m.sent()
	if !ok || st.Photos <= 0 || st.Busy <= 0 {
		return nil
	}
	return db.PutRate(ctx, store.Rate{
		Backend: m.link.choice.String(), ModelID: m.id(),
		Photos: st.Photos, SentBytes: st.SentBytes, Busy: st.Busy, MeasuredNS: a.now().UnixNano(),
	})
}

// sent is what went to servers, once the model is closed; false where the scan
// met none.
func (m *scanModel) sent() (remote.Stats, bool) {
	if m.link == nil || m.link.backend == nil {
		return remote.Stats{}, false
	}
	return m.link.stats, true
}

// stoppedError is a failure of servers in the middle of a scan.
type stoppedError struct {
	err error
	sum ingest.Summary
}

func (e *stoppedError) Error() string {
	done := "no photo was embedded"
	switch n := e.sum.Embedded; {
	case n == 1:
		done = "1 photo was embedded and saved"
	case n > 1:
		done = term.Number(n, "photo") + " were embedded and saved"
	}
	waiting := term.Count(e.sum.Waiting)
	if e.sum.MoreMayWait {
		waiting = "at least " + waiting
	}
	return fmt.Sprintf("%v; %s, %s to go", e.err, done, waiting)
}

func (e *stoppedError) Unwrap() error { return e.err }

// dryRunModel is what a scan would use, as far as it can be told without
// asking anybody. The model is zero where its photos are all new to it.
func (a app) dryRunModel(ctx context.Context, db *store.DB, s scanOptions) (backendChoice, storedModel, error) {
	var last store.Last
	if db != nil {
		var err error
		if last, err = db.LastModel(ctx); err != nil {
			return backendChoice{}, storedModel{}, err
		}
	}
	choice, err := a.chooseBackend(last, s)
	if err != nil || db == nil {
		return choice, storedModel{}, err
	}
	if choice.again {
		m, err := knownModel(ctx, db, "")
		return choice, m, err
	}
	if choice.isRemote() {
		m, err := lastModelAt(ctx, db, choice)
		return choice, m, err
	}
	o := s.flagOptions
	o.Model = choice.Model
	local, err := a.pickModel(o)
	if err != nil {
		return choice, storedModel{}, err
	}
	m, err := knownModel(ctx, db, local.Manifest.Key())
	if err != nil { // no scan has used it
		m = storedModel{}
	}
	return choice, m, nil
}

// lastModelAt is the model that servers ran when they were last measured, of
// those that fit the choice.
func lastModelAt(ctx context.Context, db *store.DB, b backendChoice) (found storedModel, err error) {
	all, err := db.Models(ctx)
	if err != nil {
		return found, err
	}
	var latest int64
	for _, m := range all {
		manifest, err := embed.ParseManifest([]byte(m.ManifestJSON))
		if err != nil || !b.mayRun(manifest) {
			continue
		}
		r, known, err := db.LastRate(ctx, b.String(), m.ID)
		if err != nil {
			return found, err
		}
		if known && r.MeasuredNS > latest {
			found, latest = storedModel{m.ID, manifest}, r.MeasuredNS
		}
	}
	return found, nil
}
