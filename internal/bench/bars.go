package bench

import (
	"image/color"
	"math"
	"slices"
	"strconv"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// bars draws groups of bars with their values on top. It stands beside plotter.BarChart because that begins its bars at
// zero, which a logarithmic axis does not have.
type bars struct {
	groups          []group
	each            int // bars in a group
	log             bool
	lowest, highest float64 // of the axis
}

var (
	_ plot.Plotter = (*bars)(nil)
	_ plot.Ticker  = (*bars)(nil)
)

func newBars(groups []group, each int) *bars {
	b := &bars{groups: groups, each: each}
	var all []float64
	for _, g := range groups {
		for _, v := range g.values {
			if v > 0 {
				all = append(all, v)
			}
		}
	}
	least, most := slices.Min(all), slices.Max(all)
	b.highest = most * 1.12 // room for the value on top
	if b.log = most/least > logFrom; b.log {
		// The least bar keeps a body, and the tallest has as much room above on this scale.
		b.lowest, b.highest = least/2, most*1.6
	}
	return b
}

// Plot implements plot.Plotter.
func (b *bars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	groupWidth := (x(1) - x(0)) * 0.82
	width := groupWidth / vg.Length(b.each)
	for _, t := range b.Ticks(b.lowest, b.highest) {
		if t.Value > b.lowest {
			grid := draw.LineStyle{Color: color.Gray{0xdd}, Width: 0.5}
			c.StrokeLine2(grid, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
		}
	}
	value := style(b.labelSize(width), xfont.WeightNormal)
	value.XAlign, value.YAlign = text.XCenter, text.YBottom
	for g, gr := range b.groups {
		left := x(float64(g)) - groupWidth/2
		for i, v := range gr.values {
			at := left + vg.Length(i)*width
			if v <= 0 {
				continue
			}
			fill(c, palette[i%len(palette)], at+width*0.05, c.Min.Y, at+width*0.95, y(v))
			c.FillText(value, vg.Point{X: at + width/2, Y: y(v) + 2}, rate(v))
		}
	}
}

// Ticks implements plot.Ticker: round numbers, on a logarithmic axis 1, 2 and 5 of each power of ten.
func (b *bars) Ticks(least, most float64) []plot.Tick {
	var out []plot.Tick
	add := func(v float64) {
		if v >= least && v <= most {
			out = append(out, plot.Tick{Value: v, Label: tickLabel(v)})
		}
	}
	power := math.Pow10(int(math.Floor(math.Log10(most))))
	if b.log {
		for power = math.Pow10(int(math.Floor(math.Log10(least)))); power <= most; power *= 10 {
			add(power)
			add(2 * power)
			add(5 * power)
		}
		return out
	}
	step := power
	for _, part := range []float64{2, 5, 10} { // at least four steps
		if most/step < 4 {
			step = power / part
		}
	}
	for i := 0; float64(i)*step <= most; i++ {
		add(float64(i) * step)
	}
	return out
}

func tickLabel(v float64) string {
	if v >= 1000 {
		return thousands(v, 0)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// labelSize is the largest size of 9 points or less at which no value is wider than its bar.
func (b *bars) labelSize(width vg.Length) font.Length {
	for size := font.Length(9); size > 5.5; size -= 0.5 {
		s := style(size, xfont.WeightNormal)
		fits := true
		for _, g := range b.groups {
			for _, v := range g.values {
				fits = fits && s.Width(rate(v)) <= width*0.98
			}
		}
		if fits {
			return size
		}
	}
	return 5.5
}

func fill(c draw.Canvas, col color.Color, x0, y0, x1, y1 vg.Length) {
	c.FillPolygon(col, []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}})
}
