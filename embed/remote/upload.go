package remote

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/dupfind/dupfind/embed/remote/inference"
)

// ErrTooLarge says that a server does not take a message of that size.
var ErrTooLarge = errors.New("the server takes no message of that size")

// Upload sends bytes that no server looks at, in one call, and returns once the server has received all of them and has
// answered: what it would cost to send something else than tiles. It has no deadline but that of ctx.
func (c *Conn) Upload(ctx context.Context, parts [][]byte) error {
	size := 0
	for _, p := range parts {
		size += protowire.SizeTag(fillerField) + protowire.SizeBytes(len(p))
	}
	b := make([]byte, 0, size)
	for _, p := range parts {
		b = protowire.AppendBytes(protowire.AppendTag(b, fillerField, protowire.BytesType), p)
	}
	req := new(inference.ServerLiveRequest)
	req.ProtoReflect().SetUnknown(b)
	_, err := c.api.ServerLive(ctx, req)
	if status.Code(err) == codes.ResourceExhausted {
		return fmt.Errorf("send %d bytes: %w: %s", size, ErrTooLarge, said(err))
	}
	return err
}
