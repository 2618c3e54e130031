package bench

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Row is a line of the summary: a figure, and its value for each record. An empty cell: not measured.
type Row struct {
	Label string
	Cells []string
}

// Summary lines up the records' main figures, the first row holding the names. A value behind a ~ did not settle: its
// windows differ by more than 5 %.
func Summary(records []Record) []Row {
	names := Row{Cells: make([]string, len(records))}
	for i, r := range records {
		names.Cells[i] = r.Name
	}
	rows := []Row{names}
	add := func(label string, value func(Record) string) {
		row := Row{Label: label, Cells: make([]string, len(records))}
		any := false
		for i, r := range records {
			row.Cells[i] = value(r)
			any = any || row.Cells[i] != ""
		}
		if any {
			rows = append(rows, row)
		}
	}
	add("cold start, ms", func(r Record) string {
		if r.Cold == nil || len(r.Cold.Runs) == 0 {
			return ""
		}
		return millis(r.Cold.FirstMS)
	})
	for _, q := range quantiles {
		add("one photo at a time, "+q.name+" ms", of(Single, 1, 1, func(m Measurement) string { return q.cell(m.Latency) }))
	}
	add("of these in the server, mean ms", of(Single, 1, 1, func(m Measurement) string {
		if m.Server == nil {
			return ""
		}
		return millis(m.Server.MeanMS)
	}))
	for _, k := range loads(records) {
		add(k.Title()+", photos/s", of(k.Test, k.Photos, k.InFlight, rateCell))
	}
	for _, q := range quantiles {
		if q.name == "p50" || q.name == "p99" {
			add("open loop, "+q.name+" ms", of(Open, 0, 0, func(m Measurement) string { return q.cell(m.Latency) }))
		}
	}
	add("adaptive client, photos/s", of(Adapt, 0, 0, rateCell))
	add("naive client, photos/s", of(NaiveTest, 0, 0, rateCell))
	add("adaptive over naive", func(r Record) string { return ratio(r) })
	add("model alone, photos/s", func(r Record) string { return rate(r.modelRate()) })
	add("bytes sent a photo", sentBytes)
	add("1,000 photos cost", func(r Record) string { return cost(r.bestCost()) })
	return rows
}

var quantiles = []struct {
	name string
	cell func(*Latency) string
}{
	{"mean", func(l *Latency) string { return millis(l.MeanMS) }},
	{"p50", func(l *Latency) string { return millis(l.P50MS) }},
	{"p95", func(l *Latency) string { return millis(l.P95MS) }},
	{"p99", func(l *Latency) string { return millis(l.P99MS) }},
	{"max", func(l *Latency) string { return millis(l.MaxMS) }},
}

// of finds a record's measurement of a load; photos and inFlight 0: whatever they are.
func of(t Test, photos, inFlight int, value func(Measurement) string) func(Record) string {
	return func(r Record) string {
		m, ok := r.find(t, photos, inFlight)
		if !ok || len(m.Windows) == 0 {
			if ok {
				return "failed"
			}
			return ""
		}
		return value(m)
	}
}

func (r Record) find(t Test, photos, inFlight int) (Measurement, bool) {
	i := slices.IndexFunc(r.Measurements, func(m Measurement) bool {
		return m.Test == t && (photos == 0 || m.Photos == photos) && (inFlight == 0 || m.InFlight == inFlight)
	})
	if i < 0 {
		return Measurement{}, false
	}
	return r.Measurements[i], true
}

// loads are the batches and closed loops that any record has, in the order of first appearance.
func loads(records []Record) []Measurement {
	var out []Measurement
	for _, r := range records {
		for _, m := range r.Measurements {
			k := Measurement{Test: m.Test, Photos: m.Photos, InFlight: m.InFlight}
			same := func(o Measurement) bool {
				return o.Test == k.Test && o.Photos == k.Photos && o.InFlight == k.InFlight
			}
			if (m.Test == Single || m.Test == Batch || m.Test == Closed) && !slices.ContainsFunc(out, same) {
				out = append(out, k)
			}
		}
	}
	return out
}

func rateCell(m Measurement) string {
	if !m.Stable {
		return "~" + rate(m.PhotosPerSecond)
	}
	return rate(m.PhotosPerSecond)
}

// ratio is what the adaptive client is worth.
func ratio(r Record) string {
	a, ok := r.find(Adapt, 0, 0)
	n, also := r.find(NaiveTest, 0, 0)
	if !ok || !also || a.PhotosPerSecond == 0 || n.PhotosPerSecond == 0 {
		return ""
	}
	return fmt.Sprintf("%.1fx", a.PhotosPerSecond/n.PhotosPerSecond)
}

// modelRate is the best rate of the model alone.
func (r Record) modelRate() float64 {
	best := 0.0
	for _, m := range r.Measurements {
		if m.Server != nil {
			best = max(best, m.Server.PhotosPerSecond)
		}
	}
	return best
}

// bestCost is what 1,000 photos cost by the adaptive client, or else at the best rate.
func (r Record) bestCost() float64 {
	if a, ok := r.find(Adapt, 0, 0); ok && a.CostPer1000 > 0 {
		return a.CostPer1000
	}
	best := 0.0
	for _, m := range r.Measurements {
		if m.Test != NaiveTest && m.CostPer1000 > 0 && (best == 0 || m.CostPer1000 < best) {
			best = m.CostPer1000
		}
	}
	return best
}

// sentBytes is what a photo costs the network: of the largest batch that was sent one at a time, where no request under
// way blurs it, or else of any load.
func sentBytes(r Record) string {
	var best Measurement
	for _, m := range r.Measurements {
		exact := m.Test == Single || m.Test == Batch
		if m.SentBytesPerPhoto > 0 && m.Test != NaiveTest && (best.SentBytesPerPhoto == 0 || exact && m.Photos > best.Photos) {
			best = m
		}
	}
	if best.SentBytesPerPhoto == 0 {
		return ""
	}
	return thousands(float64(best.SentBytesPerPhoto), 0)
}

// rate writes photos a second with three digits or all before the point.
func rate(f float64) string {
	switch {
	case f <= 0:
		return ""
	case f < 9.995:
		return thousands(f, 2)
	case f < 99.95:
		return thousands(f, 1)
	}
	return thousands(f, 0)
}

func millis(f float64) string {
	switch {
	case f < 9.995:
		return thousands(f, 2)
	case f < 99.95:
		return thousands(f, 1)
	}
	return thousands(f, 0)
}

// cost writes money with three digits that tell something, or cents; the currency is the price's.
func cost(f float64) string {
	if f <= 0 {
		return ""
	}
	digits := max(2, 2-int(math.Floor(math.Log10(f))))
	return thousands(f, digits)
}

// thousands writes a number with separators.
func thousands(f float64, decimals int) string {
	s := strconv.FormatFloat(f, 'f', decimals, 64)
	whole, rest, _ := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		return sign + whole + "." + rest
	}
	return sign + whole
}
