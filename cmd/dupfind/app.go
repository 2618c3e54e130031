package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/embed/remote"
	"github.com/dupfind/dupfind/internal/decode/worker"
)

// app is the program's connection to the world. Tests replace parts of it.
type app struct {
	stdin          *os.File
	stdout, stderr *os.File
	getenv         func(string) string
	now            func() time.Time
	terminal       func(*os.File) bool
	pickModel      func(flagOptions) (modelChoice, error)
	listModels     func(flagOptions) ([]modelAtHand, error)
	openRemote     func(context.Context, remote.Options) (remoteBackend, error)
}

// Exit codes (docs/cli.md).
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitPartly      = 3 // scan, quarantine, restore: something was skipped, held back or refused
	exitInterrupted = 130
)

// workerCommand is the hidden command that decodes photos for a parent process.
const workerCommand = "decode-worker"

// run is the whole program: it returns the exit code.
func run(argv []string, a app) int {
	if len(argv) > 1 && argv[1] == workerCommand {
		if err := worker.Main(a.stdin, a.stdout, argv[2:]); err != nil {
			fmt.Fprintln(a.stderr, "dupfind decode-worker:", err)
			return exitFailed
		}
		return exitDone
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends ctx, and the run saves what is in flight; the
	// second finds the default action again and ends the process.
	defer context.AfterFunc(ctx, stop)()

	c := newCLI(a)
	ordered, err := reorder(argv, c.Commands)
	if err == nil {
		err = c.RunContext(ctx, ordered)
	}
	return a.finish(err, wantsJSON(argv))
}

// exitStatus ends the program with a code and no message: all has been said.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usageError is a wrong command line.
type usageError struct {
	msg     string
	command string // whose help to look at; "" is the program's
}

func (e *usageError) Error() string { return e.msg }

func usagef(command, format string, args ...any) error {
	return &usageError{msg: fmt.Sprintf(format, args...), command: command}
}

// logger writes to stderr; quiet below warnings unless --verbose.
func (a app) logger(o flagOptions) *slog.Logger {
	level := slog.LevelWarn
	if o.Verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
}

// note writes a line for the person at the terminal, unless --quiet.
func (a app) note(o flagOptions, format string, args ...any) {
	if !o.Quiet {
		_, _ = fmt.Fprintf(a.stderr, format+"\n", args...) // nothing to do if stderr is gone
	}
}

// action wraps a command's function: common flags are read once, into a struct.
func (a app) action(f func(ctx context.Context, o flagOptions, c *cli.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		o, err := a.commonOptions(c)
		if err != nil {
			return err
		}
		err = f(c.Context, o, c)
		if err != nil && c.Context.Err() != nil && errors.Is(err, context.Canceled) {
			a.note(o, "interrupted")
			return exitStatus(exitInterrupted)
		}
		return err
	}
}
