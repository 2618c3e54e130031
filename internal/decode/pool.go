package decode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// PoolOptions says how photos are decoded. The zero value is ready for use.
type PoolOptions struct {
	// Workers is the number of processes; default: one per CPU.
	Workers int
	// Command is the argv that starts a worker; default: this program itself with the argument "decode-worker".
	Command []string
	// Env is a worker's environment; default: this process's own.
	Env []string
	// Deadline is the time that one photo may take, default 60 s; it grows with the file's size.
	Deadline time.Duration
	// MemoryLimitBytes is what one worker may use, default 1.5 GiB.
	MemoryLimitBytes int64
	// MaxPixels is the largest declared size that is decoded, default 250 million pixels.
	MaxPixels int64
	// MaxFileBytes is the largest file that is read, default 768 MiB.
	MaxFileBytes int64
	// Log takes what workers write to their standard error; nil: nowhere.
	Log *slog.Logger
}

// The defaults of PoolOptions.
const (
	DefaultDeadline     = 60 * time.Second
	DefaultMemoryLimit  = 3 << 29 // 1.5 GiB
	DefaultMaxPixels    = 250_000_000
	DefaultMaxFileBytes = 768 << 20
)

// bytesPerSecond is the slowest reading that is waited for beyond the deadline: a photo on a tired network disk.
const bytesPerSecond = 1 << 20

// helloTimeout is how long a process may take to start, on a machine that is busy and has a cold disk.
const helloTimeout = 60 * time.Second

// ErrClosed is returned by a pool that was closed.
var ErrClosed = errors.New("decode pool is closed")

// WorkerError says that workers cannot be started at all: no photo is to blame.
type WorkerError struct {
	Command []string
	Err     error
}

func (e *WorkerError) Error() string {
	return fmt.Sprintf("start decode worker %q: %v", e.Command, e.Err)
}

// Unwrap returns the cause.
func (e *WorkerError) Unwrap() error { return e.Err }

