package quarantine

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/dupfind/dupfind/internal/fsx"
)

// spot is what stands at a place.
type spot struct {
	place
	present bool     // something is there
	st      fsx.Stat // of what is there
	right   bool     // it was read: a regular file with the content of the move
}

// lookAt finds out what stands at rel below root. A folder on the way that is missing, a file or a symlink
// means that nothing is there.
func lookAt(root *fsx.Dir, rel string) (spot, error) {
	p, err := openPlace(root, rel, false)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, fsx.ErrSymlink) {
		return spot{}, nil
	}
	if err != nil {
		return spot{}, err
	}
	s := spot{place: p}
	if err := s.look(); err != nil {
		return spot{}, errors.Join(err, p.dir.Close())
	}
	return s, nil
}

func (s *spot) look() error {
	s.present, s.right = false, false
	if s.dir == nil {
		return nil
	}
	st, err := s.dir.Lstat(s.name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	s.present, s.st = err == nil, st
	return err
}

// read finds out whether it is the file of the move.
func (s *spot) read(ctx context.Context, sum [32]byte) error {
	if !s.present || !s.st.Regular() {
		return nil
	}
	h, err := s.dir.Hash(ctx, s.name)
	if err != nil {
		return err
	}
	s.right = h.Sum == sum
	return h.Close()
}

// beside looks at another name in the folder of s.
func (s *spot) beside(name string) (spot, error) {
	o := spot{place: place{s.dir, name}}
	return o, o.look()
}

func (s *spot) close() {
	if s.dir != nil {
		_ = s.dir.Close() // synced where it matters
	}
}

// where is the place at which a half done move turned out to be.
type where int

const (
	nowhere where = iota
	atSource
	atTarget
)

// settler finds out what a killed or failed move left, and brings it to one end or the other: one whole
// file at one of its two places. It works from what it sees, so doing it twice is harmless.
type settler struct {
	e              *entry
	source, target spot // in the direction of the move
	going, partial spot // the temporary names of a move across filesystems
	note           string
}

// errUnclear means that a person has to look; nothing was changed.
var errUnclear = errors.New("cannot tell which file is which; left as it is")

// settle decides one entry that is not settled. root is the library's root of the entry.
func (fo *folder) settle(ctx context.Context, e *entry, root *fsx.Dir) (*change, error) {
	here, err := lookAt(root, e.rel)
	if err != nil {
		return nil, err
	}
	defer here.close()
	there, err := lookAt(fo.dir, e.dest)
	if err != nil {
		return nil, err
	}
	defer there.close()
	forward := e.state == stateIntent || e.state == stateCopied
	s := &settler{e: e, source: there, target: here}
	if forward {
		s.source, s.target = here, there
	}
	temp := tempNamesOf(fo.run, e.seq)
	if s.going, err = s.source.beside(temp.going); err != nil {
		return nil, err
	}
	if s.partial, err = s.target.beside(temp.partial); err != nil {
		return nil, err
	}
	at, err := s.find(ctx)
	if err != nil {
		return nil, err
	}
	return s.verdict(at, forward)
}

// find says where the file is, after clearing what was left half done.
func (s *settler) find(ctx context.Context) (where, error) {
	if s.source.present && !s.target.present && !s.going.present && !s.partial.present {
		return atSource, nil // not begun; a run may leave thousands of these, so they are not read
	}
	for _, p := range []*spot{&s.source, &s.target, &s.going, &s.partial} {
		if err := p.read(ctx, s.e.sum); err != nil {
			return nowhere, err
		}
	}
	if err := s.clearTemporaries(); err != nil {
		return nowhere, err
	}
	return s.decide()
}

// clearTemporaries deals with the two names that a move across filesystems uses for a moment.
func (s *settler) clearTemporaries() error {
	if s.going.present {
		if err := s.endGoing(); err != nil {
			return err
		}
	}
	if !s.partial.present {
		return nil
	}
	if s.source.right || s.target.right {
		return remove(s.partial.place)
	}
	if !s.partial.right || s.target.present {
		return fmt.Errorf("%s: %w", s.partial.path(), errUnclear)
	}
	return rename(s.partial, &s.target)
}

// endGoing: the source was set aside to be unlinked. With the copy in place the unlink is done, otherwise
// the source returns to its name.
func (s *settler) endGoing() error {
	if s.target.right && s.going.right {
		return s.dropTwin(s.going, s.target)
	}
	if s.source.present {
		return fmt.Errorf("%s: %w", s.going.path(), errUnclear)
	}
	return rename(s.going, &s.source)
}

// rename gives a file one of its two names; what is known of it goes along.
func rename(from spot, to *spot) error {
	if err := fsx.RenameAt(from.dir, from.name, to.dir, to.name); err != nil {
		return err
	}
	to.present, to.st, to.right = true, from.st, from.right
	hit("settle-renamed")
	return to.dir.Sync()
}

// decide says at which place the move's file is, removing a second name or a second copy that the move
// itself made.
func (s *settler) decide() (where, error) {
	source, target := &s.source, &s.target
	if source.present && target.present && source.st.Same(target.st) {
		// Killed between the link and the unlink: one file, two names.
		if source.st.Links < 2 {
			return nowhere, fmt.Errorf("%s and %s are one name: %w", source.path(), target.path(), errUnclear)
		}
		return atSource, s.dropTwin(*target, *source)
	}
	switch {
	case source.right && target.right:
		return s.decideTwins()
	case target.right:
		if source.present {
			s.note = "another file has its old place now"
		}
		return atTarget, nil
	case source.right:
		return atSource, nil
	case source.present && target.present:
		s.note = "changed at both places; both files stay"
		return atSource, nil
	case source.present:
		s.note = "changed since"
		return atSource, nil
	case target.present:
		s.note = "changed since"
		return atTarget, nil
	}
	return nowhere, nil
}

// decideTwins: a source and a copy of it. On the way out the move is taken back: the copy lies in a folder
// of ours. On the way home the quarantined file goes only when the manifest says that we made the other.
func (s *settler) decideTwins() (where, error) {
	switch s.e.state {
	case stateIntent, stateCopied:
		return atSource, s.dropTwin(s.target, s.source)
	case stateCopiedBack:
		return atTarget, s.dropTwin(s.source, s.target)
	}
	s.note = "the same content is at its place already"
	return atSource, nil
}

// dropTwin removes a name, or a copy, of a file that stands whole at another place. This and remove are the
// only deletions of a recovery.
func (s *settler) dropTwin(victim, survivor spot) error {
	oneFile := victim.st.Same(survivor.st) && survivor.st.Links > 1
	if !survivor.present || !oneFile && (!victim.right || !survivor.right || victim.st.Same(survivor.st)) {
		panic("quarantine: recovery would remove the last copy of a file")
	}
	f, st, err := survivor.dir.Open(survivor.name)
	if err != nil {
		return err
	}
	err = errors.Join(fsx.SyncFile(f), f.Close(), survivor.dir.Sync())
	if err != nil {
		return err
	}
	if !st.Same(survivor.st) {
		return fmt.Errorf("%s: %w", survivor.path(), fsx.ErrChanged)
	}
	return remove(victim.place)
}

func remove(p place) error {
	if err := p.dir.Remove(p.name); err != nil {
		return err
	}
	hit("settle-removed")
	return p.dir.Sync()
}

// verdict turns the place into the entry's next state.
func (s *settler) verdict(at where, forward bool) (*change, error) {
	c := &change{e: s.e, detail: s.note}
	switch {
	case at == nowhere:
		c.reason, c.detail = ReasonGone, "neither at its place nor in the quarantine"
		c.state = stateMoved
		if forward {
			c.state = stateFailed
		}
	case forward == (at == atSource): // at its place in the library
		c.state = stateRestored
		if forward {
			c.state, c.reason = stateFailed, ReasonInterrupted
		}
	default:
		c.state = stateMoved
	}
	return c, nil
}

// settleAll settles every entry of a folder that is not, and writes the outcomes into the manifest. Entries
// that cannot be settled now are left, with a problem each.
func (fo *folder) settleAll(ctx context.Context, roots []*fsx.Dir) (settled []*entry, problems []string, err error) {
	var changes []change
	for _, e := range fo.entries {
		if e.state.settled() {
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return nil, problems, err
		}
		if roots[e.root] == nil {
			problems = append(problems, fmt.Sprintf("%s: %v", joinPath(fo.roots[e.root], e.rel), ErrNotHere))
			continue
		}
		c, err := fo.settle(ctx, e, roots[e.root])
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", joinPath(fo.roots[e.root], e.rel), err))
			continue
		}
		if c.state == stateRestored {
			if err := fo.reapply(e, roots[e.root]); err != nil {
				problems = append(problems, fmt.Sprintf("%s: %v", joinPath(fo.roots[e.root], e.rel), err))
			}
		}
		changes = append(changes, *c)
		settled = append(settled, e)
	}
	hit("settled")
	if len(changes) == 0 {
		return nil, problems, nil
	}
	return settled, problems, fo.record(changes...)
}

// reapply gives a file that is back from a move across filesystems the attributes that the other one did
// not keep. Doing it twice is harmless.
func (fo *folder) reapply(e *entry, root *fsx.Dir) (err error) {
	if !e.copied {
		return nil
	}
	p, err := openPlace(root, e.rel, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.dir.Close()) }()
	f, st, err := p.dir.Open(p.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if missing := fsx.SetXattrs(f, e.xattrs); len(missing) > 0 {
		err = fmt.Errorf("extended attribute %s could not be set", missing[0].Name)
	}
	if e.permissions != 0 && st.Permissions() != e.permissions {
		err = errors.Join(err, fsx.SetPermissions(f, e.permissions))
	}
	if st.MtimeNS != e.mtimeNS {
		err = errors.Join(err, fsx.SetTimes(f, st.ATimeNS, e.mtimeNS))
	}
	return err
}
