package worker

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/dupfind/dupfind/internal/decode"
)

// Main serves requests until in ends. The process it runs in is its own: it changes limits and signals of the process, and
// ends it with decode.ExitMemory when the limit is passed.
func Main(in io.Reader, out io.Writer, args []string) error {
	limit, err := parseArgs(args)
	if err != nil {
		return err
	}
	prepare(limit)
	return serve(in, out, limit)
}

func parseArgs(args []string) (limit int64, err error) {
	limit = decode.DefaultMemoryLimit
	for _, a := range args {
		s, ok := strings.CutPrefix(a, decode.MemoryLimitArg)
		if !ok {
			return 0, fmt.Errorf("decode worker: unknown argument %q", a)
		}
		if limit, err = strconv.ParseInt(s, 10, 64); err != nil || limit < 1 {
			return 0, fmt.Errorf("decode worker: memory limit %q", s)
		}
	}
	return limit, nil
}

// prepare sets the process up.
func prepare(limit int64) {
	// The parent decides what a signal means, and tells by closing the pipe. Without this, a SIGTERM to all processes of a
	// service would look like a photo that crashes its decoder.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTSTP)
	// One photo at a time: a second thread for the collector and the watcher is enough, and more would take from the
	// other workers. Pixels live in buffers of the C libraries and a few large slices, so the collector may be lazy.
	runtime.GOMAXPROCS(2)
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(limit / 2)
	debug.SetTraceback("single")
	watch(limit)
}

// serve answers jobs, one after the other, until in ends.
func serve(in io.Reader, out io.Writer, limit int64) error {
	if err := decode.WriteFrame(out, decode.FrameHello, decode.Hello{Protocol: decode.Protocol, Version: decode.Version}); err != nil {
		return fmt.Errorf("decode worker: say hello: %w", err)
	}
	s := session{in: bufio.NewReader(in), out: out, memoryLimit: limit}
	for {
		f, err := decode.ReadFrame(s.in, decode.MaxJobFrame)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("decode worker: read job: %w", err)
		}
		job, err := decode.ReadJob(f)
		if err != nil {
			return fmt.Errorf("decode worker: %w", err)
		}
		if err := s.do(job); err != nil {
			return fmt.Errorf("decode worker: %w", err)
		}
	}
}

// session is the worker's talk with its parent, and the buffer that photos are read into.
type session struct {
	in          *bufio.Reader
	out         io.Writer
	buf         []byte
	memoryLimit int64 // bytes
}

// skip is a photo that cannot be decoded: the worker's half of a decode.SkipError.
type skip struct {
	reason decode.Reason
	err    error
}

func (s *skip) Error() string { return fmt.Sprintf("%s: %v", s.reason, s.err) }

func skipf(r decode.Reason, format string, args ...any) error {
	return &skip{reason: r, err: fmt.Errorf(format, args...)}
}

// do answers one job. An error is one of the pipe, or a frame that makes no sense: the worker cannot go on.
func (s *session) do(job decode.Job) error {
	done, blobs, err := s.work(job)
	if sk, ok := errors.AsType[*skip](err); ok {
		done, blobs, err = decode.Done{Reason: sk.reason, Detail: sk.err.Error()}, nil, nil
	}
	if err != nil {
		return err
	}
	if err := decode.WriteFrame(s.out, decode.FrameDone, done, blobs...); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if cap(s.buf) > keepBuffer {
		s.buf = nil
		debug.FreeOSMemory()
	}
	return nil
}

// keepBuffer is the largest buffer that is kept for the next photo.
const keepBuffer = 32 << 20

// work reads, asks, and decodes.
func (s *session) work(job decode.Job) (decode.Done, [][]byte, error) {
	f, err := s.read(string(job.Path), job.MaxFileBytes)
	if err != nil {
		return decode.Done{}, nil, err
	}
	if err := decode.WriteFrame(s.out, decode.FrameHashed, f.hashed); err != nil {
		return decode.Done{}, nil, fmt.Errorf("send hash: %w", err)
	}
	if job.Ask {
		a, err := decode.ReadFrame(s.in, decode.MaxJobFrame)
		if err != nil {
			return decode.Done{}, nil, fmt.Errorf("read wanted: %w", noEOF(err))
		}
		w, err := decode.ReadWanted(a)
		if err != nil {
			return decode.Done{}, nil, err
		}
		if !w.Decode {
			return decode.Done{Known: true}, nil, nil
		}
	}
	p := picture{data: f.data, kind: f.kind, name: string(job.Path), maxPixels: job.MaxPixels}
	if job.Op == decode.OpDigest {
		d, err := p.digest()
		if err != nil {
			return decode.Done{}, nil, err
		}
		return decode.Done{Digest: d[:]}, nil, nil
	}
	return p.decode(job.TileSize)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
