package plot

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// LoadFigure is mean completion time over load, a curve for each policy.
type LoadFigure struct {
	Title  string
	Loads  []float64
	Curves []Curve
	Bound  []float64 // that no policy stays below; nil for none
}

// Curve is a policy's, a value for each load, in seconds.
type Curve struct {
	Name string
	Mean []float64
	Half []float64 // of the confidence interval; nil for none
}

// Save draws the figure into a file. Times are on a logarithmic scale.
func (f *LoadFigure) Save(path string) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("draw %s: %w", path, err)
	}
	p := newPlot(f.Title, "load, of what the engine can do", "mean completion time, s")
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, decades{}
	p.Add(grid())
	p.Legend.Left, p.Legend.Top = true, true
	for i := range f.Curves {
		if err := f.curve(p, i); err != nil {
			return fmt.Errorf("draw %s: %s: %w", path, f.Curves[i].Name, err)
		}
	}
	if f.Bound != nil {
		line, err := plotter.NewLine(f.points(f.Bound))
		if err != nil {
			return fmt.Errorf("draw %s: %w", path, err)
		}
		line.Color, line.Width = color.Gray{0x60}, vg.Points(1)
		line.Dashes = []vg.Length{vg.Points(2), vg.Points(3)}
		p.Add(line)
		p.Legend.Add("no policy is below", line)
	}
	p.X.Padding = vg.Points(6)
	p.X.Tick.Marker = at(f.Loads)
	return save(p, 17*vg.Centimeter, 12*vg.Centimeter, path)
}

func (f *LoadFigure) curve(p *plot.Plot, i int) error {
	c := &f.Curves[i]
	xy := f.points(c.Mean)
	line, marks, err := plotter.NewLinePoints(xy)
	if err != nil {
		return err
	}
	line.Color, marks.Color = palette[i%len(palette)], palette[i%len(palette)]
	line.Width, marks.Radius = vg.Points(1.5), vg.Points(3)
	line.Dashes, marks.Shape = dashes[i%len(dashes)], shapes[i%len(shapes)]
	if c.Half != nil {
		bars, err := plotter.NewYErrorBars(interval{xy, c})
		if err != nil {
			return err
		}
		bars.Color = line.Color
		p.Add(bars)
	}
	p.Add(line, marks)
	p.Legend.Add(c.Name, line, marks)
	return nil
}

func (f *LoadFigure) points(values []float64) plotter.XYs {
	xy := make(plotter.XYs, len(values))
	for i, v := range values {
		xy[i] = plotter.XY{X: f.Loads[i], Y: v}
	}
	return xy
}

// interval is a curve with its confidence intervals, which end above 0.
type interval struct {
	plotter.XYs
	curve *Curve
}

// YError implements plotter.YErrorer.
func (v interval) YError(i int) (low, high float64) {
	half := v.curve.Half[i]
	return min(half, 0.9*v.curve.Mean[i]), half
}

func (f *LoadFigure) check() error {
	if len(f.Loads) == 0 || len(f.Curves) == 0 {
		return fmt.Errorf("%d loads and %d policies: nothing to draw", len(f.Loads), len(f.Curves))
	}
	if f.Bound != nil {
		if err := f.series("the bound", f.Bound, true); err != nil {
			return err
		}
	}
	for i := range f.Curves {
		c := &f.Curves[i]
		if err := f.series(c.Name, c.Mean, true); err != nil {
			return err
		}
		if c.Half != nil {
			if err := f.series(c.Name+"'s interval", c.Half, false); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *LoadFigure) series(name string, values []float64, positive bool) error {
	if len(values) != len(f.Loads) {
		return fmt.Errorf("%s has %d values for %d loads", name, len(values), len(f.Loads))
	}
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 || positive && v == 0 {
			return fmt.Errorf("%s has the value %v", name, v)
		}
	}
	return nil
}

var dashes = [][]vg.Length{
	nil,
	{vg.Points(6), vg.Points(2)},
	{vg.Points(2), vg.Points(2)},
	{vg.Points(8), vg.Points(2), vg.Points(2), vg.Points(2)},
}

var shapes = []draw.GlyphDrawer{
	draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}, draw.RingGlyph{}, draw.PyramidGlyph{}, draw.PlusGlyph{},
}

func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = color.Gray{0xe0}, color.Gray{0xe0}
	return g
}

// at labels the values.
type at []float64

// Ticks implements plot.Ticker.
func (a at) Ticks(_, _ float64) (ticks []plot.Tick) {
	for _, v := range a {
		ticks = append(ticks, plot.Tick{Value: v, Label: fmt.Sprintf("%g", v)})
	}
	return ticks
}

// decades labels 1, 2 and 5 of each power of ten.
type decades struct{}

// Ticks implements plot.Ticker.
func (decades) Ticks(low, high float64) (ticks []plot.Tick) {
	for power := math.Floor(math.Log10(low)); power <= math.Ceil(math.Log10(high)); power++ {
		for n := 1; n < 10; n++ {
			value := float64(n) * math.Pow(10, power)
			if value < low || value > high {
				continue
			}
			t := plot.Tick{Value: value}
			if n == 1 || n == 2 || n == 5 {
				t.Label = fmt.Sprintf("%g", value)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}
