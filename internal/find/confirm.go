package find

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/internal/match"
	"github.com/dupfind/dupfind/store"
)

// digestMethod is what pixel digests are stored under. It goes up when the same
// file could get another digest.
const digestMethod = "pixel-digest/1"

// Digests are kept as evidence about pairs: each photo's pair with one other
// that looks equal, with both digests in the detail. From these, the next report
// knows the digest of each, and by it the verdict on every pair, without a row
// for every pair.

// readDigests gathers the digests in the stored evidence.
func readDigests(ctx context.Context, snap *store.Snap) (map[int64][32]byte, error) {
	digests := make(map[int64][32]byte)
	for e, err := range snap.Evidence(ctx, digestMethod) {
		if err != nil {
			return nil, err
		}
		if a, b, ok := parseDetail(e.Detail); ok {
			digests[e.A], digests[e.B] = a, b
		}
	}
	return digests, nil
}

func detail(a, b [32]byte) string { return hex.EncodeToString(a[:]) + " " + hex.EncodeToString(b[:]) }

// parseDetail reads two digests. What is none counts as not known: the photos
// are digested again.
func parseDetail(s string) (a, b [32]byte, ok bool) {
	x, y, _ := strings.Cut(s, " ")
	if len(x) != 64 || len(y) != 64 {
		return a, b, false
	}
	_, errA := hex.Decode(a[:], []byte(x))
	_, errB := hex.Decode(b[:], []byte(y))
	return a, b, errA == nil && errB == nil
}

// look is what photos with equal pixels have in common before they are digested.
type look struct {
	tile          [32]byte
	width, height int
}

// lookalikes are the photos that may have equal pixels with another, in
// classes, each by content ID, the classes by their first.
func (l *library) lookalikes() [][]*photo {
	byLook := make(map[look][]*photo)
	for _, p := range l.photos {
		k := look{p.TileHash, p.Width, p.Height}
		byLook[k] = append(byLook[k], p)
	}
	var classes [][]*photo
	for _, class := range byLook {
		if len(class) > 1 {
			classes = append(classes, class)
		}
	}
	slices.SortFunc(classes, func(a, b []*photo) int { return cmp.Compare(a[0].ID, b[0].ID) })
	return classes
}

// confirm digests the photos of the classes that have no digest yet, and keeps
// the digests.
func (l *library) confirm(ctx context.Context, db *store.DB, classes [][]*photo) error {
	var todo []*photo
	for _, class := range classes {
		for _, p := range class {
			if _, known := l.digests[p.ID]; !known {
				todo = append(todo, p)
			}
		}
	}
	if len(todo) == 0 {
		return nil
	}
	if l.o.Pool == nil {
		for _, p := range todo {
			l.Unconfirmed = append(l.Unconfirmed, Unconfirmed{Path: p.files[0].Path})
		}
		return nil
	}
	fresh, err := l.digestAll(ctx, todo)
	// What is known is kept, also when the report was interrupted.
	l.keep(context.WithoutCancel(ctx), db, classes, fresh)
	return err
}

// digestAll decodes photos in full, several at once, and returns those that
// got a digest.
func (l *library) digestAll(ctx context.Context, todo []*photo) (fresh map[int64]bool, err error) {
	fresh = make(map[int64]bool)
	tell := func(done int) {
		if l.o.Confirming != nil {
			l.o.Confirming(done, len(todo))
		}
	}
	tell(0)
	var mu sync.Mutex
	done := 0
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0)) // the pool has as many workers, unless told otherwise
	for _, p := range todo {
		g.Go(func() error {
			digest, why, err := l.digest(ctx, p)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if why == "" {
				l.digests[p.ID] = digest
				fresh[p.ID] = true
			} else {
				l.Unconfirmed = append(l.Unconfirmed, Unconfirmed{Path: p.files[0].Path, Reason: why})
			}
			done++
			tell(done)
			return nil
		})
	}
	err = g.Wait()
	slices.SortFunc(l.Unconfirmed, func(a, b Unconfirmed) int { return strings.Compare(a.Path, b.Path) })
	return fresh, err
}

// digest decodes a photo through the first of its files that still holds the
// content. why says what stood in the way with the last of them.
func (l *library) digest(ctx context.Context, p *photo) (digest [32]byte, why decode.Reason, err error) {
	for _, f := range p.files {
		d, err := l.o.Pool.PixelDigest(ctx, f.Path)
		if skip, ok := errors.AsType[*decode.SkipError](err); ok {
			why = skip.Reason
			continue
		}
		if err != nil {
			return digest, "", fmt.Errorf("compare pixels of %q: %w", f.Path, err)
		}
		if d.SHA256 != p.SHA256 {
			why = decode.Changed
			continue
		}
		return d.Digest, "", nil
	}
	return digest, why, nil
}

// keep stores fresh digests, each in the evidence about its photo and one other
// of its class. What cannot be stored is compared again by the next report, so
// that this one does not fail for it.
func (l *library) keep(ctx context.Context, db *store.DB, classes [][]*photo, fresh map[int64]bool) {
	var all []store.Evidence
	for _, class := range classes {
		known := slices.DeleteFunc(slices.Clone(class), func(p *photo) bool { _, ok := l.digests[p.ID]; return !ok })
		for i, p := range known {
			if !fresh[p.ID] || len(known) < 2 {
				continue
			}
			hub := known[0]
			if i == 0 {
				hub = known[1]
			}
			all = append(all, l.evidence(p, hub))
		}
	}
	if len(all) == 0 {
		return
	}
	if err := db.PutEvidence(ctx, all); !errors.Is(err, store.ErrReadOnly) {
		l.NotKept = err
	}
}

func (l *library) evidence(p, q *photo) store.Evidence {
	if p.ID > q.ID {
		p, q = q, p
	}
	kind := match.PixelsEqual
	if l.digests[p.ID] != l.digests[q.ID] {
		kind = match.PixelsDiffer
	}
	return store.Evidence{A: p.ID, B: q.ID, Method: digestMethod, Kind: string(kind), Detail: detail(l.digests[p.ID], l.digests[q.ID])}
}

// verdict is what is known about the pixels of two photos.
func (l *library) verdict(a, b *photo) match.Evidence {
	x, okA := l.digests[a.ID]
	y, okB := l.digests[b.ID]
	switch {
	case !okA || !okB:
		return match.NotCompared
	case x == y:
		return match.PixelsEqual
	}
	return match.PixelsDiffer
}
