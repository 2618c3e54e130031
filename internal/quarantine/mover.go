package quarantine

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/dupfind/dupfind/internal/fsx"
)

// place is a name in an open folder.
type place struct {
	dir  *fsx.Dir
	name string
}

func (p place) path() string { return joinPath(p.dir.Path(), p.name) }

// fileID tells files apart, whatever their names.
type fileID struct{ device, inode uint64 }

func idOf(s fsx.Stat) fileID { return fileID{s.Device, s.Inode} }

// ledger is the memory of one run: which files it relies on and which it has moved. It is what makes sure
// that a run cannot move, by a chain of moves each of which looks right, all copies of a content.
type ledger struct {
	kept, moved map[fileID]bool
}

func newLedger() *ledger { return &ledger{map[fileID]bool{}, map[fileID]bool{}} }

// proof stands for: this copy may go now, because this keeper stays. Only ledger.prove makes one.
type proof struct {
	keeper *fsx.Hashed
	at     place
	copyID fileID
}

// prove checks copy and keeper, both just read whole, against each other, what is known of them, and all
// that the run has done so far.
func (l *ledger) prove(m Move, copied, keeper *fsx.Hashed, at place) (*proof, error) {
	var none [32]byte
	c, k := idOf(copied.Stat), idOf(keeper.Stat)
	switch {
	case m.Copy.SHA256 == none || m.Keeper.SHA256 == none:
		return nil, refuse(ReasonNoHash, nil)
	case copied.Sum != m.Copy.SHA256:
		return nil, refuse(ReasonChanged, errors.New("its content is not what was scanned"))
	case keeper.Sum != m.Keeper.SHA256:
		return nil, refuse(ReasonKeeperChanged, fmt.Errorf("the content of %s is not what was scanned", m.Keeper.Path()))
	case m.Kind == kindIdentical && copied.Sum != keeper.Sum:
		return nil, refuse(ReasonNotIdentical, nil)
	case c == k, l.kept[c]:
		return nil, refuse(ReasonHardLink, nil)
	case l.moved[k]:
		return nil, refuse(ReasonKeeperMoves, nil)
	}
	l.kept[k] = true
	return &proof{keeper, at, c}, nil
}

// holds checks that the keeper is still in its place and was not written to.
func (p *proof) holds() error {
	now, err := p.keeper.Current()
	if err != nil {
		return err
	}
	there, err := p.at.dir.Lstat(p.at.name)
	if err != nil {
		return classifyKeeper(err)
	}
	if !there.Same(p.keeper.Stat) || !now.Unchanged(p.keeper.Stat) {
		return refuse(ReasonKeeperChanged, fmt.Errorf("%s changed during the move", p.at.path()))
	}
	return nil
}

func classifyKeeper(err error) error {
	if r := classify(err); r != nil {
		return r.asKeeper()
	}
	return err
}

// shift brings one file, open and hashed, from a place to another whose name must be free.
type shift struct {
	file     *fsx.Hashed
	from, to place
	temp     tempNames
	proof    *proof                          // why the file may leave the library; nil only with back set
	back     bool                            // it returns to the library, so nothing leaves
	copied   func(missing []fsx.Xattr) error // across filesystems: writes down that a whole copy is about to get its name
}

// tempNames are the names that a move across filesystems uses for a moment. They are made of run and
// number, so that recovery finds them.
type tempNames struct {
	partial string // beside the target: the copy until it is verified
	going   string // beside the source: the source, between its last check and its unlink (so also where renames are links)
}

func tempNamesOf(run string, seq int) tempNames {
	return tempNames{fmt.Sprintf(".dupfind-partial-%s-%d", run, seq), fmt.Sprintf(".dupfind-going-%s-%d", run, seq)}
}

// run moves the file. When it returns nil, the file is at its new place, durably, and nowhere else. On any
// error but a strandedError it is at its old place.
func (s *shift) run(ctx context.Context) error {
	if s.proof == nil && !s.back {
		panic("quarantine: a file is about to leave without proof that another stays")
	}
	err := s.move(ctx)
	var stranded *strandedError
	if err != nil && !errors.As(err, &stranded) && s.movedAnyway() {
		return &strandedError{err} // never say of a file that it stayed when it did not
	}
	return err
}

func (s *shift) move(ctx context.Context) error {
	err := fsx.RenameAtVia(s.from.dir, s.from.name, s.to.dir, s.to.name, s.temp.going)
	if errors.Is(err, fsx.ErrCrossDevice) {
		return s.byCopy(ctx)
	}
	if err != nil && !s.movedAnyway() {
		return err
	}
	hit("renamed")
	if err := s.arrived(); err != nil {
		return s.takeBack(err)
	}
	// The new name first: a crash between the two must not lose both.
	if err := errors.Join(s.to.dir.Sync(), s.from.dir.Sync()); err != nil {
		return s.takeBack(err)
	}
	hit("synced")
	return nil
}

// movedAnyway says whether a rename that reported an error has happened: network filesystems repeat a
// request whose answer was lost, and then say that the old name is not there.
func (s *shift) movedAnyway() bool {
	there, err := s.to.dir.Lstat(s.to.name)
	if err != nil || !there.Same(s.file.Stat) {
		return false
	}
	_, err = s.from.dir.Lstat(s.from.name)
	return errors.Is(err, os.ErrNotExist)
}

