package embedtest

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// kinds starts each kind of server with as little as it takes.
var kinds = []struct {
	name  string
	start func(t testing.TB) *Server
}{
	{"PyTorch", func(t testing.TB) *Server { return StartPyTorch(t, PyTorchOptions{}) }},
	{"Triton", func(t testing.TB) *Server { return StartTriton(t, TritonOptions{}) }},
	{"KServe", func(t testing.TB) *Server { return StartKServe(t, KServeOptions{}) }},
}

func TestServersLiveAndDie(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			s := k.start(t)
			if s.Model != "sim" {
				t.Errorf("it serves %q, want sim", s.Model)
			}
			addr, group := s.Addr, s.cmd.Process.Pid
			wantOpen(t, addr)
			if body := fetch(t, s.MetricsURL); !strings.Contains(body, "# TYPE ") {
				t.Errorf("no metrics at %s: %.200q", s.MetricsURL, body)
			}

			s.Kill()
			wantClosed(t, addr)
			wantGone(t, group)

			s.Restart()
			if s.Addr != addr {
				t.Errorf("restarted at %s, was at %s", s.Addr, addr)
			}
			wantOpen(t, addr)
			group = s.cmd.Process.Pid
			s.Stop()
			wantClosed(t, addr)
			wantGone(t, group)
			s.Stop() // nothing to stop is no error
		})
	}
}

func TestTritonLeavesNoSharedMemory(t *testing.T) {
	s := StartTriton(t, TritonOptions{})
	pattern := "/dev/shm/" + sharedMemory(s.ports) + "*"
	if names, _ := filepath.Glob(pattern); len(names) == 0 {
		t.Errorf("Triton runs without shared memory named %s: then nothing of it is removed when it is killed", pattern)
	}
	s.Kill()
	if names, _ := filepath.Glob(pattern); len(names) != 0 {
		t.Errorf("left after the kill: %q", names)
	}
}

// That the shipped servers speak TLS is tested here; what they do with the token, where there is a client.
func TestServersTakeTLS(t *testing.T) {
	cert, other := Cert(t), Cert(t)
	for name, s := range map[string]*Server{
		"PyTorch": StartPyTorch(t, PyTorchOptions{Token: "secret", TLS: cert}),
		"Triton":  StartTriton(t, TritonOptions{Token: "secret", TLS: cert}),
	} {
		if err := handshake(t, s.Addr, cert.CA); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := handshake(t, s.Addr, other.CA); err == nil {
			t.Errorf("%s: a client that trusts another authority is content", name)
		}
	}
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	for _, c := range []struct {
		name   string
		recipe recipe
	}{
		{"PyTorch", pyTorch(t, PyTorchOptions{ExtraArgs: []string{"--nonsense"}})},
		{"Triton", triton(t, TritonOptions{ExtraArgs: []string{"--load-model=nonsense", "--model-control-mode=explicit"}})},
	} {
		s := newServer(t, c.recipe)
		s.ports = freePorts(t)
		if err := s.start(); err == nil || !strings.Contains(err.Error(), "nonsense") {
			t.Errorf("%s: got %v, want an error that shows the server's log", c.name, err)
		}
		if s.cmd != nil {
			t.Errorf("%s: still there after it failed to start", c.name)
		}
	}
}

// A port that was free when it was looked for can be taken by the time that the server wants it.
func TestTakenPortIsRecognised(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // nothing was written
	for _, r := range []recipe{pyTorch(t, PyTorchOptions{}), triton(t, TritonOptions{}), kServe(t, KServeOptions{})} {
		s := newServer(t, r)
		s.ports = freePorts(t)
		s.ports.grpc = l.Addr().(*net.TCPAddr).Port
		if err := s.start(); err == nil || !portTaken.MatchString(s.Log()) {
			t.Errorf("%s on a port in use: %v", r.name, err)
		}
	}
}

// The servers of a test that is killed, as go test kills one that runs too long, do not outlive it.
func TestServerEndsWithItsTest(t *testing.T) {
	s := StartPyTorch(t, PyTorchOptions{})
	group := s.cmd.Process.Pid
	if err := s.lifeline.Close(); err != nil { // as the kernel does when the test's process dies
		t.Fatal(err)
	}
	<-s.exited
	wantGone(t, group)
}

func handshake(t *testing.T, addr, ca string) error {
	t.Helper()
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	d := tls.Dialer{Config: &tls.Config{RootCAs: roots, NextProtos: []string{"h2"}}}
	c, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return err
	}
	return c.Close()
}

func wantOpen(t *testing.T, addr string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatalf("a server that is ready cannot be reached: %v", err)
	}
	_ = c.Close() // nothing was written
}

func wantClosed(t *testing.T, addr string) {
	t.Helper()
	if c, err := net.DialTimeout("tcp", addr, 5*time.Second); err == nil {
		_ = c.Close() // nothing was written
		t.Errorf("something still listens at %s", addr)
	}
}

// wantGone waits until no process of a group is left, which the kernel needs a moment for.
func wantGone(t *testing.T, group int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if syscall.Kill(-group, 0) == syscall.ESRCH {
			return
		}
	}
	t.Errorf("processes of the server's group are still there")
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	resp, err := healthClient.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close() // it was read
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return string(body)
}
