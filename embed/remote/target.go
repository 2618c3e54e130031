package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
)

// target is an endpoint, taken apart.
type target struct {
	endpoint string // as given
	address  string // host:port
	host     string
	tls      bool
}

// parseTarget reads grpc://host:port or grpcs://host:port.
func parseTarget(endpoint string) (target, error) {
	bad := func(why string) (target, error) {
		return target{}, errorf(BadAddress, "", "%q %s: write grpc://host:port, or grpcs://host:port for TLS", endpoint, why)
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "":
		return bad("is not an address")
	case u.Scheme != "grpc" && u.Scheme != "grpcs":
		return bad("is not gRPC")
	case u.User != nil:
		return bad("holds a user or a password, which gRPC does not know")
	case u.Port() == "":
		return bad("lacks a port")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return bad("has something after the port")
	}
	return target{endpoint: endpoint, address: u.Host, host: u.Hostname(), tls: u.Scheme == "grpcs"}, nil
}

// CheckEndpoint reports why an endpoint cannot be one, without looking whether anybody is there.
func CheckEndpoint(endpoint string) error {
	_, err := parseTarget(endpoint)
	return err
}

// local reports whether the address is this machine's own, by its name alone: what a resolver says can change.
func (t target) local() bool {
	if t.host == "localhost" {
		return true
	}
	ip := net.ParseIP(t.host)
	return ip != nil && ip.IsLoopback()
}

// dialOptions are how to connect: TLS or not, the token, limits.
func (t target) dialOptions(o Options) ([]grpc.DialOption, error) {
	if o.Token != "" && !t.tls && !t.local() {
		return nil, errorf(TokenInClear, t.endpoint, "the token would cross the network in the clear")
	}
	secure := insecure.NewCredentials()
	if t.tls {
		c, err := t.tlsConfig(o.CAFile)
		if err != nil {
			return nil, err
		}
		secure = credentials.NewTLS(c)
	}
	out := []grpc.DialOption{
		grpc.WithTransportCredentials(secure),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithDisableRetry(), // what is sent again is decided here, where it is known what the tiles are
		grpc.WithDisableServiceConfig(),
		grpc.WithUserAgent("dupfind"),
		// A connection that died without a word is noticed, and made anew. Servers that take no such questions
		// get none as long as they answer calls.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 20 * time.Second}),
	}
	if o.Token != "" {
		out = append(out, grpc.WithUnaryInterceptor(withToken(o.Token)))
	}
	if o.Dial != nil {
		out = append(out, grpc.WithContextDialer(o.Dial))
	}
	return out, nil
}

// withToken adds the token under the two names that servers look for: the usual one, and Triton's.
func withToken(token string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token, "triton-grpc-protocol-dupfind-token", token)
		return invoke(ctx, method, req, reply, cc, opts...)
	}
}

func (t target) tlsConfig(caFile string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.host, NextProtos: []string{"h2"}}
	if caFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, errorf(Certificate, "", "read certificates: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errorf(Certificate, "", "%q holds no certificate in PEM form", caFile)
	}
	return c, nil
}

// proxied tells whether the environment sends connections to this address by a proxy, as gRPC does then.
func (t target) proxied() bool {
	u, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: t.address}})
	return err == nil && u != nil
}

// dialer makes a network connection.
type dialer = func(ctx context.Context, address string) (net.Conn, error)

// diagnose finds out why a server cannot be talked to, by talking to it below gRPC, which keeps the reason to itself.
// The answer is nil when nothing is wrong below gRPC.
func (t target) diagnose(ctx context.Context, o Options) *Error {
	dial := dialer(o.Dial)
	if dial == nil {
		if t.proxied() {
			return nil // gRPC goes by the proxy; the direct way says nothing of that
		}
		dial = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	conn, err := dial(ctx, t.address)
	if err != nil {
		return errorf(Unreachable, t.endpoint, "nobody answers: %w", err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil // not a fact about the server
		}
	}
	if t.tls {
		return t.diagnoseTLS(ctx, conn, o, dial)
	}
	return t.diagnosePlain(ctx, conn, dial)
}

func (t target) diagnoseTLS(ctx context.Context, conn net.Conn, o Options, dial dialer) *Error {
	c, err := t.tlsConfig(o.CAFile)
	if err != nil {
		return nil // said before
	}
	err = tls.Client(conn, c).HandshakeContext(ctx)
	var plain tls.RecordHeaderError
	var invalid *tls.CertificateVerificationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &plain):
		return errorf(NoTLS, t.endpoint, "the server does not speak TLS")
	case errors.As(err, &invalid):
		return errorf(Certificate, t.endpoint, "%w", invalid.Err)
	}
	if second, dialErr := dial(ctx, t.address); dialErr == nil {
		defer second.Close()
		c.NextProtos = nil
		if tls.Client(second, c).HandshakeContext(ctx) == nil {
			return errorf(NotGRPC, t.endpoint, "a web server or a proxy answers, which does not speak HTTP/2")
		}
	}
	return errorf(Unreachable, t.endpoint, "TLS handshake: %w", err)
}

// http2Preface is how a client of HTTP/2 begins, with empty settings (RFC 9113, sections 3.4 and 6.5).
const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

func (t target) diagnosePlain(ctx context.Context, conn net.Conn, dial dialer) *Error {
	if _, err := fmt.Fprint(conn, http2Preface); err != nil {
		return errorf(Unreachable, t.endpoint, "the connection breaks: %w", err)
	}
	head := make([]byte, 64)
	n, _ := conn.Read(head) // no answer is an answer, too
	switch text := string(head[:n]); {
	case strings.HasPrefix(text, "HTTP/1") || strings.HasPrefix(strings.TrimSpace(text), "<"):
		return errorf(NotGRPC, t.endpoint, "a web server or a proxy answers, not a gRPC server: %q", clean(text))
	case n >= 4 && head[3] == 4:
		return nil // its settings: it speaks HTTP/2
	}
	second, err := dial(ctx, t.address)
	if err != nil {
		return nil
	}
	defer second.Close()
	// Only to see whether it speaks TLS at all: nothing is sent over it.
	if tls.Client(second, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}).HandshakeContext(ctx) == nil {
		return errorf(NeedsTLS, t.endpoint, "the server speaks TLS")
	}
	return nil
}