// arrived checks that what was renamed is the file that was hashed, that nobody wrote to it, and that its
// keeper stays. Two dupfinds that move each other's keepers both see that here, whatever their timing:
// each renames before it looks.
func (s *shift) arrived() error {
	there, err := s.to.dir.Lstat(s.to.name)
	if err != nil {
		return err
	}
	now, err := s.file.Current()
	if err != nil {
		return err
	}
	if !there.Same(s.file.Stat) || !now.Unchanged(s.file.Stat) {
		return refuse(ReasonChanged, errors.New("it was replaced or written to during the move"))
	}
	if s.proof != nil {
		return s.proof.holds()
	}
	return nil
}

// takeBack undoes a rename and returns why.
func (s *shift) takeBack(why error) error {
	err := fsx.RenameAt(s.to.dir, s.to.name, s.from.dir, s.from.name)
	if err == nil {
		err = errors.Join(s.from.dir.Sync(), s.to.dir.Sync())
	}
	if err != nil {
		return &strandedError{errors.Join(why, err)}
	}
	return why
}

// byCopy moves across filesystems: copy to a temporary name, synced and read back; recorded, so that
// recovery knows whose copy it finds; named without replacing; then the source goes.
func (s *shift) byCopy(ctx context.Context) error {
	missing, err := fsx.CopyTo(ctx, s.file, s.to.dir, s.temp.partial)
	if err != nil {
		return err
	}
	hit("copied")
	if err := s.copied(missing); err != nil {
		return errors.Join(err, s.to.dir.Remove(s.temp.partial))
	}
	hit("copy-recorded")
	if err := fsx.RenameAt(s.to.dir, s.temp.partial, s.to.dir, s.to.name); err != nil {
		return errors.Join(err, s.to.dir.Remove(s.temp.partial))
	}
	copied, err := s.to.dir.Lstat(s.to.name)
	if err == nil {
		err = s.to.dir.Sync()
	}
	if err != nil {
		return s.dropCopy(err, copied)
	}
	hit("placed")
	if err := s.untouched(); err != nil {
		return s.dropCopy(err, copied)
	}
	return s.unlinkSource(copied)
}

// untouched checks that the source is in its place as it was hashed, its attributes included, and that its
// keeper stays.
func (s *shift) untouched() error {
	there, err := s.from.dir.Lstat(s.from.name)
	if err != nil {
		return err
	}
	now, err := s.file.Current()
	if err != nil {
		return err
	}
	if !there.Same(s.file.Stat) || !now.Untouched(s.file.Stat) {
		return refuse(ReasonChanged, errors.New("it was replaced or touched while it was copied"))
	}
	if s.proof != nil {
		return s.proof.holds()
	}
	return nil
}

// unlinkSource removes the source of a recorded copy. It is renamed aside first: a check of the name and
// an unlink of the name are two steps, and a file that another program saved under it in between would be
// the one that goes.
func (s *shift) unlinkSource(copied fsx.Stat) error {
	if err := fsx.RenameAt(s.from.dir, s.from.name, s.from.dir, s.temp.going); err != nil {
		return s.dropCopy(err, copied)
	}
	hit("going")
	if err := s.mayUnlink(copied); err != nil {
		back := fsx.RenameAt(s.from.dir, s.temp.going, s.from.dir, s.from.name)
		if back != nil {
			return &strandedError{errors.Join(err, back)}
		}
		return s.dropCopy(err, copied)
	}
	if err := s.from.dir.Remove(s.temp.going); err != nil {
		back := fsx.RenameAt(s.from.dir, s.temp.going, s.from.dir, s.from.name)
		if back != nil {
			return &strandedError{errors.Join(err, back)}
		}
		return s.dropCopy(err, copied)
	}
	hit("unlinked")
	if err := s.from.dir.Sync(); err != nil {
		return &strandedError{err} // the copy is the file now; recovery says so
	}
	hit("synced")
	return nil
}

// mayUnlink is the last look: what stands aside is the file that was hashed and copied, unwritten since,
// and the copy stands where it was put.
func (s *shift) mayUnlink(copied fsx.Stat) error {
	aside, err := s.from.dir.Lstat(s.temp.going)
	if err != nil {
		return err
	}
	now, err := s.file.Current()
	if err != nil {
		return err
	}
	if !aside.Same(s.file.Stat) || !now.Unchanged(s.file.Stat) {
		return refuse(ReasonChanged, errors.New("it was replaced or written to during the move"))
	}
	there, err := s.to.dir.Lstat(s.to.name)
	if err != nil {
		return err
	}
	if !there.Untouched(copied) {
		return refuse(ReasonChanged, errors.New("its copy was replaced or written to during the move"))
	}
	if s.proof != nil {
		return s.proof.holds()
	}
	return nil
}

// dropCopy removes the copy of a move across filesystems that is called off, while the source is in its
// place. A copy that is not the one made here is left alone.
func (s *shift) dropCopy(why error, copied fsx.Stat) error {
	there, err := s.to.dir.Lstat(s.to.name)
	if err != nil || !there.Untouched(copied) {
		return why
	}
	if _, err := s.from.dir.Lstat(s.from.name); err != nil {
		return &strandedError{errors.Join(why, err)} // the source is gone by other hands: the copy stays
	}
	if err := s.to.dir.Remove(s.to.name); err != nil {
		return &strandedError{errors.Join(why, err)}
	}
	return errors.Join(why, s.to.dir.Sync())
}
