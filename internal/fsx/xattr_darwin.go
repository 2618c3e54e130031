package fsx

import (
	"errors"

	"golang.org/x/sys/unix"
)

func isNoAttr(err error) bool { return errors.Is(err, unix.ENOATTR) }
