package embedtest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	readyWithin = 90 * time.Second // a server starts in 0.5 to 3 s; a busy machine takes longer
	stopWithin  = 20 * time.Second
	startTries  = 4 // a port that was free can be taken before the server has it
	logTail     = 4000
)

// Server is a real server, in a process group of its own, that answers on loopback. It ends with the test, and when the
// test's process dies.
type Server struct {
	Addr       string // of gRPC, host:port
	Model      string // the name that its model has
	MetricsURL string

	t        testing.TB
	recipe   recipe
	ports    ports
	logPath  string
	cmd      *exec.Cmd // nil: not running
	exited   chan struct{}
	lifeline *os.File // the server's watchdog kills the group when this end is closed
}

// recipe is how one kind of server is started.
type recipe struct {
	name    string
	model   string
	command func(p ports) *exec.Cmd
	metrics func(p ports) string
	ready   func(p ports, log string) bool
	ended   func(p ports) // what the process leaves behind when it is killed
}

// ports are the ports of one server. Which of them it uses is its recipe's.
type ports struct{ grpc, http, metrics int }

func freePorts(t testing.TB) ports {
	t.Helper()
	var found [3]int
	for i := range found {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("find a free port: %v", err)
		}
		defer func() { _ = l.Close() }() // only now, so that the three differ; nothing was written
		found[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports{grpc: found[0], http: found[1], metrics: found[2]}
}

var portTaken = regexp.MustCompile(`(?i)address (is )?already in use|failed to bind|socket '.*' already in use|cannot listen`)

// startServer starts a server and waits until it is ready.
func startServer(t testing.TB, r recipe) *Server {
	t.Helper()
	s := newServer(t, r)
	for try := 1; ; try++ {
		s.ports = freePorts(t)
		err := s.start()
		if err == nil {
			break
		}
		if try == startTries || !portTaken.MatchString(s.Log()) {
			t.Fatal(err)
		}
	}
	s.Addr = fmt.Sprintf("127.0.0.1:%d", s.ports.grpc)
	s.MetricsURL = r.metrics(s.ports)
	return s
}

func newServer(t testing.TB, r recipe) *Server {
	t.Helper()
	s := &Server{t: t, recipe: r, Model: r.model, logPath: filepath.Join(t.TempDir(), r.name+".log")}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("the end of the %s server's log:\n%s", r.name, s.tail())
		}
	})
	return s
}

// watched runs a command with a watchdog in its process group: when the pipe on descriptor 3 ends, because the test
// closed its end or died, the group is killed. The command itself keeps the process that was started.
const watched = `(cat <&3 >/dev/null; kill -KILL 0) & exec 3<&-; exec "$@"`

// start starts the process and waits until it is ready; when it fails, nothing of it is left.
func (s *Server) start() error {
	log, err := os.OpenFile(s.logPath, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own descriptor
	lifeEnd, lifeline, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = lifeEnd.Close() }() // likewise
	want := s.recipe.command(s.ports)
	cmd := exec.Command("/bin/sh", append([]string{"-c", watched, "sh", want.Path}, want.Args[1:]...)...)
	cmd.Dir, cmd.Env = want.Dir, want.Env
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{lifeEnd}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, lifeline.Close())
	}
	s.cmd, s.lifeline, s.exited = cmd, lifeline, make(chan struct{})
	go func(exited chan<- struct{}) {
		defer close(exited)
		_ = cmd.Wait() // how it ended is in its log, and in ProcessState
	}(s.exited)
	if err := s.awaitReady(); err != nil {
		s.Kill()
		return fmt.Errorf("start the %s server: %w; the end of its log:\n%s", s.recipe.name, err, s.tail())
	}
	return nil
}

func (s *Server) awaitReady() error {
	deadline := time.NewTimer(readyWithin)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.exited:
			return fmt.Errorf("it ended: %v", s.cmd.ProcessState)
		case <-deadline.C:
			return fmt.Errorf("not ready within %v", readyWithin)
		case <-tick.C:
			if s.recipe.ready(s.ports, s.Log()) {
				return nil
			}
		}
	}
}

// Kill ends the server and all processes of its own at once, as a crash would.
func (s *Server) Kill() {
	s.signalAndWait(syscall.SIGKILL, -1)
}

// Stop asks the server to end, as an operator would, and waits until it has.
func (s *Server) Stop() {
	s.signalAndWait(syscall.SIGTERM, 1)
}

// signalAndWait sends a signal to the process (of 1) or to its group (of -1).
func (s *Server) signalAndWait(sig syscall.Signal, of int) {
	if s.cmd == nil {
		return
	}
	pid := s.cmd.Process.Pid
	// Whether it was still there is seen below.
	_ = syscall.Kill(of*pid, sig)
	select {
	case <-s.exited:
	case <-time.After(stopWithin):
		s.t.Errorf("the %s server did not end within %v of %v", s.recipe.name, stopWithin, sig)
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		<-s.exited
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL) // what it left running
	_ = s.lifeline.Close()                  // nothing is written to it
	s.cmd = nil
	if s.recipe.ended != nil {
		s.recipe.ended(s.ports)
	}
}

// Restart starts the server again on the same ports, after it was stopped or killed. It is for the test's goroutine.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	for try := 1; ; try++ {
		err := s.start()
		if err == nil {
			return
		}
		if try == startTries || !portTaken.MatchString(s.Log()) {
			s.t.Fatal(err)
		}
	}
}

// Log is what the server has written since it was last started.
func (s *Server) Log() string {
	b, err := os.ReadFile(s.logPath)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (s *Server) tail() string {
	log := s.Log()
	if len(log) > logTail {
		log = "..." + log[len(log)-logTail:]
	}
	return strings.TrimSpace(log)
}

// healthClient keeps no connection, and so no goroutine, for later.
var healthClient = &http.Client{
	Transport: &http.Transport{DisableKeepAlives: true},
	Timeout:   5 * time.Second,
}

// healthy asks a server's HTTP side whether it is ready, and then whether its gRPC port is open.
func healthy(p ports, _ string) bool {
	resp, err := healthClient.Get(fmt.Sprintf("http://127.0.0.1:%d/v2/health/ready", p.http))
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // only the status is of interest
	if resp.StatusCode != http.StatusOK {
		return false
	}
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", p.grpc), time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}
