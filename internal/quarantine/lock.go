package quarantine

import (
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sys/unix"

	"github.com/dupfind/dupfind/internal/fsx"
)

// flock is replaced in tests of what the checks of each move can do without it.
var flock = unix.Flock

// lockRoot takes the root's own lock, which ends with the open folder or the process. It keeps two
// libraries (two stores) over one folder apart; the store's lock does not see that. Where the filesystem
// has no such locks, the checks of each move are what is left, and they suffice.
func lockRoot(root *fsx.Dir, log *slog.Logger) error {
	err := flock(int(root.File().Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%w: %s", ErrBusy, root.Path())
	}
	if err != nil {
		log.Debug("lock root", "path", root.Path(), "error", err)
	}
	return nil
}
