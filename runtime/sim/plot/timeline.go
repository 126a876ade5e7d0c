package plot

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
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

// looks are in the order of the states. Work has strong colours; a tool's gap is pale, and
// the lower the less is kept.
var looks = [states]look{
	{palette[1], 1}, {palette[3], 1}, {palette[4], 1}, {palette[0], 1},
	{color.RGBA{0x8f, 0xd0, 0xb5, 0xff}, 1}, {color.RGBA{0xa9, 0xdb, 0xc7, 0xff}, 0.5}, {color.Gray{0xa0}, 0.15},
}

// look is how a state is drawn.
type look struct {
	colour color.Color
	height float64 // of the row's bar
}

// Thumbnail implements plot.Thumbnailer.
func (l look) Thumbnail(c *draw.Canvas) {
	middle, half := (c.Min.Y+c.Max.Y)/2, (c.Max.Y-c.Min.Y)*vg.Length(l.height)/2
	c.FillPolygon(l.colour, box(c.Min.X, c.Max.X, middle-half, middle+half))
}

func box(left, right, low, high vg.Length) []vg.Point {
	return []vg.Point{{X: left, Y: low}, {X: right, Y: low}, {X: right, Y: high}, {X: left, Y: high}}
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
	p.X.Min, p.X.Max = 0, rows.end()/rows.unit
	p.Y.Min, p.Y.Max = 0, float64(len(t.Rows))
	p.Y.Tick.Marker = rows
	p.Y.Tick.Length = 0
	p.Y.Tick.Label.Font.Size = vg.Points(8)
	for s := range states {
		if rows.has(s) {
			p.Legend.Add(s.String(), looks[s])
		}
	}
	height := vg.Length(len(t.Rows))*0.4*vg.Centimeter + 3*vg.Centimeter
	return save(p, 24*vg.Centimeter, max(height, 6.5*vg.Centimeter), path)
}

func (t *Timeline) check() error {
	switch {
	case len(t.Rows) == 0:
		return fmt.Errorf("no programs: nothing to draw")
	case len(t.Rows) > MaxRows:
		return fmt.Errorf("%d programs: %d can be shown at most", len(t.Rows), MaxRows)
	}
	drawn := false
	for i := range t.Rows {
		last := programs.Time(0)
		for _, s := range t.Rows[i].Spans {
			if s.From < last || s.To < s.From || s.State >= states {
				return fmt.Errorf("%s has a span of state %d from %v to %v, after %v", t.Rows[i].Name, s.State, s.From, s.To, last)
			}
			last, drawn = s.To, true
		}
	}
	if !drawn {
		return fmt.Errorf("no program has a span: nothing to draw")
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
		middle := b.middle(i)
		for _, s := range b.rows[i].Spans {
			look := looks[s.State]
			from, to := x(b.at(s.From)), x(b.at(s.To))
			to = max(to, from+vg.Points(0.3)) // what is short is seen still
			c.FillPolygon(look.colour, box(from, to, y(middle-0.35*look.height), y(middle+0.35*look.height)))
		}
	}
}

// Ticks implements plot.Ticker: the names of the rows.
func (b bars) Ticks(_, _ float64) (ticks []plot.Tick) {
	for i := range b.rows {
		ticks = append(ticks, plot.Tick{Value: b.middle(i), Label: shorten(b.rows[i].Name)})
	}
	return ticks
}

// middle is the row's height on the axis, where the first row is on top.
func (b bars) middle(row int) float64 { return float64(len(b.rows)-row) - 0.5 }

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

// shorten leaves of a long name its ends, which tell names apart.
func shorten(name string) string {
	const ends = 12
	if r := []rune(name); len(r) > 2*ends+1 {
		return string(r[:ends]) + "…" + string(r[len(r)-ends:])
	}
	return name
}
