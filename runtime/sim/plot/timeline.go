package plot

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/interlude-run/interlude/programs"
)

// MaxRows is the most rows that a timeline has.
const MaxRows = 60

// Timeline is programs over time, a row each, the first on top.
type Timeline struct {
	Title string
	Rows  []Row
}

// Row is a program.
type Row struct {
	Name  string
	Spans []Span // in order, none overlapping
}

// Span is a stretch of a program's time.
type Span struct {
	From, To programs.Time
	State    State
}

// State is what a program does in a span.
type State uint8

// The states.
const (
	Waiting State = iota // a turn waits for memory
	Loading              // its cells come back from a lower tier
	Prefill
	Decode
	Pinned  // a tool runs, and all cells are on the device
	Partly  // a tool runs, and some are
	Dropped // a tool runs, and none are
	states
)

var stateNames = [states]string{
	"turn waits", "cells come back", "prefill", "decode", "tool, cells kept", "tool, cells partly kept", "tool, cells gone",
}

var stateColours = [states]color.Color{
	palette[1], palette[3], palette[4], palette[0],
	color.RGBA{0x8f, 0xd0, 0xb5, 0xff}, color.RGBA{0xc4, 0xe4, 0xd6, 0xff}, color.Gray{0xd8},
}

// String names the state.
func (s State) String() string { return stateNames[s] }

// Save draws the timeline into a file.
func (t *Timeline) Save(path string) error {
	if err := t.check(); err != nil {
		return fmt.Errorf("draw %s: %w", path, err)
	}
	p := newPlot(t.Title, "time, s", "")
	rows := bars{rows: t.Rows, unit: 1}
	if rows.end() > 10*60 {
		rows.unit, p.X.Label.Text = 60, "time, min"
	}
	p.Add(rows)
	p.Y.Min, p.Y.Max = 0, float64(len(t.Rows))
	p.Y.Tick.Marker = rows
	p.Y.Tick.Length = 0
	p.Y.Tick.Label.Font.Size = vg.Points(7)
	p.Legend.Top, p.Legend.Left, p.Legend.YOffs = true, true, vg.Points(4)
	for s := range states {
		if rows.has(s) {
			p.Legend.Add(s.String(), swatch{stateColours[s]})
		}
	}
	p.Legend.Top = false
	height := vg.Length(len(t.Rows))*0.32*vg.Centimeter + 5.5*vg.Centimeter
	// The legend has its place below the rows.
	p.Y.Min = -float64(len(t.Rows)) * float64(2.9*vg.Centimeter/(height-2.9*vg.Centimeter))
	return save(p, 20*vg.Centimeter, height, path)
}

func (t *Timeline) check() error {
	switch {
	case len(t.Rows) == 0:
		return fmt.Errorf("no programs: nothing to draw")
	case len(t.Rows) > MaxRows:
		return fmt.Errorf("%d programs: %d can be shown at most", len(t.Rows), MaxRows)
	}
	for i := range t.Rows {
		last := programs.Time(0)
		for _, s := range t.Rows[i].Spans {
			if s.From < last || s.To < s.From || s.State >= states {
				return fmt.Errorf("%s has a span of state %d from %v to %v, after %v", t.Rows[i].Name, s.State, s.From, s.To, last)
			}
			last = s.To
		}
	}
	return nil
}

// bars draws the rows; it is their axis too.
type bars struct {
	rows []Row
	unit float64 // seconds on the time axis
}

// Plot implements plot.Plotter.
func (b bars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for i := range b.rows {
		top := float64(len(b.rows) - i)
		low, high := y(top-0.85), y(top-0.15)
		for _, s := range b.rows[i].Spans {
			from, to := x(b.at(s.From)), x(b.at(s.To))
			to = max(to, from+vg.Points(0.3)) // what is short is seen still
			c.FillPolygon(stateColours[s.State], []vg.Point{{X: from, Y: low}, {X: to, Y: low}, {X: to, Y: high}, {X: from, Y: high}})
		}
	}
}

// DataRange implements plot.DataRanger.
func (b bars) DataRange() (xmin, xmax, ymin, ymax float64) {
	return 0, b.end() / b.unit, 0, float64(len(b.rows))
}

// Ticks implements plot.Ticker: the names of the rows.
func (b bars) Ticks(_, _ float64) (ticks []plot.Tick) {
	for i := range b.rows {
		ticks = append(ticks, plot.Tick{Value: float64(len(b.rows)-i) - 0.5, Label: b.rows[i].Name})
	}
	return ticks
}

func (b bars) at(t programs.Time) float64 { return programs.Duration(t).Seconds() / b.unit }

// end is the last moment, in seconds.
func (b bars) end() (seconds float64) {
	for i := range b.rows {
		for _, s := range b.rows[i].Spans {
			seconds = max(seconds, programs.Duration(s.To).Seconds())
		}
	}
	return seconds
}

func (b bars) has(state State) bool {
	for i := range b.rows {
		for _, s := range b.rows[i].Spans {
			if s.State == state {
				return true
			}
		}
	}
	return false
}

// swatch is a state's colour in the legend.
type swatch struct{ colour color.Color }

// Thumbnail implements plot.Thumbnailer.
func (s swatch) Thumbnail(c *draw.Canvas) {
	c.FillPolygon(s.colour, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
}

var (
	_ plot.Plotter     = bars{}
	_ plot.DataRanger  = bars{}
	_ plot.Ticker      = bars{}
	_ plot.Thumbnailer = swatch{}
	_ plotter.XYer     = interval{}
)
