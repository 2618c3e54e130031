package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dupfind/dupfind/embed/local"
	"github.com/dupfind/dupfind/internal/decode/vips"
	"github.com/dupfind/dupfind/internal/term"
	"github.com/dupfind/dupfind/store"
)

func (a app) doctorCommand() command {
	return command{
		name: "doctor", usage: "check that this machine is set up and the library is sound",
		examples: []string{"dupfind doctor", "dupfind doctor --db other.db"},
		flags:    slices.Concat(modelFlags(), remoteFlags()),
		run: func(ctx context.Context, o flagOptions, c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			r, err := readRemoteOptions(c)
			if err != nil {
				return err
			}
			return a.doctor(ctx, o, r)
		},
	}
}

// finding is one thing that doctor looked at.
type finding struct {
	Check  string   `json:"check"`
	OK     bool     `json:"ok"`
	Text   string   `json:"text"`
	Looked []string `json:"looked"`         // where it was looked for
	Hint   string   `json:"hint,omitempty"` // what to do
}

// doctorJSON is the document of doctor --json.
type doctorJSON struct {
	Schema   int       `json:"schema"`
	Type     string    `json:"type"` // "doctor"
	OK       bool      `json:"ok"`
	Findings []finding `json:"findings"`
}

func (a app) doctor(ctx context.Context, o flagOptions, r remoteOptions) error {
	all := []finding{{Check: "program", OK: true, Text: "dupfind " + version}}
	servers := a.checkServers(ctx, o, r)
	runtime := a.checkRuntime(o)
	model := a.checkModel(ctx, o, runtime.OK)
	if len(servers) > 0 {
		runtime, model = notNeeded(runtime), notNeeded(model)
	}
	all = append(append(all, runtime, model), servers...)
	all = append(all, checkFormats()...)
	all = append(all, a.checkLibrary(ctx, o))
	doc := doctorJSON{Schema: schema, Type: "doctor", OK: true}
	for _, f := range all {
		doc.OK = doc.OK && f.OK
		f.Looked = append([]string{}, f.Looked...)
		doc.Findings = append(doc.Findings, f)
	}
	var err error
	if o.JSON {
		err = a.printJSON(doc)
	} else {
		err = a.lines(doctorLines(all)...)
	}
	if err == nil && !doc.OK {
		err = exitStatus(exitFailed)
	}
	return err
}

func doctorLines(all []finding) []string {
	var out []string
	for _, f := range all {
		mark := "ok  "
		if !f.OK {
			mark = "BAD "
		}
		out = append(out, fmt.Sprintf("%s %-14s %s", mark, f.Check, f.Text))
		if !f.OK {
			for _, l := range f.Looked {
				out = append(out, "       looked for "+term.Escape(l))
			}
			if f.Hint != "" {
				out = append(out, "       "+f.Hint)
			}
		}
	}
	return out
}

func (a app) checkRuntime(o flagOptions) finding {
	f := finding{Check: "onnxruntime"}
	place, err := local.LocateLibrary(locateOptions(o))
	if err != nil {
		return missing(f, err)
	}
	v, err := local.Version(place.Path)
	if err != nil {
		f.Text, f.Hint = err.Error(), "make setup installs one that fits"
		return f
	}
	f.OK, f.Text, f.Looked = true, fmt.Sprintf("%s, %s (%s)", v, term.Escape(place.Path), place.How), place.Looked
	return f
}

