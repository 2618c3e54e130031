package decode

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ExitMemory is the code with which a worker ends that has passed its memory limit.
const ExitMemory = 87

// MemoryLimitArg is the worker's argument that carries the limit in bytes.
const MemoryLimitArg = "--memory-limit="

// killGrace is how long a killed process may take to go; one that hangs in the kernel (a dead network disk) takes longer
// and is left to the kernel.
const killGrace = 5 * time.Second

// process is one worker.
type process struct {
	cmd    *exec.Cmd
	kill   context.CancelFunc
	in     io.WriteCloser
	out    *os.File
	r      *bufio.Reader
	errs   *lineLog
	exited chan struct{} // closed once the process is gone and reaped
	spent  bool          // not to be used for another photo
}

// startProcess starts a worker. ctx is the pool's: when it ends, so does the process.
func startProcess(ctx context.Context, argv, env []string, log *slog.Logger) (p *process, err error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start decode worker: %w", err)
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start decode worker: %w", err), childIn.Close(), in.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, argv[0])
	cmd.Args = argv
	if argv[0] == os.Args[0] {
		// Itself: the path of the file, but the name that it was called by, which is what tells one program of a test
		// binary from another.
		if exe, err := os.Executable(); err == nil {
			cmd.Path, cmd.Err = exe, nil
		}
	}
	p = &process{cmd: cmd, kill: cancel, in: in, out: out, r: bufio.NewReaderSize(out, 64<<10),
		errs: &lineLog{log: log}, exited: make(chan struct{})}
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, childIn, childOut, p.errs
	cmd.WaitDelay = killGrace
	// A group of its own: Ctrl-C at the terminal is for the program, which lets photos in flight finish.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	// The child has its own copies; with ours open, the end of the process would not be the end of the stream.
	_, _ = childIn.Close(), childOut.Close() // nothing was written through them
	if err != nil {
		cancel()
		return nil, errors.Join(fmt.Errorf("start decode worker: %w", err), in.Close(), out.Close())
	}
	go func() {
		defer close(p.exited)
		defer cancel()
		_ = cmd.Wait() // how it ended is read from ProcessState
		p.errs.flush()
	}()
	return p, nil
}

// stop ends the process, with force where it does not go by itself, and waits for it.
func (p *process) stop(force bool) {
	if force {
		p.kill()
	}
	_ = p.in.Close() // the end of its input is how a worker is told to go
	t := time.NewTimer(killGrace)
	defer t.Stop()
	select {
	case <-p.exited:
	case <-t.C:
		p.kill()
		t.Reset(2 * killGrace)
		select {
		case <-p.exited:
		case <-t.C:
		}
	}
	_ = p.out.Close() // read side: nothing to lose
}

// fate says how a process ended that went without answering. It waits for the end.
func (p *process) fate() (Reason, error) {
	t := time.NewTimer(3 * killGrace)
	defer t.Stop()
	select {
	case <-p.exited:
	case <-t.C:
		return Crashed, errors.New("the decoder stopped answering and cannot be ended")
	}
	st := p.cmd.ProcessState
	last := p.errs.tail()
	if st.ExitCode() == ExitMemory {
		return Memory, errors.New("passed the memory limit of a decoder")
	}
	what := st.String()
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() && ws.Signal() == syscall.SIGKILL {
		what = "killed from outside, perhaps for want of memory on this machine"
	}
	for _, words := range []string{"out of memory", "annot allocate memory", "ailed to allocate"} { // Go, C library, glib
		if strings.Contains(last, words) {
			return Memory, fmt.Errorf("ran out of the memory a decoder may use: %s", last)
		}
	}
	if last != "" {
		what += ": " + last
	}
	return Crashed, errors.New(what)
}

// lineLog passes what a worker writes to its standard error on to the log, line by line, and keeps the first line of
// trouble for the message about the photo.
type lineLog struct {
	log *slog.Logger

	mu    sync.Mutex
	buf   []byte
	last  string
	fatal bool // last tells of an end
}

const maxLine = 512

func (l *lineLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	for {
		line, rest, found := bytes.Cut(b, []byte("\n"))
		if room := maxLine - len(l.buf); len(line) > room {
			line = line[:max(room, 0)]
		}
		l.buf = append(l.buf, line...)
		if !found {
			return n, nil
		}
		l.emit()
		b = rest
	}
}

// emit hands on one line. Of the lines since the last photo the first is kept, because a Go panic, glib and the C library
// all say what is wrong first and where afterwards; a line that surely tells of an end beats a mere warning before it.
func (l *lineLog) emit() {
	line := string(bytes.ToValidUTF8(bytes.TrimSpace(l.buf), []byte("?")))
	l.buf = l.buf[:0]
	if line == "" {
		return
	}
	fatal := strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "SIG")
	if l.last == "" || fatal && !l.fatal {
		l.last, l.fatal = line, fatal
	}
	l.log.Info("decode worker says", "line", line)
}

func (l *lineLog) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.emit()
}

func (l *lineLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

func (l *lineLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.fatal = "", false
}
