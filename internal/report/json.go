package report

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/dupfind/dupfind/internal/match"
)

// Path is a path as it stands in the program's JSON.
type Path struct {
	Path       string `json:"path"`
	PathBase64 string `json:"path_base64,omitempty"`
}

// NewPath makes one of a path's bytes.
func NewPath(p string) Path {
	if utf8.ValidString(p) {
		return Path{Path: p}
	}
	return Path{Path: strings.ToValidUTF8(p, "\ufffd"), PathBase64: encodePath(p)}
}

func encodePath(p string) string { return base64.StdEncoding.EncodeToString([]byte(p)) }

func newPaths(ps []string) []Path {
	out := make([]Path, len(ps))
	for i, p := range ps {
		out[i] = NewPath(p)
	}
	return out
}

type jsonReport struct {
	Schema          int               `json:"schema"`
	Type            string            `json:"type"`
	Program         string            `json:"program"`
	Threshold       float64           `json:"threshold"`
	ThresholdCosine float64           `json:"threshold_cosine"`
	Model           jsonModel         `json:"model"`
	Engine          jsonEngine        `json:"engine"`
	Roots           []jsonRoot        `json:"roots"`
	Filter          jsonFilter        `json:"filter"`
	QuarantineKinds []match.Kind      `json:"quarantine_kinds"`
	Summary         jsonSummary       `json:"summary"`
	Unconfirmed     []jsonUnconfirmed `json:"unconfirmed"`
	Groups          []jsonGroup       `json:"groups"`
	Notes           []string          `json:"notes"`
}

type jsonModel struct {
	Name     string `json:"name"`
	Digest   string `json:"digest"`
	Measured bool   `json:"measured"`
	Remark   string `json:"remark"`
}

type jsonEngine struct {
	Name  string `json:"name"`
	Exact bool   `json:"exact"`
}

type jsonRoot struct {
	Path
	Here bool `json:"here"`
}

type jsonFilter struct {
	Kinds        []match.Kind `json:"kinds"`
	Paths        []Path       `json:"paths"`
	MinSizeBytes int64        `json:"min_size_bytes"`
}

type jsonSummary struct {
	Files         int             `json:"files"`
	Photos        int             `json:"photos"`
	Compared      int             `json:"compared"`
	LowDetail     int             `json:"low_detail"`
	NoVector      int             `json:"no_vector"`
	Skipped       int             `json:"skipped"`
	TooSmall      int             `json:"too_small"`
	Outside       int             `json:"outside"`
	Proposals     int             `json:"proposals"`
	Confirmed     int             `json:"confirmed"`
	ExpectedFalse float64         `json:"expected_false"`
	Groups        int             `json:"groups"`
	Members       int             `json:"members"`
	Kinds         []jsonKindCount `json:"kinds"`
	Moves         int             `json:"moves"`
	MovesBytes    int64           `json:"moves_bytes"`
	RemovedBefore int             `json:"removed_before"`
}

type jsonKindCount struct {
	Kind    match.Kind `json:"kind"`
	Members int        `json:"members"`
}

type jsonUnconfirmed struct {
	Path
	Reason string `json:"reason"`
}

type jsonFile struct {
	Path
	SizeBytes     int64  `json:"size_bytes"`
	Modified      string `json:"modified"`
	SHA256        string `json:"sha256"`
	Format        string `json:"format"`
	Width         int    `json:"width"`
	Height        int    `json:"height"`
	TakenAt       string `json:"taken_at"`
	Managed       bool   `json:"managed"`
	Protected     bool   `json:"protected"`
	Links         []Path `json:"links"`
	RemovedBefore string `json:"removed_before"`
}

type jsonMember struct {
	jsonFile
	Kind         match.Kind `json:"kind"`
	Similarity   float64    `json:"similarity"`
	Cosine       float64    `json:"cosine"`
	Reason       string     `json:"reason"`
	KeeperLacks  []string   `json:"keeper_lacks"`
	Moves        bool       `json:"moves"`
	StaysBecause string     `json:"stays_because"`
	KeeperOf     string     `json:"keeper_of"`
}

