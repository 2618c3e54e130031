//go:build !cgo

package wire

import "errors"

var errNoCgo = errors.New("this program was built without cgo and cannot encode tiles; build it with CGO_ENABLED=1")

// EncodeWebP fails: the encoder needs cgo.
func EncodeWebP([]byte, int) ([]byte, error) { return nil, errNoCgo }

// EncodeJPEG95 fails: the encoder needs cgo.
func EncodeJPEG95([]byte, int) ([]byte, error) { return nil, errNoCgo }
