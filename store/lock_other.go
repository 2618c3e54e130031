//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package store

import (
	"errors"
	"os"
)

var errHeld = errors.New("held by another process")

// flock refuses: a lock that does not hold is worse than none.
func flock(*os.File) error {
	return errors.New("this system has no file locks that dupfind knows")
}
