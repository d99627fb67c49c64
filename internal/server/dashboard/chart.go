package dashboard

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// chart is a plot over time, as the template draws it: a picture, and a table
// of the same figures behind it.
type chart struct {
	ID, Title, Unit string
	Lines           []line
	Y, X            []tick
	Rows            []row
	Empty           bool
}

// line is one series. Lines differ in dashes and marks too, not in colour
// alone.
type line struct {
	Name, Class, Now string
	Path             string // Of an SVG path.
	Dots             []dot  // Points that stand alone.
}

type dot struct{ X, Y string }

type tick struct{ At, Label, Anchor string }

// row is a line of the table.
type row struct {
	At     time.Time
	Values []string
}

// The plot lies in a box of these units.
const (
	plotLeft, plotRight = 44.0, 352.0
	plotTop, plotBottom = 10.0, 132.0
	tableRows           = 24 // So much is read aloud at most.
)

// figures are what a chart is made from. A nil value is a gap.
type figures struct {
	id, title, unit string
	names           []string
	at              []time.Time
	values          [][]*float64 // By name, then by point.
	most            float64      // The top of the scale; 0: as the values want.
}

// draw lays a chart out.
func (f figures) draw() chart {
	top := f.most
	if top == 0 {
		top = niceTop(f.highest())
	}
	c := chart{ID: f.id, Title: f.title, Unit: f.unit, Empty: true}
	for i, name := range f.names {
		l := line{Name: name, Class: "s" + strconv.Itoa(i+1), Now: "–"}
		l.Path, l.Dots = f.path(f.values[i], top)
		for _, v := range f.values[i] {
			if v != nil {
				c.Empty, l.Now = false, number(*v)
			}
		}
		c.Lines = append(c.Lines, l)
	}
	for i := range 3 {
		share := float64(i) / 2
		c.Y = append(c.Y, tick{At: coord(plotBottom - share*(plotBottom-plotTop)), Label: number(share * top)})
	}
	c.X, c.Rows = f.ticks(), f.rows()
	return c
}

func (f figures) highest() float64 {
	most := 0.0
	for _, values := range f.values {
		for _, v := range values {
			if v != nil {
				most = max(most, *v)
			}
		}
	}
	return most
}

func (f figures) x(i int) float64 {
	if len(f.at) < 2 {
		return plotRight
	}
	return plotLeft + float64(i)/float64(len(f.at)-1)*(plotRight-plotLeft)
}

// path draws a series; it is broken where there is a gap, and a point between
// two gaps is a dot.
func (f figures) path(values []*float64, top float64) (string, []dot) {
	var b strings.Builder
	var dots []dot
	for i, v := range values {
		if v == nil {
			continue
		}
		x, y := coord(f.x(i)), coord(plotBottom-min(1, *v/top)*(plotBottom-plotTop))
		before, after := i > 0 && values[i-1] != nil, i+1 < len(values) && values[i+1] != nil
		switch {
		case before:
			fmt.Fprintf(&b, "L%s %s", x, y)
		case after:
			fmt.Fprintf(&b, "M%s %s", x, y)
		default:
			dots = append(dots, dot{x, y})
		}
	}
	return b.String(), dots
}

// ticks names the beginning, the middle and the end of the time.
func (f figures) ticks() []tick {
	if len(f.at) < 3 {
		return nil
	}
	layout := "15:04"
	if f.at[len(f.at)-1].Sub(f.at[0]) > 25*time.Hour {
		layout = "Jan 2"
	}
	var out []tick
	for n, i := range []int{0, len(f.at) / 2, len(f.at) - 1} {
		anchor := []string{"start", "middle", "end"}[n]
		out = append(out, tick{coord(f.x(i)), f.at[i].UTC().Format(layout), anchor})
	}
	return out
}

// rows are the newest figures, those that have any.
func (f figures) rows() []row {
	var out []row
	for i := len(f.at) - 1; i >= 0 && len(out) < tableRows; i-- {
		r, holds := row{At: f.at[i]}, false
		for _, values := range f.values {
			text := "–"
			if v := values[i]; v != nil {
				text, holds = number(*v), holds || *v != 0
			}
			r.Values = append(r.Values, text)
		}
		if holds {
			out = append(out, r)
		}
	}
	return out
}

// niceTop returns a round number over v for the top of a scale.
func niceTop(v float64) float64 {
	if v <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 4, 5, 10} {
		if v <= m*unit {
			return m * unit
		}
	}
	return 10 * unit
}

func coord(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// number writes a figure with three digits.
func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 1_000_000:
		return strconv.FormatFloat(math.Round(v/10_000)/100, 'f', -1, 64) + "M"
	case v >= 10_000:
		return strconv.FormatFloat(math.Round(v/100)/10, 'f', -1, 64) + "k"
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	default:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
}
