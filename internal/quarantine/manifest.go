package quarantine

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dupfind/dupfind/internal/fsx"
)

// ManifestSchema is the version of the manifest's format. A manifest with a higher one is refused; every
// added field raises it, because a reader that skips what it does not know could lose what was meant.
const ManifestSchema = 1

const manifestProgram = "dupfind"

// entryState is how far the manifest says that one move has come.
type entryState string

// The states of an entry, as the types of the lines that bring it there.
const (
	stateIntent     entryState = "intent"      // about to be moved, or not; to be looked at
	stateCopied     entryState = "copied"      // across filesystems: a copy, synced and read back, is about to get its name in the quarantine
	stateMoved      entryState = "moved"       // in the quarantine only
	stateFailed     entryState = "failed"      // stayed where it was
	stateRestoring  entryState = "restoring"   // about to be put back, or not; to be looked at
	stateCopiedBack entryState = "copied-back" // across filesystems: a copy, synced and read back, is about to get its old name
	stateRestored   entryState = "restored"    // at its place
)

// nextStates is what may follow what. Failed and restored are ends.
var nextStates = map[entryState][]entryState{
	stateIntent:     {stateCopied, stateMoved, stateFailed},
	stateCopied:     {stateMoved, stateFailed},
	stateMoved:      {stateRestoring, stateRestored},
	stateRestoring:  {stateCopiedBack, stateRestored, stateMoved},
	stateCopiedBack: {stateRestored, stateMoved},
}

// settled says whether the entry's file is known to be at one place.
func (s entryState) settled() bool {
	return s == stateMoved || s == stateFailed || s == stateRestored
}

// manifest is the content of a manifest file.
type manifest struct {
	run     string
	created string
	roots   []string // absolute
	entries []*entry
	bySeq   map[int]*entry
	size    int64 // bytes of the whole lines; what follows is a torn last line
}

// entry is one move in a manifest and what has become of it.
type entry struct {
	seq            int
	root           int    // index of roots
	rel            string // below the root
	dest           string // below the folder of the manifest
	keeper         string // absolute
	kind           string
	sum, keeperSum [32]byte
	sizeBytes      int64
	mtimeNS        int64
	permissions    uint32
	lacks          []string
	state          entryState
	reason         Reason
	detail         string
	xattrs         []fsx.Xattr // those that the quarantine's filesystem does not keep
	copied         bool        // went by copy: permissions and times are set anew when it comes back
}

// pathJSON is a path: bytes that need not be UTF-8 stand in base64 as well.
type pathJSON struct {
	Path   string `json:"path"`
	Base64 string `json:"path_base64,omitempty"`
}

type headerLine struct {
	Type    string     `json:"type"`
	Schema  int        `json:"schema"`
	Program string     `json:"program"`
	Run     string     `json:"run"`
	Created string     `json:"created"`
	Roots   []pathJSON `json:"roots"`
}

type intentLine struct {
	Type         string   `json:"type"`
	Seq          int      `json:"seq"`
	Root         int      `json:"root"` // index of the header's roots
	Copy         pathJSON `json:"copy"` // below the root
	Dest         pathJSON `json:"dest"` // below this folder
	Keeper       pathJSON `json:"keeper"`
	Kind         string   `json:"kind"`
	SHA256       string   `json:"sha256"`
	KeeperSHA256 string   `json:"keeper_sha256"`
	SizeBytes    int64    `json:"size_bytes"`
	MtimeNS      int64    `json:"mtime_ns"`
	Permissions  uint32   `json:"permissions"`
	Lacks        []string `json:"lacks"`
}

type stateLine struct {
	Type   string      `json:"type"`
	Seq    int         `json:"seq"`
	Time   string      `json:"time"`
	Reason Reason      `json:"reason,omitempty"`
	Detail string      `json:"detail,omitempty"`
	Xattrs []xattrJSON `json:"xattrs,omitempty"`
}

type xattrJSON struct {
	Name  string `json:"name"`
	Value []byte `json:"value_base64"`
}

