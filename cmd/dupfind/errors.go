package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/dupfind/dupfind/embed/local"
	"github.com/dupfind/dupfind/internal/quarantine"
	"github.com/dupfind/dupfind/store"
)

// finish maps what a command returned to words on stderr and the exit code.
// It is the only place that does.
func (a app) finish(err error, asJSON bool) int {
	if err == nil {
		return exitDone
	}
	status, said := errors.AsType[exitStatus](err)
	if said {
		// All has been said, unless closing failed besides.
		rest := slices.DeleteFunc(flatten(err), func(e error) bool { return e == status })
		if err = errors.Join(rest...); err == nil {
			return int(status)
		}
	}
	if errors.Is(err, syscall.EPIPE) { // the reader of our output has had enough
		return exitFailed
	}
	code := exitFailed
	if _, ok := errors.AsType[*usageError](err); ok {
		code = exitUsage
	}
	hint := hintFor(err)
	if asJSON {
		a.printError(code, err, hint)
		return code
	}
	_, _ = fmt.Fprintf(a.stderr, "dupfind: %s\n", shortText(err)) // nothing to do if stderr is gone
	if hint != "" {
		_, _ = fmt.Fprintf(a.stderr, "hint: %s\n", hint)
	}
	return code
}

// shortText is an error's text; for what is not installed, without the long
// list of places, which doctor shows.
func shortText(err error) string {
	var what []string
	for _, e := range flatten(err) {
		m, ok := errors.AsType[*local.MissingError](e)
		switch {
		case ok && m.Asked == "":
			what = append(what, fmt.Sprintf("the %s is not installed (looked for in %d places)", m.What, len(m.Looked)))
		default:
			what = append(what, e.Error())
		}
	}
	return strings.Join(what, "; ")
}

// flatten takes apart what errors.Join has joined, of which there may be
// several layers; errors that wrap others in words of their own stay whole.
func flatten(err error) []error {
	j, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	var lines []string
	for _, e := range j.Unwrap() {
		all = append(all, flatten(e)...)
		lines = append(lines, e.Error())
	}
	if strings.Join(lines, "\n") != err.Error() {
		return []error{err}
	}
	return all
}

// errorJSON is an error on stderr under --json.
type errorJSON struct {
	Schema  int    `json:"schema"`
	Type    string `json:"type"` // "error"
	Code    int    `json:"code"` // the exit code
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func (a app) printError(code int, err error, hint string) {
	b, _ := json.Marshal(errorJSON{1, "error", code, shortText(err), hint}) // plain strings always encode
	_, _ = fmt.Fprintf(a.stderr, "%s\n", b)
}

// hintFor says what to do about an error, where that is known.
func hintFor(err error) string {
	if u, ok := errors.AsType[*usageError](err); ok {
		if u.command == "" {
			return "dupfind --help lists the commands"
		}
		return fmt.Sprintf("dupfind %s --help shows how it is used", u.command)
	}
	if m, ok := errors.AsType[*local.MissingError](err); ok {
		if m.Asked != "" {
			return "check the path; without it the usual places are searched (dupfind doctor lists them)"
		}
		return "make setup installs it; dupfind doctor shows what is missing and where it was looked for"
	}
	if n, ok := errors.AsType[*store.NetworkFSError](err); ok {
		return fmt.Sprintf("keep the library on a local disk: --db FILE or DUPFIND_DB (photos may stay on %s)", n.FSType)
	}
	if h := hintForServer(err); h != "" {
		return h
	}
	return hintForSentinel(err)
}

func hintForSentinel(err error) string {
	for _, h := range []struct {
		err  error
		hint string
	}{
		{store.ErrNoDB, "scan your photos first: dupfind scan ~/Pictures"},
		{errNoScan, "scan your photos first: dupfind scan ~/Pictures"},
		{store.ErrLocked, "wait until it has ended, or stop it; report, status and skipped work beside it"},
		{store.ErrNewerSchema, "update dupfind, or name another library with --db FILE"},
		{store.ErrOlderSchema, "run dupfind scan once, which brings it up to date"},
		{store.ErrNotOurs, "name another file with --db FILE"},
		{store.ErrDamaged, "run dupfind doctor; if it confirms the damage, " + damagedHint},
		{errNotLibrary, "name another file with --db FILE"},
		{store.ErrAccess, "the file and its folder must be yours to write, also for a report; copy the library elsewhere and name it with --db FILE"},
		{store.ErrDiskFull, "free some space and run the same command again: it goes on where it stopped"},
		{quarantine.ErrDiskFull, "free some space, or choose another place with --to DIR; nothing was lost"},
		{quarantine.ErrNoRun, "dupfind status lists the runs"},
		{quarantine.ErrNoManifest, "give the folder that holds " + quarantine.ManifestName},
		{syscall.ENOSPC, "free some space and run the same command again: it goes on where it stopped"},
		{fs.ErrPermission, "check who may read and write it"},
	} {
		if errors.Is(err, h.err) {
			return h.hint
		}
	}
	return ""
}
