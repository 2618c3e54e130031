package bench

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// The names of the files beside the records.
const (
	TableFile = "BENCHMARK_RESULTS.md"
	ChartFile = "comparison_chart.png"
)

// WriteTable writes the records as a page of tables, and returns its path.
func WriteTable(dir string, records []Record) (path string, err error) {
	path = filepath.Join(dir, TableFile)
	return path, writeFile(path, []byte(Markdown(records)))
}

// Markdown is the page: the figures side by side, then all loads of each backend, then what they ran on.
func Markdown(records []Record) string {
	var p page
	p.line("# Benchmark of dupfind's backends")
	p.line("")
	if len(records) == 0 {
		p.line("Nothing was measured.")
		return p.String()
	}
	first := records[0]
	p.line("Made by `dupfind bench` %s on %s, %s.", cell(first.Dupfind), first.Started.Format("2006-01-02"), first.Machine.describe())
	p.line("%s Tiles: %s.", linkOf(records).describe(), cell(first.Plan.TileSource))
	p.line("")
	p.line("![photos a second and times of one photo, side by side](%s)", ChartFile)
	p.line("")
	p.summary(records)
	for _, r := range records {
		p.backend(r)
	}
	p.reading(first.Plan)
	return p.String()
}

// page collects lines.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) {
	fmt.Fprintf(p, format, args...)
	p.WriteByte('\n')
}

func (p *page) row(cells ...string) { p.line("| %s |", strings.Join(cells, " | ")) }

func (p *page) summary(records []Record) {
	for i, row := range Summary(records) {
		cells := []string{row.Label}
		for _, c := range row.Cells {
			cells = append(cells, cell(c))
		}
		p.row(cells...)
		if i == 0 {
			p.row(append([]string{"---"}, repeat("---:", len(row.Cells))...)...)
		}
	}
	p.line("")
}

func repeat(s string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = s
	}
	return out
}

var columns = []string{"load", "photos/s", "p50 ms", "p95 ms", "p99 ms", "max ms", "calls", "server ms", "queue ms", "network ms", "model photos/s", "bytes/photo", "cost of 1,000"}

func (p *page) backend(r Record) {
	p.line("## %s", cell(r.Name))
	p.line("")
	p.line("%s at %s.", orUnknown(cell(r.Model)), cell(r.Place))
	if r.Wire != "" {
		p.line("Tiles cross the network as %s.", cell(r.Wire))
	}
	for _, s := range r.Environment {
		if s.Value != "" {
			p.line("- %s: %s", cell(s.Name), cell(s.Value))
		}
	}
	p.line("")
	if r.Error != "" {
		p.line("**Not all was measured:** %s", cell(r.Error))
		p.line("")
	}
	if r.Cold != nil && len(r.Cold.Runs) > 0 {
		var runs []string
		for _, c := range r.Cold.Runs {
			runs = append(runs, fmt.Sprintf("%s (%s + %s)", millis(c.TotalMS), millis(c.OpenMS), millis(c.VectorMS)))
		}
		p.line("Cold start, ms (open + first vector): %s.", strings.Join(runs, ", "))
		p.line("")
	}
	if len(r.Measurements) > 0 {
		p.row(columns...)
		p.row(append([]string{"---"}, repeat("---:", len(columns)-1)...)...)
		for _, m := range r.Measurements {
			p.row(m.cells()...)
		}
		p.line("")
	}
	p.notes(r)
}

func orUnknown(s string) string {
	if s == "" {
		return "Unknown model"
	}
	return s
}

