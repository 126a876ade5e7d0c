package plot

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// LoadFigure is mean completion time over load, a curve for each policy.
type LoadFigure struct {
	Title  string
	Loads  []float64 // in any order, all above 0
	Curves []Curve   // all that differ in name, marked differently up to 28
	Bound  []float64 // that no policy stays below, a value for each load; nil for none
}

// Curve is a policy's, a value for each load, in seconds.
type Curve struct {
	Name string
	Mean []float64
	Half []float64 // of the confidence interval; nil for none
}

// Save draws the figure into a file. Times are on a logarithmic scale, which holds all
// means: an interval that reaches below it ends with it. The legend has the policies in
// the order in which their curves end, the slowest on top.
func (f *LoadFigure) Save(path string) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("draw %s: %w", path, err)
	}
	p := newPlot(f.Title, "load, of what the engine can do", "mean completion time, s")
	p.Add(grid())
	p.X.Padding = vg.Points(6)
	p.X.Tick.Marker = loadTicks(f.Loads)
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, decades{}
	p.Y.Min, p.Y.Max = f.scale()

	var entries []entry
	if f.Bound != nil {
		e, err := f.bound(p)
		if err != nil {
			return fmt.Errorf("draw %s: the bound: %w", path, err)
		}
		entries = append(entries, e)
	}
	for i := range f.Curves {
		e, err := f.curve(p, i)
		if err != nil {
			return fmt.Errorf("draw %s: %s: %w", path, f.Curves[i].Name, err)
		}
		entries = append(entries, e)
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(b.last, a.last) })
	for _, e := range entries {
		p.Legend.Add(e.name, e.marks...)
	}
	return save(p, 20*vg.Centimeter, 12*vg.Centimeter, path)
}

// entry is a curve's in the legend.
type entry struct {
	name  string
	last  float64 // value, at the highest load
	marks []plot.Thumbnailer
}

func (f *LoadFigure) bound(p *plot.Plot) (entry, error) {
	xy := f.points(f.Bound)
	line, err := plotter.NewLine(xy)
	if err != nil {
		return entry{}, err
	}
	line.Color, line.Width = color.Gray{0x60}, vg.Points(1)
	line.Dashes = []vg.Length{vg.Points(3), vg.Points(4)}
	p.Add(line)
	return entry{"lower bound", xy[len(xy)-1].Y, []plot.Thumbnailer{line}}, nil
}

func (f *LoadFigure) curve(p *plot.Plot, i int) (entry, error) {
	c := &f.Curves[i]
	xy := f.points(c.Mean)
	line, marks, err := plotter.NewLinePoints(xy)
	if err != nil {
		return entry{}, err
	}
	line.Color, marks.Color = palette[i%len(palette)], palette[i%len(palette)]
	line.Width, marks.Radius = vg.Points(1.5), vg.Points(3)
	line.Dashes, marks.Shape = dashes[i%len(dashes)], shapes[i%len(shapes)]
	if c.Half != nil {
		bars, err := plotter.NewYErrorBars(interval{xy, f.points(c.Half), p.Y.Min})
		if err != nil {
			return entry{}, err
		}
		bars.Color = line.Color
		p.Add(bars)
	}
	p.Add(line, marks)
	return entry{c.Name, xy[len(xy)-1].Y, []plot.Thumbnailer{line, marks}}, nil
}

// points pairs the values with their loads, the lowest load first.
func (f *LoadFigure) points(values []float64) plotter.XYs {
	xy := make(plotter.XYs, len(values))
	for i, v := range values {
		xy[i] = plotter.XY{X: f.Loads[i], Y: v}
	}
	slices.SortStableFunc(xy, func(a, b plotter.XY) int { return cmp.Compare(a.X, b.X) })
	return xy
}

// interval is a curve with its confidence intervals.
type interval struct {
	plotter.XYs
	half  plotter.XYs
	floor float64
}

// YError implements plotter.YErrorer.
func (v interval) YError(i int) (low, high float64) {
	mean, half := v.XYs[i].Y, v.half[i].Y
	return min(half, mean-v.floor), half
}

// scale gives the ends of the time axis: labelled ones, around all means, the bound and
// the upper ends of the intervals. Lower ends may lie at or below 0.
func (f *LoadFigure) scale() (low, high float64) {
	low, high = math.Inf(1), 0
	for _, v := range f.Bound {
		low, high = min(low, v), max(high, v)
	}
	for i := range f.Curves {
		c := &f.Curves[i]
		for j, v := range c.Mean {
			low, high = min(low, v), max(high, v)
			if c.Half != nil {
				high = max(high, v+c.Half[j])
			}
		}
	}
	return labelBelow(low), labelAbove(high)
}

// The times that the axis can hold, in seconds.
const shortest, longest = 1e-6, 1e12

func (f *LoadFigure) check() error {
	if len(f.Loads) == 0 || len(f.Curves) == 0 {
		return fmt.Errorf("%d loads and %d policies: nothing to draw", len(f.Loads), len(f.Curves))
	}
	for _, v := range f.Loads {
		if !(v > 0) || math.IsInf(v, 0) {
			return fmt.Errorf("a load of %v: it must be above 0 and finite", v)
		}
	}
	if f.Bound != nil {
		if err := f.series("the bound", f.Bound, shortest); err != nil {
			return err
		}
	}
	names := map[string]bool{}
	for i := range f.Curves {
		c := &f.Curves[i]
		if c.Name == "" || names[c.Name] {
			return fmt.Errorf("policy %d has the name %q: each must have its own", i+1, c.Name)
		}
		names[c.Name] = true
		if err := f.series(c.Name, c.Mean, shortest); err != nil {
			return err
		}
		if c.Half != nil {
			if err := f.series(c.Name+"'s interval", c.Half, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *LoadFigure) series(name string, values []float64, least float64) error {
	if len(values) != len(f.Loads) {
		return fmt.Errorf("%s has %d values for %d loads", name, len(values), len(f.Loads))
	}
	for i, v := range values {
		if !(v >= least && v <= longest) {
			return fmt.Errorf("%s has the value %v at load %v: it must be from %v to %v s", name, v, f.Loads[i], least, longest)
		}
	}
	return nil
}

// Seven colours and shapes and four dashes: it takes 28 policies to repeat all three.
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
