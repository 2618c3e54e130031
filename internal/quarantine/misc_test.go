package quarantine

import (
	"context"
	"errors"
	"testing"
	"time"
)

var zeroTime = time.Unix(0, 0)

var errCancelled = errors.New("cancelled by the test")

func contextWithCancel(t *testing.T) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(t.Context())
	return ctx, func() { cancel(errCancelled) }
}
