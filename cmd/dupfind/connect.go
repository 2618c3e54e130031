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

// remoteBackend is what a scan needs of embed/remote's Backend.
type remoteBackend interface {
	ingest.Embedder
	Manifest() embed.Manifest
	Golden() []embed.Vector
	Stats() remote.Stats
	Close() error
}

// openServers is the program's own way to servers.
func openServers(ctx context.Context, o remote.Options) (remoteBackend, error) {
	b, err := remote.Open(ctx, o)
	if err != nil {
		return nil, err // not b: a nil pointer in an interface is not nil
	}
	return b, nil
}

// link is a scan's way to its servers: made before the scan where the model is
// not known yet, else by the first photo that needs it.
type link struct {
	a       app
	o       flagOptions
	remote  remoteOptions
	choice  backendChoice
	db      *store.DB
	notice  func(format string, args ...any)
	backend remoteBackend // nil: never connected
	closed  bool
	stats   remote.Stats // when closed
	model   storedModel  // under which the vectors are filed; of the last scan until connected
}

// modelChangedError says that the servers run another model than the library
// expects of them.
type modelChangedError struct {
	servers   string
	now, last string // names of models
}

func (e *modelChangedError) Error() string {
	return fmt.Sprintf("%s runs the model %s now, and the library's last scan used %s", e.servers, e.now, e.last)
}

