package remote_test

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/embedtest"
	"github.com/dupfind/dupfind/embed/remote"
)

// certificate borrows the one that httptest keeps for 127.0.0.1, and writes it to a file.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return s.TLS.Certificates[0], file
}

// mute accepts connections and says nothing.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func TestWhyAServerCannotBeUsed(t *testing.T) {
	cert, ca := certificate(t)
	plain := start(t, &faulty{})
	secret := start(t, &faulty{token: "abc"})
	secure := start(t, &faulty{token: "abc"}, grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
	silent := start(t, &faulty{silent: true})
	random := start(t, &faulty{weights: "random"})
	rawOnly := start(t, &faulty{raw: true})
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	webTLS := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(webTLS.Close)
	webAddr := strings.TrimPrefix(web.URL, "http://")
	other := embedtest.PixelsManifest()
	other.Digest = "sha256:" + strings.Repeat("ef", 32)
	gone := mute(t)

	for _, c := range []struct {
		name     string
		endpoint string
		o        remote.Options
		want     remote.Kind
		says     string
	}{
		{"no scheme", plain.addr, remote.Options{}, remote.BadAddress, "grpc://host:port"},
		{"http", "http://" + plain.addr, remote.Options{}, remote.BadAddress, "is not gRPC"},
		{"no port", "grpc://localhost", remote.Options{}, remote.BadAddress, "lacks a port"},
		{"a path", "grpc://localhost:1/x", remote.Options{}, remote.BadAddress, "after the port"},
		{"a password", "grpc://me:pw@localhost:1", remote.Options{}, remote.BadAddress, "password"},
		{"nobody there", "grpc://127.0.0.1:1", remote.Options{}, remote.Unreachable, "refused"},
		{"no such host", "grpc://nosuchhost.invalid:1", remote.Options{}, remote.Unreachable, "nobody answers"},
		{"says nothing", "grpc://" + gone, remote.Options{Patience: time.Second}, remote.Unreachable, ""},
		{"TLS spoken to", "grpc://" + secure.addr, remote.Options{}, remote.NeedsTLS, "speaks TLS"},
		{"plain spoken to", "grpcs://" + plain.addr, remote.Options{}, remote.NoTLS, "does not speak TLS"},
		{"own certificate", "grpcs://" + secure.addr, remote.Options{Token: "abc"}, remote.Certificate, "unknown authority"},
		{"other name", "grpcs://localhost:" + port(secure.addr), remote.Options{Token: "abc", CAFile: ca}, remote.Certificate, "localhost"},
		{"no such CA file", "grpcs://" + secure.addr, remote.Options{CAFile: ca + "x"}, remote.Certificate, "no such file"},
		{"a web page", "grpc://" + webAddr, remote.Options{}, remote.NotGRPC, "web server"},
		{"a web page by TLS", "grpcs://" + webTLS.Listener.Addr().String(), remote.Options{CAFile: ca}, remote.NotGRPC, ""},
		{"no token", secret.endpoint(), remote.Options{}, remote.Denied, "token"},
		{"wrong token", secret.endpoint(), remote.Options{Token: "abd"}, remote.Denied, "token"},
		{"token in the clear", "grpc://192.0.2.1:8001", remote.Options{Token: "abc"}, remote.TokenInClear, "in the clear"},
		{"no such model", plain.endpoint(), remote.Options{Model: "nope"}, remote.NoModel, "it has pixels"},
		{"no manifest", silent.endpoint(), remote.Options{Model: "pixels"}, remote.NoManifest, "does not tell"},
		{"other manifest", plain.endpoint(), remote.Options{Manifest: &other}, remote.WrongModel, "efefef"},
		{"random weights", random.endpoint(), remote.Options{}, remote.RandomWeights, "random"},
		{"no encoded tiles", rawOnly.endpoint(), remote.Options{Wire: remote.WebP}, remote.NoEncoded, "pixels_encoded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Endpoints = []string{c.endpoint}
			b, err := remote.Open(t.Context(), c.o)
			if err == nil {
				_ = b.Close()
				t.Fatal("it can be used")
			}
			e := kindOf(err)
			if e == nil || e.Kind != c.want || !strings.Contains(e.Error(), c.says) {
				t.Errorf("got %v, want %s that says %q", err, c.want, c.says)
			}
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("the error is not one plain line: %q", err)
			}
		})
	}
}

func kindOf(err error) *remote.Error {
	e, _ := errors.AsType[*remote.Error](err)
	return e
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

func TestTokenAndCertificate(t *testing.T) {
	cert, ca := certificate(t)
	f := start(t, &faulty{token: "abc"}, grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
	b, err := remote.Open(t.Context(), remote.Options{Endpoints: []string{"grpcs://" + f.addr}, Token: "abc", CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	embedAll(t, b, embedtest.Tiles(tileSize, 10, 1))
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestRandomWeightsIfAllowed(t *testing.T) {
	f := start(t, &faulty{weights: "random"})
	embedAll(t, open(t, remote.Options{AllowRandom: true}, f), embedtest.Tiles(tileSize, 3, 1))
}

// A server that tells no manifest, as KServe's, is believed if the user brings one.
func TestManifestFromTheUser(t *testing.T) {
	f := start(t, &faulty{silent: true, raw: true})
	m := embedtest.PixelsManifest()
	b := open(t, remote.Options{Model: "pixels", Manifest: &m}, f)
	embedAll(t, b, embedtest.Tiles(tileSize, 3, 1))
	if b.Manifest().Key() != m.Key() || b.Stats().Wire != remote.Raw {
		t.Errorf("got %s over %s", b.Manifest().Key(), b.Stats().Wire)
	}
}

func TestLossyWireIsAnotherModel(t *testing.T) {
	f := start(t, &faulty{})
	c, err := remote.Dial(t.Context(), f.endpoint(), remote.Options{Wire: remote.JPEG95})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, want := c.Manifest().Name, "pixels+jpeg95"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := c.Manifest().Validate(); err != nil {
		t.Error(err)
	}
}

func TestConn(t *testing.T) {
	f := start(t, &faulty{})
	c, err := remote.Dial(t.Context(), f.endpoint(), remote.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tiles := embedtest.Tiles(tileSize, 5, 1)
	got, err := c.Infer(t.Context(), tiles)
	want, _ := new(embedtest.Pixels).Embed(t.Context(), tiles)
	if err != nil || embed.MaxDrift(got, want) > 1e-12 {
		t.Errorf("got drift %g, %v", embed.MaxDrift(got, want), err)
	}
	if d, err := c.Ping(t.Context()); err != nil || d <= 0 {
		t.Errorf("ping: %v, %v", d, err)
	}
	if _, err := c.Statistics(t.Context()); !errors.Is(err, remote.ErrNoStatistics) {
		t.Errorf("statistics: %v, want that there are none", err)
	}
}