type jsonGroup struct {
	ID           string       `json:"id"`
	Keeper       jsonFile     `json:"keeper"`
	KeeperReason string       `json:"keeper_reason"`
	Members      []jsonMember `json:"members"`
	MovesBytes   int64        `json:"moves_bytes"`
}

// WriteJSON writes the document as one JSON object (see the package's
// documentation), indented.
func WriteJSON(w io.Writer, d *Document) (err error) {
	b := bufio.NewWriter(w)
	defer func() { err = errors.Join(err, b.Flush()) }()
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(d.json())
}

func (d *Document) json() jsonReport {
	r := jsonReport{
		Schema: 1, Type: "report", Program: d.Program, Threshold: d.Threshold, ThresholdCosine: d.ThresholdCosine,
		Model: jsonModel(d.Model), Engine: jsonEngine(d.Engine), Roots: make([]jsonRoot, len(d.Roots)),
		Filter:          jsonFilter{Kinds: notNil(d.Kinds), Paths: newPaths(d.Paths), MinSizeBytes: d.MinSizeBytes},
		QuarantineKinds: notNil(d.QuarantineKinds), Summary: d.jsonSummary(),
		Unconfirmed: make([]jsonUnconfirmed, len(d.Unconfirmed)), Groups: make([]jsonGroup, len(d.Groups)), Notes: notNil(d.Notes),
	}
	for i, x := range d.Roots {
		r.Roots[i] = jsonRoot{NewPath(x.Path), x.Here}
	}
	for i, x := range d.Unconfirmed {
		r.Unconfirmed[i] = jsonUnconfirmed{NewPath(x.Path), x.Reason}
	}
	for i := range d.Groups {
		r.Groups[i] = d.jsonGroup(&d.Groups[i])
	}
	return r
}

func (d *Document) jsonSummary() jsonSummary {
	t, n := d.Totals(), d.Numbers
	s := jsonSummary{
		Files: n.Files, Photos: n.Photos, Compared: n.Compared, LowDetail: n.LowDetail, NoVector: n.NoVector,
		Skipped: n.Skipped, TooSmall: n.TooSmall, Outside: n.Outside, Proposals: n.Proposals, Confirmed: n.Confirmed,
		ExpectedFalse: n.ExpectedFalse, Groups: t.Groups, Members: t.Members, Kinds: make([]jsonKindCount, len(t.Kinds)),
		Moves: t.Moves, MovesBytes: t.MovesBytes, RemovedBefore: t.RemovedBefore,
	}
	for i, k := range t.Kinds {
		s.Kinds[i] = jsonKindCount(k)
	}
	return s
}

func (d *Document) jsonGroup(g *Group) jsonGroup {
	out := jsonGroup{ID: g.ID, Keeper: newJSONFile(&g.Keeper), KeeperReason: g.KeeperReason, Members: make([]jsonMember, len(g.Members))}
	for i := range g.Members {
		m := &g.Members[i]
		out.Members[i] = jsonMember{
			jsonFile: newJSONFile(&m.File), Kind: m.Kind, Similarity: m.Similarity, Cosine: m.Cosine, Reason: m.Reason,
			KeeperLacks: notNil(m.KeeperLacks), Moves: d.moves(m), StaysBecause: m.StaysBecause, KeeperOf: m.KeeperOf,
		}
		if d.moves(m) {
			out.MovesBytes += m.FreesBytes
		}
	}
	return out
}

func newJSONFile(f *File) jsonFile {
	return jsonFile{
		Path: NewPath(f.Path), SizeBytes: f.SizeBytes, Modified: modified(f.MtimeNS), SHA256: hexSum(f.SHA256), Format: f.Format,
		Width: f.Width, Height: f.Height, TakenAt: strings.ToValidUTF8(f.TakenAt, "\ufffd"), Managed: f.Managed, Protected: f.Protected,
		Links: newPaths(f.Links), RemovedBefore: f.RemovedBefore,
	}
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