func encodePath(p string) pathJSON {
	if utf8.ValidString(p) {
		return pathJSON{Path: p}
	}
	return pathJSON{strings.ToValidUTF8(p, "\uFFFD"), base64.StdEncoding.EncodeToString([]byte(p))}
}

func (p pathJSON) decode() (string, error) {
	if p.Base64 == "" {
		return p.Path, nil
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(p.Base64)
	if err != nil {
		return "", err
	}
	if encodePath(string(raw)) != p {
		return "", errors.New("path and path_base64 disagree")
	}
	return string(raw), nil
}

// encodeManifest gives the bytes of a new manifest: the header and every intent.
func encodeManifest(m *manifest) []byte {
	var buf bytes.Buffer
	header := headerLine{"header", ManifestSchema, manifestProgram, m.run, m.created, nil}
	for _, root := range m.roots {
		header.Roots = append(header.Roots, encodePath(root))
	}
	writeLine(&buf, header)
	for _, e := range m.entries {
		lacks := e.lacks
		if lacks == nil {
			lacks = []string{}
		}
		writeLine(&buf, intentLine{
			string(stateIntent), e.seq, e.root, encodePath(e.rel), encodePath(e.dest), encodePath(e.keeper), e.kind,
			hex.EncodeToString(e.sum[:]), hex.EncodeToString(e.keeperSum[:]), e.sizeBytes, e.mtimeNS, e.permissions, lacks,
		})
	}
	return buf.Bytes()
}

// encodeState gives the line that brings an entry into its state.
func encodeState(buf *bytes.Buffer, e *entry, now time.Time) {
	line := stateLine{Type: string(e.state), Seq: e.seq, Time: now.UTC().Format(time.RFC3339Nano), Reason: e.reason, Detail: e.detail}
	if e.state == stateCopied {
		for _, a := range e.xattrs {
			line.Xattrs = append(line.Xattrs, xattrJSON{a.Name, a.Value})
		}
	}
	writeLine(buf, line)
}

func writeLine(buf *bytes.Buffer, line any) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err) // structs of strings and numbers always have a text
	}
	buf.Write(text)
	buf.WriteByte('\n')
}

// parseManifest reads a manifest strictly. Only a last line without its newline, which a killed write
// leaves behind, is passed over; anything else that this program would not have written is an error,
// because acting on half understood input moves the wrong files.
func parseManifest(data []byte) (*manifest, error) {
	m := &manifest{bySeq: map[int]*entry{}}
	taken := map[string]bool{}
	for number := 1; ; number++ {
		line, rest, whole := bytes.Cut(data[m.size:], []byte{'\n'})
		if !whole {
			break
		}
		var err error
		if number == 1 {
			err = m.parseHeader(line)
		} else {
			err = m.parseRecord(line, taken)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrManifest, number, err)
		}
		m.size = int64(len(data) - len(rest))
	}
	if m.run == "" {
		return nil, fmt.Errorf("%w: no header", ErrManifest)
	}
	return m, nil
}

func (m *manifest) parseHeader(line []byte) error {
	var probe struct {
		Schema  int    `json:"schema"`
		Program string `json:"program"`
	}
	if err := json.Unmarshal(line, &probe); err != nil {
		return err
	}
	if probe.Program != manifestProgram {
		return errors.New("written by another program")
	}
	if probe.Schema != ManifestSchema {
		return fmt.Errorf("schema %d, this dupfind reads %d", probe.Schema, ManifestSchema)
	}
	var h headerLine
	if err := strictJSON(line, &h); err != nil {
		return err
	}
	if h.Type != "header" || !validRunName(h.Run) || len(h.Roots) == 0 {
		return errors.New("no header")
	}
	m.run, m.created = h.Run, h.Created
	for _, r := range h.Roots {
		root, err := r.decode()
		if err != nil {
			return err
		}
		if !path.IsAbs(root) || path.Clean(root) != root || strings.IndexByte(root, 0) >= 0 {
			return fmt.Errorf("root %q is no clean absolute path", root)
		}
		m.roots = append(m.roots, root)
	}
	return nil
}

