package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/dupfind/dupfind/internal/match"
)

var csvHeader = []string{
	"group", "role", "path", "path_base64", "kind", "similarity", "cosine", "size_bytes", "modified", "width", "height", "format",
	"taken_at", "sha256", "reason", "keeper_lacks", "moves", "stays_because", "removed_before",
}

// WriteCSV writes a row for each file of each group.
func WriteCSV(w io.Writer, d *Document) error {
	c := csv.NewWriter(w)
	if err := c.Write(csvHeader); err != nil {
		return err
	}
	for i := range d.Groups {
		g := &d.Groups[i]
		if err := c.Write(csvRow(g.ID, "keeper", &g.Keeper, "", "", "", g.KeeperReason, "", "", "")); err != nil {
			return err
		}
		for j := range g.Members {
			m := &g.Members[j]
			row := csvRow(g.ID, "member", &m.File, m.Kind, decimal(m.Similarity), decimal(m.Cosine), m.Reason,
				strings.Join(m.KeeperLacks, "; "), strconv.FormatBool(d.moves(m)), m.StaysBecause)
			if err := c.Write(row); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}

func csvRow(group, role string, f *File, kind match.Kind, similarity, cosine, reason, lacks, moves, stays string) []string {
	base64 := NewPath(f.Path).PathBase64
	if strings.ContainsFunc(f.Path, unicode.IsControl) {
		// Readers of CSV change line ends within fields.
		base64 = encodePath(f.Path)
	}
	return []string{
		group, role, f.Path, base64, string(kind), similarity, cosine,
		strconv.FormatInt(f.SizeBytes, 10), modified(f.MtimeNS), strconv.Itoa(f.Width), strconv.Itoa(f.Height), f.Format,
		f.TakenAt, hexSum(f.SHA256), reason, lacks, moves, stays, f.RemovedBefore,
	}
}

// decimal writes similarities and cosines with the six places that float32
// vectors can carry.
func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 6, 64) }
