package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Kind says what stands in the way of a server, for whoever tells a person what to do.
type Kind string

// The kinds.
const (
	BadAddress    Kind = "bad-address"    // not grpc://host:port or grpcs://host:port
	Unreachable   Kind = "unreachable"    // nobody answers there
	NeedsTLS      Kind = "needs-tls"      // it speaks TLS, the address says it does not
	NoTLS         Kind = "no-tls"         // the other way round
	Certificate   Kind = "certificate"    // its certificate is not trusted, or is for another name
	NotGRPC       Kind = "not-grpc"       // a web server or a proxy answers
	Denied        Kind = "denied"         // no token, or the wrong one
	TokenInClear  Kind = "token-in-clear" // a token is given, and the connection would show it to anybody
	NoModel       Kind = "no-model"       // the server has no model of this name
	WrongModel    Kind = "wrong-model"    // the model takes or gives something else, or is not the one it was
	NoManifest    Kind = "no-manifest"    // nobody says what the model is
	RandomWeights Kind = "random-weights" // the model was never trained
	NoEncoded     Kind = "no-encoded"     // the server takes no encoded tiles
	Refuses       Kind = "refuses"        // it answers, and embeds nothing
	Gone          Kind = "gone"           // it answered before and does not any more
)

// Error is why a server cannot be used.
type Error struct {
	Kind     Kind
	Endpoint string   // as it was given
	Models   []string // NoModel: what the server has, where it tells
	Err      error
}

func (e *Error) Error() string {
	if e.Endpoint == "" {
		return e.Err.Error()
	}
	return e.Endpoint + ": " + e.Err.Error()
}

// Unwrap returns the detail.
func (e *Error) Unwrap() error { return e.Err }

func errorf(kind Kind, endpoint, format string, args ...any) *Error {
	return &Error{Kind: kind, Endpoint: endpoint, Err: fmt.Errorf(format, args...)}
}

// maxTextBytes is how much of a server's text is shown.
const maxTextBytes = 300

// clean makes a server's text fit for a line of a terminal.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != ' ' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxTextBytes {
		s = strings.ToValidUTF8(s[:maxTextBytes], "") + "..."
	}
	return s
}

// said is what a server answered instead of a result, in one line.
func said(err error) string {
	s, ok := status.FromError(err)
	if !ok {
		return clean(err.Error())
	}
	if s.Message() == "" {
		return s.Code().String()
	}
	return fmt.Sprintf("%s (%s)", clean(s.Message()), s.Code())
}

// fate is what becomes of a request that failed.
type fate int

const (
	again   fate = iota // the server or the way to it failed: send the tiles once more
	busy                // the server has enough to do: send them later
	suspect             // a tile may be at fault: find it
	fatal               // no tile and no time will help
)

// badAnswer is an answer that cannot be believed: malformed, or not to this request.
type badAnswer struct{ msg string }

func (e *badAnswer) Error() string { return e.msg }

// badVector is an answer that is well-formed but for one tile's vector.
type badVector struct {
	index int
	err   error
}

func (e *badVector) Error() string { return fmt.Sprintf("vector %d of the answer: %v", e.index, e.err) }

// fateOf sorts a failure. pushback tells that the server named a time to come back.
func fateOf(err error, pushback bool) fate {
	if errors.As(err, new(*badAnswer)) || errors.As(err, new(*badVector)) {
		return suspect
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errNewLine) {
		return again
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted, codes.Canceled:
		return again
	case codes.ResourceExhausted:
		if pushback {
			return busy
		}
		return suspect // a message over a server's limit, most often: halves may pass
	case codes.Unauthenticated, codes.PermissionDenied, codes.NotFound, codes.Unimplemented:
		return fatal
	}
	return suspect
}

// fatalError is the error of a call that ended in the fate fatal.
func fatalError(endpoint string, err error) *Error {
	kind := Denied
	switch status.Code(err) {
	case codes.NotFound:
		kind = NoModel
	case codes.Unimplemented:
		kind = NotGRPC
	}
	return errorf(kind, endpoint, "%s", said(err))
}