func (m *manifest) parseRecord(line []byte, taken map[string]bool) error {
	var probe struct {
		Type entryState `json:"type"`
	}
	if err := json.Unmarshal(line, &probe); err != nil {
		return err
	}
	if probe.Type == stateIntent {
		return m.parseIntent(line, taken)
	}
	var s stateLine
	if err := strictJSON(line, &s); err != nil {
		return err
	}
	e := m.bySeq[s.Seq]
	if e == nil {
		return fmt.Errorf("no intent with seq %d", s.Seq)
	}
	if s.Reason != "" && !s.Reason.Valid() {
		return fmt.Errorf("unknown reason %q", s.Reason)
	}
	if err := e.enter(entryState(s.Type)); err != nil {
		return err
	}
	if e.state == stateCopied {
		for _, a := range s.Xattrs {
			e.xattrs = append(e.xattrs, fsx.Xattr(a))
		}
	} else if len(s.Xattrs) > 0 {
		return errors.New("attributes in a line that has none")
	}
	e.reason, e.detail = s.Reason, s.Detail
	return nil
}

// enter changes the state, if it may follow the present one.
func (e *entry) enter(next entryState) error {
	for _, s := range nextStates[e.state] {
		if s == next {
			e.copied = e.copied || next == stateCopied
			e.state = next
			return nil
		}
	}
	return fmt.Errorf("move %d: state %q cannot follow %q", e.seq, next, e.state)
}

func (m *manifest) parseIntent(line []byte, taken map[string]bool) error {
	var in intentLine
	if err := strictJSON(line, &in); err != nil {
		return err
	}
	e := &entry{
		seq: in.Seq, root: in.Root, kind: in.Kind, sizeBytes: in.SizeBytes, mtimeNS: in.MtimeNS,
		permissions: in.Permissions, lacks: in.Lacks, state: stateIntent,
	}
	if e.root < 0 || e.root >= len(m.roots) || e.sizeBytes < 0 || e.permissions > 0o7777 || e.seq < 1 || m.bySeq[e.seq] != nil {
		return errors.New("number out of range")
	}
	var err error
	for _, p := range []struct {
		to   *string
		from pathJSON
	}{{&e.rel, in.Copy}, {&e.dest, in.Dest}, {&e.keeper, in.Keeper}} {
		if *p.to, err = p.from.decode(); err != nil {
			return err
		}
	}
	if err := errors.Join(fsx.CheckRel(e.rel), fsx.CheckRel(e.dest)); err != nil {
		return err
	}
	from := fmt.Sprintf("%d/%s", e.root, e.rel)
	if e.dest == ManifestName || taken["dest "+e.dest] || taken["from "+from] {
		return fmt.Errorf("name %q is taken", e.dest)
	}
	taken["dest "+e.dest], taken["from "+from] = true, true
	if err := errors.Join(decodeSum(&e.sum, in.SHA256), decodeSum(&e.keeperSum, in.KeeperSHA256)); err != nil {
		return err
	}
	m.entries = append(m.entries, e)
	m.bySeq[e.seq] = e
	return nil
}

func decodeSum(dst *[32]byte, text string) error {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(dst) || text != strings.ToLower(text) {
		return fmt.Errorf("%q is no SHA-256", text)
	}
	copy(dst[:], raw)
	return nil
}

// strictJSON decodes one object with known fields only, and nothing behind it. JSON in Go replaces bytes
// that are not UTF-8 silently, so they are refused first.
func strictJSON(line []byte, v any) error {
	if !utf8.Valid(line) {
		return errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.InputOffset() != int64(len(line)) {
		return errors.New("something follows the object")
	}
	return nil
}

// validRunName says whether name can be the name of a run's folder.
func validRunName(name string) bool {
	return name != "" && len(name) <= 200 && name != "." && name != ".." &&
		!strings.ContainsAny(name, "/\x00\n\r") && utf8.ValidString(name)
}