// connect meets the servers and settles under which model their vectors are
// filed. With one expected, another is a *modelChangedError.
func (l *link) connect(ctx context.Context) (err error) {
	o, err := l.a.servers(l.remote, l.choice)
	if err != nil {
		return err
	}
	o.Log = l.a.logger(l.o)
	o.Notice = func(text string) { l.notice("%s", term.EscapeSentence(text)) }
	b, err := l.a.openRemote(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	f, err := l.a.fileUnder(ctx, l.db, l.o, b)
	if err != nil {
		return err
	}
	if l.model.ID != 0 && f.model.ID != l.model.ID {
		return &modelChangedError{l.choice.String(), f.model.Manifest.Name, l.model.Manifest.Name}
	}
	if err := f.keep(ctx, l.db, b.Golden()); err != nil {
		return err
	}
	st := b.Stats()
	l.notice("connected to %s: model %s, tiles as %s, round trip %s", l.choice, term.Escape(f.model.Manifest.Name), st.Wire, term.Duration(st.RoundTrip))
	if f.apart != "" {
		l.notice("%s", f.apart)
	}
	l.backend, l.model = b, f.model
	return nil
}

// close ends the connections and keeps what was sent over them.
func (l *link) close() error {
	if l.backend == nil || l.closed {
		return nil
	}
	l.closed, l.stats = true, l.backend.Stats()
	return l.backend.Close()
}

// filed is the model that a server's vectors belong to in this library.
type filed struct {
	model storedModel // ID 0: new
	apart string      // a line for the person, where the server's vectors are kept apart from others
}

// keep stores a new model, with its golden vectors, which later servers are
// compared with.
func (f *filed) keep(ctx context.Context, db *store.DB, golden []embed.Vector) (err error) {
	isNew := f.model.ID == 0
	if f.model.ID, err = ensureModel(ctx, db, f.model.Manifest); err != nil || !isNew {
		return err
	}
	return db.PutGolden(ctx, f.model.ID, golden)
}

// fileUnder compares a server's golden vectors with those known of models of
// its name and digest: the first that agrees is the server's model. When none
// does, the server's vectors must not meet theirs and get a name of their own.
func (a app) fileUnder(ctx context.Context, db *store.DB, o flagOptions, b remoteBackend) (filed, error) {
	m, golden := b.Manifest(), b.Golden()
	family, err := db.ModelFamily(ctx, m.Name, m.Digest)
	if err != nil {
		return filed{}, err
	}
	known := m.KnownGolden()
	if b.Stats().Wire == remote.JPEG95 {
		known = nil // of the lossless model
	}
	taken := map[string]bool{}
	drift, differs := 0.0, ""
	for _, member := range family {
		taken[member.Name] = true
		mm, err := embed.ParseManifest([]byte(member.ManifestJSON))
		if err != nil {
			return filed{}, fmt.Errorf("read manifest of model %s: %w", member.Name, err)
		}
		builtIn := known
		if member.Name != m.Name { // one that was kept apart
			builtIn = nil
		}
		g, err := a.goldenOf(ctx, db, o, member, mm, builtIn)
		if err != nil {
			return filed{}, err
		}
		d := embed.MaxDrift(g, golden)
		if d <= embed.GoldenTolerance && mm.Dim == m.Dim && mm.TileSize == m.TileSize {
			return filed{model: storedModel{member.ID, merged(mm, m)}}, nil
		}
		if differs == "" {
			drift, differs = d, member.Name
		}
	}
	if !taken[m.Name] && known != nil {
		d := embed.MaxDrift(known, golden)
		if d <= embed.GoldenTolerance {
			return filed{model: storedModel{0, m}}, nil
		}
		taken[m.Name], drift, differs = true, d, m.Name // a scan on this machine would use it
	}
	base := m.Name
	for n := 2; taken[m.Name]; n++ {
		m.Name = fmt.Sprintf("%s.%d", base, n)
	}
	f := filed{model: storedModel{0, m}}
	if differs != "" {
		f.apart = apartText(differs, drift, m.Name)
	}
	return f, nil
}

// apartText says why a server's vectors get a name of their own.
func apartText(known string, drift float64, name string) string {
	if drift > 2 { // nothing to hold against them
		return fmt.Sprintf("the server's vectors cannot be compared with those of %s, which is not on this machine: they are kept apart, as model %s", known, name)
	}
	return fmt.Sprintf("the server's vectors differ from those known of %s (1 - cosine up to %.2g, at most %.2g is allowed): they are kept apart, as model %s",
		known, drift, embed.GoldenTolerance, name)
}

// merged is the stored manifest, with the server's scale where that one was
// measured and the stored one was not.
func merged(stored, server embed.Manifest) embed.Manifest {
	if server.Calibration.Measured() && !stored.Calibration.Measured() {
		stored.Calibration = server.Calibration
	}
	return stored
}

// goldenOf is what is known of a stored model's golden vectors: built in, kept
// from a server, or computed now where the model is at hand. None: nothing.
func (a app) goldenOf(ctx context.Context, db *store.DB, o flagOptions, m store.Model, manifest embed.Manifest, builtIn []embed.Vector) ([]embed.Vector, error) {
	if builtIn != nil {
		return builtIn, nil
	}
	kept, err := db.Golden(ctx, m.ID)
	if err != nil || len(kept) > 0 {
		return kept, err
	}
	choice, ok := a.localModel(o, m.Name+"@"+m.Digest)
	if !ok {
		return nil, nil
	}
	b, err := choice.Open(ctx)
	if err != nil {
		a.logger(o).Debug("cannot open the model to compare with", "model", m.Name, "error", err)
		return nil, nil // then it cannot be compared, and is another
	}
	golden, err := b.Embed(ctx, embed.GoldenTiles(manifest.TileSize))
	if err = errors.Join(err, b.Close()); err != nil {
		return nil, fmt.Errorf("embed golden tiles by %s on this machine: %w", m.Name, err)
	}
	return golden, db.PutGolden(ctx, m.ID, golden)
}

// localModel finds a model on this machine by its key.
func (a app) localModel(o flagOptions, key string) (modelChoice, bool) {
	o.Model = ""
	if c, err := a.pickModel(o); err == nil && c.Manifest.Key() == key {
		return c, true
	}
	all, err := a.listModels(o)
	if err != nil {
		return modelChoice{}, false
	}
	for _, m := range all {
		if m.Err != nil || m.Name+"@"+m.Digest != key {
			continue
		}
		o.Model = m.Path
		if c, err := a.pickModel(o); err == nil && c.Manifest.Key() == key {
			return c, true
		}
	}
	return modelChoice{}, false
}