func missing(f finding, err error) finding {
	f.Text, f.Hint = shortText(err), hintFor(err)
	if m, ok := errors.AsType[*local.MissingError](err); ok {
		f.Looked = m.Looked
	}
	return f
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// checkModel loads the model and embeds one grey tile.
func (a app) checkModel(ctx context.Context, o flagOptions, canRun bool) finding {
	f := finding{Check: "model"}
	if !canRun {
		m, err := local.LocateModel(locateOptions(o))
		if err != nil {
			return missing(f, err)
		}
		f.OK, f.Text = true, term.Escape(m.Path)+"; not tried, for want of ONNX Runtime"
		return f
	}
	m, err := a.pickModel(o)
	if err != nil {
		return missing(f, err)
	}
	b, err := m.Open(ctx)
	if err != nil {
		f.Text, f.Hint = firstLine(err.Error()), hintFor(err)
		return f
	}
	tile := make([]byte, 3*m.Manifest.TileSize*m.Manifest.TileSize)
	for i := range tile {
		tile[i] = byte(i)
	}
	_, err = b.Embed(ctx, [][]byte{tile})
	if err = errors.Join(err, b.Close()); err != nil {
		f.Text = firstLine(err.Error())
		return f
	}
	scale := "similarity scale " + m.Manifest.Calibration.Source
	if !m.Manifest.Calibration.Measured() {
		scale = "similarity scale not measured: quarantine stays at identical and same-pixels"
	}
	f.OK, f.Text = true, fmt.Sprintf("%s, %s (%s)", m.Manifest.Name, term.Escape(m.Where), scale)
	return f
}

// notNeeded is a finding about this machine's model where scans use a server:
// that there is none is no fault then.
func notNeeded(f finding) finding {
	if !f.OK && len(f.Looked) > 0 {
		f.OK, f.Text, f.Hint = true, f.Text+"; not needed, the last scan used a server", ""
	}
	return f
}

// doctorPatience is how long a server may take that doctor looks at.
const doctorPatience = 5 * time.Second

// checkServers looks whether the servers of the last scan can be used; there is
// no finding where it used none.
func (a app) checkServers(ctx context.Context, o flagOptions, r remoteOptions) []finding {
	last, err := a.lastUsed(ctx, o)
	b := lastBackend(last)
	if err != nil || !b.isRemote() {
		return nil // what is wrong with the library is another finding
	}
	f := finding{Check: "server"}
	backend, err := a.openLast(ctx, o, r, b)
	if err != nil {
		f.Text, f.Hint = firstLine(shortText(err)), hintFor(err)
		return []finding{f}
	}
	st, m := backend.Stats(), backend.Manifest()
	if err := backend.Close(); err != nil {
		f.Text = firstLine(err.Error())
		return []finding{f}
	}
	f.OK, f.Text = true, fmt.Sprintf("%s answers: model %s, tiles as %s, round trip %s", b, term.Escape(m.Name), st.Wire, term.Duration(st.RoundTrip))
	return []finding{f}
}

func (a app) lastUsed(ctx context.Context, o flagOptions) (store.Last, error) {
	db, err := a.openForReading(ctx, o)
	if err != nil {
		return store.Last{}, err
	}
	last, err := db.LastModel(ctx)
	return last, errors.Join(err, db.Close())
}

// openLast meets the servers of the last scan, with what is given now to reach them.
func (a app) openLast(ctx context.Context, o flagOptions, r remoteOptions, b backendChoice) (remoteBackend, error) {
	b = b.with(r)
	options, err := a.servers(r, b)
	if err != nil {
		return nil, err
	}
	options.Log, options.Patience = a.logger(o), doctorPatience
	ctx, cancel := context.WithTimeout(ctx, 2*doctorPatience)
	defer cancel()
	return a.openRemote(ctx, options)
}

// checkFormats says which formats the decoder on this machine can read.
func checkFormats() []finding {
	formats := vips.Formats()
	var can, cannot []string
	for _, name := range slices.Sorted(maps.Keys(formats)) {
		if formats[name] {
			can = append(can, name)
		} else {
			cannot = append(cannot, name)
		}
	}
	f := finding{Check: "formats", OK: len(cannot) == 0, Text: strings.Join(can, ", ")}
	if !f.OK {
		f.Text += "; cannot read " + strings.Join(cannot, ", ")
		f.Hint = "this machine's libvips was built without them; photos of these formats are skipped and listed"
	}
	return []finding{f}
}

// damagedHint is what to do about a library that is beyond reading.
const damagedHint = "move the file away and scan again: photos are never kept in it, and dupfind restore FOLDER works without it"

func (a app) checkLibrary(ctx context.Context, o flagOptions) finding {
	f := finding{Check: "library"}
	db, err := a.openForReading(ctx, o)
	if errors.Is(err, store.ErrNoDB) {
		f.OK, f.Text = true, "none yet; a scan makes "+term.Escape(o.DB)
		return f
	}
	if errors.Is(err, store.ErrDamaged) {
		f.Text, f.Hint = firstLine(err.Error()), damagedHint
		return f
	}
	if err != nil {
		f.Text, f.Hint = firstLine(err.Error()), hintFor(err)
		return f
	}
	problems, err := db.Check(ctx)
	if err = errors.Join(err, db.Close()); err != nil {
		f.Text, f.Hint = firstLine(err.Error()), hintFor(err)
		return f
	}
	if len(problems) > 0 {
		const shown = 3 // one hole in a file gives dozens
		f.Text = "damaged: " + strings.Join(problems[:min(shown, len(problems))], "; ")
		if more := len(problems) - shown; more > 0 {
			f.Text += fmt.Sprintf("; and %s", term.Number(more, "more problem"))
		}
		f.Hint = damagedHint
		return f
	}
	f.OK, f.Text = true, "sound, "+term.Escape(o.DB)
	return f
}

// isBelow reports whether path is one of the folders or in one; with none, all are.
func isBelow(path string, folders []string) bool {
	return len(folders) == 0 || slices.ContainsFunc(folders, func(f string) bool {
		return path == f || strings.HasPrefix(path, strings.TrimSuffix(f, string(filepath.Separator))+string(filepath.Separator))
	})
}
