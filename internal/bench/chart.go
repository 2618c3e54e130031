package bench

import (
	"bytes"
	"fmt"
	"image/color"
	"path/filepath"
	"slices"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// The chart in inches, at 96 dots each: 1400 x 640 pixels.
const (
	chartDPI    = 96
	chartWidth  = 1400 * vg.Inch / chartDPI
	chartHeight = 640 * vg.Inch / chartDPI
	headHeight  = 74 // points above both panels
)

// logFrom is the ratio of the largest to the least value from which bars need a logarithmic axis to be seen at all.
const logFrom = 30

// palette holds colours that people who see few colours can tell apart (Okabe and Ito's, darkest first).
var palette = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xe6, 0x9f, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
	color.RGBA{0xcc, 0x79, 0xa7, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff},
}

// WriteChart draws the records side by side and returns the file's path.
func WriteChart(dir string, records []Record) (path string, err error) {
	b, err := Chart(records)
	if err != nil {
		return "", fmt.Errorf("draw chart: %w", err)
	}
	path = filepath.Join(dir, ChartFile)
	return path, writeFile(path, b)
}

// Chart is a PNG with two panels: photos a second of each load, and how long one photo takes.
func Chart(records []Record) ([]byte, error) {
	img := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(chartWidth, chartHeight), vgimg.UseDPI(chartDPI), vgimg.UseBackgroundColor(color.White))}
	c := draw.New(img)
	if err := head(c, records); err != nil {
		return nil, err
	}
	body := draw.Crop(c, 12, -12, 10, -headHeight)
	rates, times := rateGroups(records), timeGroups(records)
	// Each panel is as wide as its groups need.
	share := vg.Length(0.64)
	if n := len(rates) + len(times); n > 0 {
		share = min(0.72, max(0.5, vg.Length(len(rates))/vg.Length(n)))
	}
	middle := (body.Max.X - body.Min.X) * share
	left := draw.Crop(body, 0, middle-(body.Max.X-body.Min.X)-10, 0, 0)
	right := draw.Crop(body, middle+10, 0, 0, 0)
	if err := panel("Photos a second, end to end (more is better)", "photos/s", rates, len(records), left); err != nil {
		return nil, err
	}
	if err := panel("Time of one photo (less is better)", "milliseconds", times, len(records), right); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := img.WriteTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// style is text in one of the two sizes and weights that the chart has.
func style(size font.Length, weight xfont.Weight) draw.TextStyle {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Weight: weight, Size: size}
	return draw.TextStyle{Color: color.Black, Font: f, Handler: plot.DefaultTextHandler}
}

// head writes the title, what lay between, and the legend.
func head(c draw.Canvas, records []Record) error {
	if len(records) == 0 {
		return fmt.Errorf("no records")
	}
	title := style(15, xfont.WeightBold)
	c.FillText(title, vg.Point{X: 14, Y: c.Max.Y - 22}, "dupfind bench: backends side by side")
	small := style(10, xfont.WeightNormal)
	small.Color = color.Gray{0x55}
	c.FillText(small, vg.Point{X: 14, Y: c.Max.Y - 38}, chartText(subtitle(records)))

	legend := style(10.5, xfont.WeightNormal)
	x := vg.Length(14)
	y := c.Max.Y - 56
	for i, r := range records {
		name := chartText(r.Name)
		fill(c, palette[i%len(palette)], x, y-1, x+9, y+8)
		c.FillText(legend, vg.Point{X: x + 13, Y: y}, name)
		x += 13 + legend.Width(name) + 18
	}
	return nil
}

func subtitle(records []Record) string {
	r, link := records[0], linkOf(records)
	parts := []string{strings.TrimSuffix(link.describe(), "."), fmt.Sprintf("client on %d cores", r.Machine.Cores), r.Started.Format("2006-01-02"), "dupfind " + r.Dupfind}
	if link == nil {
		parts = parts[1:]
	}
	return strings.Join(parts, "   |   ")
}

// chartText keeps what the chart's font can show, on one line and not too long.
func chartText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	const most = 180
	if len(s) > most {
		return s[:most-3] + "..."
	}
	return s
}

// group is a place on the horizontal axis: a value for each record, 0 where there is none.
type group struct {
	label  string
	values []float64
}

func rateGroups(records []Record) []group {
	var out []group
	add := func(label string, t Test, photos, inFlight int) {
		g := group{label: label, values: make([]float64, len(records))}
		for i, r := range records {
			if m, ok := r.find(t, photos, inFlight); ok {
				g.values[i] = m.PhotosPerSecond
			}
		}
		if slices.Max(g.values) > 0 {
			out = append(out, g)
		}
	}
	add("naive\nclient", NaiveTest, 0, 0)
	for _, k := range loads(records) {
		label := fmt.Sprintf("batch\n%d", k.Photos)
		if k.Test == Closed {
			label = fmt.Sprintf("%d in flight\nbatch %d", k.InFlight, k.Photos)
		}
		add(label, k.Test, k.Photos, k.InFlight)
	}
	add("adaptive\nclient", Adapt, 0, 0)
	return out
}

func timeGroups(records []Record) []group {
	var out []group
	for _, q := range []struct {
		label string
		value func(Latency) float64
	}{
		{"p50", func(l Latency) float64 { return l.P50MS }},
		{"p95", func(l Latency) float64 { return l.P95MS }},
		{"p99", func(l Latency) float64 { return l.P99MS }},
		{"max", func(l Latency) float64 { return l.MaxMS }},
	} {
		g := group{label: q.label, values: make([]float64, len(records))}
		for i, r := range records {
			if m, ok := r.find(Single, 0, 0); ok && m.Latency != nil {
				g.values[i] = q.value(*m.Latency)
			}
		}
		if slices.Max(g.values) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// panel draws one of the two charts.
func panel(title, unit string, groups []group, bars int, c draw.Canvas) error {
	p := plot.New()
	p.Title.Text, p.Title.TextStyle.Font, p.Title.Padding = title, style(12, xfont.WeightBold).Font, 8
	p.Y.Label.Text = unit
	if len(groups) == 0 {
		p.Title.Text += ": not measured"
		p.HideAxes()
		p.Draw(c)
		return nil
	}
	b := newBars(groups, bars)
	p.Y.Min, p.Y.Max = b.lowest, b.highest
	if b.log {
		p.Y.Label.Text += ", logarithmic"
		p.Y.Scale = plot.LogScale{}
	}
	p.Y.Tick.Marker = b
	p.Y.Label.TextStyle.Font, p.Y.Tick.Label.Font = style(10, xfont.WeightNormal).Font, style(9.5, xfont.WeightNormal).Font
	p.X.Min, p.X.Max = -0.5, float64(len(groups))-0.5
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.label
	}
	p.NominalX(names...)
	p.X.Tick.Label.Font = style(10, xfont.WeightNormal).Font
	p.X.Width = 0.6
	p.Add(b)
	p.Draw(c)
	return nil
}