func (o PoolOptions) withDefaults() PoolOptions {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if len(o.Command) == 0 {
		o.Command = []string{os.Args[0], "decode-worker"}
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	if o.Deadline <= 0 {
		o.Deadline = DefaultDeadline
	}
	if o.MemoryLimitBytes <= 0 {
		o.MemoryLimitBytes = DefaultMemoryLimit
	}
	if o.MaxPixels <= 0 {
		o.MaxPixels = DefaultMaxPixels
	}
	if o.MaxFileBytes <= 0 {
		o.MaxFileBytes = DefaultMaxFileBytes
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Request names a photo to decode.
type Request struct {
	Path     string
	TileSize int // 0: the constant TileSize
}

// Pool decodes photos in worker processes. Its methods may be called from many goroutines.
type Pool struct {
	o    PoolOptions
	sem  *semaphore.Weighted // Workers tickets: one per photo in flight, all of them for a photo that must be alone
	ctx  context.Context     // the processes' life, ended by Close
	end  context.CancelFunc
	hung *semaphore.Weighted // one ticket: second tries after a timeout go one at a time

	mu     sync.Mutex
	idle   []*process // last in, first out: the warm one is used again
	closed bool
	busy   sync.WaitGroup // photos in flight
}

// NewPool returns a pool; its processes start with the first photos.
func NewPool(o PoolOptions) *Pool {
	o = o.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	return &Pool{o: o, sem: semaphore.NewWeighted(int64(o.Workers)), hung: semaphore.NewWeighted(1), ctx: ctx, end: cancel}
}

// Decode decodes one photo. Once the worker has read and hashed the file, wanted is asked (nil: always yes); if it says
// no, the Photo is Known and holds the hash and the file's own facts alone. The error is a *SkipError when the photo is
// to blame; anything else ends the run.
func (p *Pool) Decode(ctx context.Context, r Request, wanted func(sha [32]byte) bool) (Photo, error) {
	if r.TileSize == 0 {
		r.TileSize = TileSize
	}
	job := Job{Op: OpDecode, Path: []byte(r.Path), TileSize: r.TileSize, Ask: wanted != nil}
	a, err := p.run(ctx, job, wanted)
	if err != nil {
		return Photo{}, err
	}
	return a.photo, nil
}

// PixelDigest digests all of one photo's pixels.
func (p *Pool) PixelDigest(ctx context.Context, path string) (PixelDigest, error) {
	a, err := p.run(ctx, Job{Op: OpDigest, Path: []byte(path), TileSize: TileSize}, nil)
	if err != nil {
		return PixelDigest{}, err
	}
	return a.digest, nil
}

// Close ends all processes and waits for them. Photos in flight are given up.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	var wg sync.WaitGroup
	for _, pr := range idle {
		wg.Go(func() { pr.stop(false) })
	}
	p.end()
	p.busy.Wait()
	wg.Wait()
	return nil
}

// run decodes one photo, a second time in a fresh process if the first one did not survive it.
func (p *Pool) run(ctx context.Context, job Job, wanted func([32]byte) bool) (answer, error) {
	job.MaxPixels, job.MaxFileBytes = p.o.MaxPixels, p.o.MaxFileBytes
	if err := job.Validate(); err != nil {
		return answer{}, fmt.Errorf("decode %q: %w", job.Path, err)
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return answer{}, ErrClosed
	}
	p.busy.Add(1)
	p.mu.Unlock()
	defer p.busy.Done()

	a, err := p.try(ctx, p.sem, 1, job, wanted, false)
	died, ok := errors.AsType[*deathError](err)
	if !ok {
		return a, err
	}
	// Perhaps the photo was only in bad company: once more, in a fresh process. After a crash or for memory it has the
	// machine to itself. After a timeout it has not: all others would stand still for a whole deadline.
	sem, n := p.sem, int64(p.o.Workers)
	if died.reason == Timeout {
		sem, n = p.hung, 1
	}
	p.o.Log.Info("decode worker lost", "path", string(job.Path), "reason", string(died.reason), "err", died.err)
	a, err = p.try(ctx, sem, n, job, wanted, true)
	if died, ok = errors.AsType[*deathError](err); ok {
		return answer{}, &SkipError{Path: string(job.Path), Reason: died.reason, Err: died.err}
	}
	return a, err
}

// deathError says that a process was lost over a photo.
type deathError struct {
	reason Reason
	err    error
}

func (e *deathError) Error() string { return fmt.Sprintf("%s: %v", e.reason, e.err) }

// try gives the job to one process, once. The error is a *SkipError, a *deathError, or the end of the run.
func (p *Pool) try(ctx context.Context, sem *semaphore.Weighted, n int64, job Job, wanted func([32]byte) bool, fresh bool) (answer, error) {
	if err := sem.Acquire(ctx, n); err != nil {
		return answer{}, context.Cause(ctx)
	}
	defer sem.Release(n)
	pr, err := p.take(ctx, fresh)
	if err != nil {
		return answer{}, err
	}
	a, err := pr.do(ctx, job, wanted, p.o.Deadline)
	p.give(pr)
	if err != nil && p.ctx.Err() != nil {
		return answer{}, ErrClosed
	}
	return a, err
}

// take returns a process that is ready for a photo.
func (p *Pool) take(ctx context.Context, fresh bool) (*process, error) {
	if !fresh {
		p.mu.Lock()
		for len(p.idle) > 0 {
			pr := p.idle[len(p.idle)-1]
			p.idle = p.idle[:len(p.idle)-1]
			select {
			case <-pr.exited: // died while idle: no photo's fault
				pr.stop(true)
				continue
			default:
			}
			p.mu.Unlock()
			pr.errs.reset()
			return pr, nil
		}
		p.mu.Unlock()
	}
	argv := append(p.o.Command[:len(p.o.Command):len(p.o.Command)], fmt.Sprintf("%s%d", MemoryLimitArg, p.o.MemoryLimitBytes))
	pr, err := startProcess(p.ctx, argv, workerEnv(p.o.Env), p.o.Log)
	if err == nil {
		if err = pr.hello(ctx); err == nil {
			return pr, nil
		}
		pr.stop(true)
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case p.ctx.Err() != nil:
		return nil, ErrClosed
	}
	return nil, &WorkerError{Command: argv, Err: err}
}

// workerEnv adds what must be known before a worker's first line of code runs.
func workerEnv(env []string) []string {
	// One arena keeps what the C library holds on to within the worker's limit; a worker decodes in one thread.
	return append(env[:len(env):len(env)], "MALLOC_ARENA_MAX=1", "VIPS_CONCURRENCY=1")
}

// give takes a process back.
func (p *Pool) give(pr *process) {
	if !pr.spent {
		p.mu.Lock()
		if !p.closed {
			p.idle = append(p.idle, pr)
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
	}
	pr.stop(pr.spent)
}
