package find

import (
	"context"
	"errors"
	"strings"

	"github.com/dupfind/dupfind/internal/group"
	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/store"
)

// photo is a content with its files.
type photo struct {
	store.Content
	files     []group.File
	hasVector bool
}

func (p *photo) facts() match.Photo {
	return match.Photo{SHA256: p.SHA256, TileHash: p.TileHash, Width: p.Width, Height: p.Height, LowDetail: p.LowDetail}
}

func (p *photo) forGroup() group.Photo {
	x := &p.Exif
	return group.Photo{
		ID: p.ID, SHA256: p.SHA256, SizeBytes: p.SizeBytes, Width: p.Width, Height: p.Height,
		Format: p.Format, JPEGQuality: p.JPEGQuality, HasExif: x.Present, TakenAt: x.TakenAt,
		HasGPS: x.HasGPS, Rating: x.Rating, Caption: x.Caption, Files: p.files,
	}
}

// library is the store at one moment, as far as pairs need it.
type library struct {
	o         *Options
	photos    []*photo // by content ID
	byID      map[int64]*photo
	proposals []store.Pair // by vectors, at or above the threshold, by A and B
	digests   map[int64][32]byte
	damaged   []int64 // contents whose vector cannot be used
	removed   map[[32]byte]string
	Numbers
}

// load reads one snapshot and, where stored pairs do not answer, searches.
func load(ctx context.Context, db *store.DB, o *Options) (l *library, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	snap, err := db.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, snap.Close())
		if err == nil {
			err = l.dropDamaged(ctx, db)
		}
	}()
	l = &library{o: o, byID: make(map[int64]*photo)}
	if err := l.readPhotos(ctx, snap); err != nil {
		return nil, err
	}
	if l.removed, err = snap.RemovedBefore(ctx); err != nil {
		return nil, err
	}
	if l.digests, err = readDigests(ctx, snap); err != nil {
		return nil, err
	}
	if o.ModelID != 0 {
		if err := l.readProposals(ctx, snap); err != nil {
			return nil, err
		}
	}
	for _, p := range l.photos {
		switch {
		case p.LowDetail:
			l.LowDetail++
		case p.hasVector:
			l.Compared++
		default:
			l.NoVector++
		}
	}
	l.Proposals = len(l.proposals)
	// The scale says nothing of thresholds far below it: no more can be false than were found.
	l.ExpectedFalse = min(float64(l.Proposals), float64(comparisons(0, l.Compared))*FalseRate(o.Threshold))
	for _, err := range db.Skipped(ctx, 0) {
		if err != nil {
			return nil, err
		}
		l.Skipped++
	}
	return l, nil
}

// dropDamaged drops vectors that cannot be used, so that the next scan embeds
// these contents again.
func (l *library) dropDamaged(ctx context.Context, db *store.DB) error {
	if len(l.damaged) == 0 {
		return nil
	}
	if err := db.DropVectors(ctx, l.o.ModelID, l.damaged); err != nil && !errors.Is(err, store.ErrReadOnly) {
		return err
	}
	return nil
}

func (l *library) readPhotos(ctx context.Context, snap *store.Snap) error {
	roots, err := snap.Roots(ctx)
	if err != nil {
		return err
	}
	byID := make(map[int64]store.Root, len(roots))
	for _, r := range roots {
		byID[r.ID] = r
	}
	for c, err := range snap.Contents(ctx) {
		if err != nil {
			return err
		}
		if c.SizeBytes < l.o.MinSize {
			l.TooSmall++
			continue
		}
		p := &photo{Content: c}
		l.byID[c.ID] = p
		l.photos = append(l.photos, p)
	}
	for f, err := range snap.Files(ctx) {
		if err != nil {
			return err
		}
		l.Files++
		if p := l.byID[f.ContentID]; p != nil {
			p.files = append(p.files, l.file(byID[f.RootID], f))
		}
	}
	l.Photos = len(l.photos)
	return nil
}

// file converts a file. Inodes count only where the file system keeps them.
func (l *library) file(r store.Root, f store.File) group.File {
	g := group.File{
		Path: strings.TrimSuffix(r.Path, "/") + "/" + f.Path, RootID: f.RootID, SizeBytes: f.SizeBytes,
		MtimeNS: f.MtimeNS, Managed: f.Managed,
	}
	if r.StableInodes {
		g.Device, g.Inode, g.Links = f.Device, f.Inode, f.Links
	}
	g.Protected = below(l.o.Protected, g.Path)
	return g
}

// readProposals reads the pairs at or above the threshold, or finds them.
func (l *library) readProposals(ctx context.Context, snap *store.Snap) error {
	e, threshold := l.o.Engine, l.o.Scale.Cosine(l.o.Threshold)
	floor, ok, err := snap.SearchState(ctx, l.o.ModelID, e.Name())
	if err != nil {
		return err
	}
	vectors, isNew, err := l.readVectorState(ctx, snap)
	if err != nil {
		return err
	}
	searchAll := true
	switch {
	case vectors == 0:
		return nil
	case !e.Exact():
		l.Searched = Approximate
	case ok && threshold < floor:
		l.Searched = BelowFloor
	case len(isNew) > 0:
		l.Searched, searchAll = NotSearched, !ok
	default:
		searchAll = false
	}
	if !searchAll {
		for p, err := range snap.Pairs(ctx, l.o.ModelID, e.Name(), threshold) {
			if err != nil {
				return err
			}
			if l.present(p) && !isNew[p.A] && !isNew[p.B] {
				l.proposals = append(l.proposals, p)
			}
		}
	}
	if l.Searched == "" {
		return nil
	}
	return l.search(ctx, snap, threshold, vectors, searchAll)
}

// readVectorState marks the photos that have a sound vector, and returns how
// many the library has, and the contents that were not searched.
func (l *library) readVectorState(ctx context.Context, snap *store.Snap) (n int, isNew map[int64]bool, err error) {
	isNew = make(map[int64]bool)
	for v, err := range snap.Vectors(ctx, l.o.ModelID, l.o.Engine.Name()) {
		if d, ok := errors.AsType[*store.DamagedVectorError](err); ok {
			l.damaged = append(l.damaged, d.ContentID)
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		p := l.byID[v.ContentID]
		if p == nil {
			continue
		}
		n++
		p.hasVector = true
		if !v.Searched {
			isNew[v.ContentID] = true
		}
	}
	return n, isNew, nil
}

func (l *library) present(p store.Pair) bool {
	a, b := l.byID[p.A], l.byID[p.B]
	return a != nil && b != nil && a.hasVector && b.hasVector
}