func (m Measurement) cells() []string {
	title := m.Title()
	if m.Test == Open {
		title += fmt.Sprintf(", %s a second", rate(m.RatePerSecond))
	}
	c := []string{title, rateCell(m), "", "", "", "", "", "", "", "", "", "", cost(m.CostPer1000)}
	if len(m.Windows) == 0 {
		c[1] = "failed"
		return c
	}
	if l := m.Latency; l != nil {
		c[2], c[3], c[4], c[5], c[6] = millis(l.P50MS), millis(l.P95MS), millis(l.P99MS), millis(l.MaxMS), thousands(float64(l.Count), 0)
	} else if a := m.Adaptive; a != nil {
		c[2], c[5] = millis(a.RequestP50MS), millis(a.RequestMaxMS)
	}
	if s := m.Server; s != nil {
		c[7], c[8], c[10] = millis(s.MeanMS), millis(s.QueueMS), rate(s.PhotosPerSecond)
		if s.NetworkMS != 0 {
			c[9] = millis(s.NetworkMS)
		}
	}
	if m.SentBytesPerPhoto > 0 {
		c[11] = thousands(float64(m.SentBytesPerPhoto), 0)
	}
	return c
}

func (p *page) notes(r Record) {
	var all []string
	all = append(all, r.Notes...)
	for _, m := range r.Measurements {
		for _, n := range m.Notes {
			all = append(all, m.Title()+": "+n)
		}
		if a := m.Adaptive; a != nil {
			all = append(all, fmt.Sprintf("%s: %d requests in flight, %d photos in the last, as %s, %d repeated; the times are of requests",
				m.Title(), a.InFlight, a.Batch, a.Wire, a.Retries))
		}
		if n := m.Naive; n != nil {
			all = append(all, fmt.Sprintf("%s: %d files of %s bytes on average (%s), %s ms to send, %s ms added for the model",
				m.Title(), n.Files, thousands(float64(n.MeanFileBytes), 0), n.Source, millis(n.SendMS), millis(n.AddedServerMS)))
		}
		if m.Failed > 0 || m.Error != "" {
			all = append(all, fmt.Sprintf("%s: %d calls failed: %s", m.Title(), m.Failed, m.Error))
		}
	}
	for _, n := range all {
		p.line("- %s", cell(n))
	}
	if len(all) > 0 {
		p.line("")
	}
}

func (p *page) reading(plan Plan) {
	p.line("## How to read this")
	p.line("")
	p.line("Each load was warmed up for %v s, then measured in windows until three in a row agreed within 5 %%, for %v s at most; a rate behind", plan.WarmupSeconds, plan.DurationSeconds)
	p.line("a `~` did not settle. Times are from the call to the vectors; those of the open loop from when the call was due, so that a stall is")
	p.line("felt by all calls due in it. Percentiles are of values that were measured, the nearest rank; with few calls p99 is the maximum. Server,")
	p.line("queue and model are by the server's own counters; network is the rest of what the client waited. The cold start is connecting (or")
	p.line("loading the model) and one photo; the server was running before. The naive client sends %d original files in one request, one request", NaiveFiles)
	p.line("at a time, and is given the decoding of them for nothing.")
}

// linkOf is the simulated link, which a local backend beside the servers does not have.
func linkOf(records []Record) *LinkInfo {
	for _, r := range records {
		if r.Link != nil {
			return r.Link
		}
	}
	return nil
}

func (m Machine) describe() string {
	s := fmt.Sprintf("%d cores", m.Cores)
	if m.CPU != "" {
		s += " of " + cell(m.CPU)
	}
	return s + ", " + cell(m.OS) + ", " + m.Arch
}

func (l *LinkInfo) describe() string {
	if l == nil {
		return "No link was simulated."
	}
	s := fmt.Sprintf("Simulated link: %s round trip", time.Duration(l.RTTMS*float64(time.Millisecond)))
	if l.UpBitsPerSecond > 0 {
		s += fmt.Sprintf(", %s Mbit/s up", rate(float64(l.UpBitsPerSecond)/1e6))
	}
	return s + "."
}

// cell makes text harmless in a page and a table: no markup, no second line.
var cellReplacer = strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "`", "'", "\n", " ", "\r", " ", "[", `\[`, "]", `\]`, "*", `\*`)

func cell(s string) string { return cellReplacer.Replace(s) }
