package plot

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Formats are the endings that a file's name may have.
var Formats = []string{".svg", ".png", ".pdf"}

// CheckFormat tells ahead of the work whether a figure can be written to the file.
func CheckFormat(path string) error {
	if !slices.Contains(Formats, ending(path)) {
		return fmt.Errorf("draw %s: the file's name must end in %s", path, strings.Join(Formats, ", "))
	}
	return nil
}

func ending(path string) string { return strings.ToLower(filepath.Ext(path)) }

// save draws the plot, with its legend beside it, and then touches the file.
func save(p *plot.Plot, width, height vg.Length, path string) error {
	if err := CheckFormat(path); err != nil {
		return err
	}
	paper, err := newPaper(width, height, ending(path))
	if err != nil {
		return fmt.Errorf("draw %s: %w", path, err)
	}
	lay(p, draw.NewCanvas(paper, width, height))
	var out bytes.Buffer
	if _, err := paper.WriteTo(&out); err != nil {
		return fmt.Errorf("draw %s: %w", path, err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	return nil
}

func newPaper(width, height vg.Length, ending string) (vg.CanvasWriterTo, error) {
	if ending == ".png" { // at twice the default, which is coarse on today's screens
		return vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(192))}, nil
	}
	return draw.NewFormattedCanvas(width, height, ending[1:])
}

// lay puts the legend to the right of the plot, where it covers nothing.
func lay(p *plot.Plot, c draw.Canvas) {
	const margin = 0.4 * vg.Centimeter
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)

	legend := p.Legend
	p.Legend = plot.NewLegend()
	wide := legend.Rectangle(c).Size().X
	p.Draw(draw.Crop(c, 0, -wide-2*margin, 0, 0))
	below := margin // the title, if there is one
	if p.Title.Text != "" {
		below += p.Title.TextStyle.Height(p.Title.Text)
	}
	legend.Draw(draw.Crop(c, c.Size().X-wide, 0, 0, -below))
}

// newPlot has what both figures share.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	for _, f := range []*font.Font{
		&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font,
		&p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font,
	} {
		size := f.Size
		*f = sans
		f.Size = size
	}
	p.Title.Padding = vg.Points(8)
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.TextStyle.Font.Size = vg.Points(10)
	p.Legend.Padding = vg.Points(4)
	p.Legend.ThumbnailWidth = vg.Points(30)
	return p
}

// The colours of Okabe and Ito, which people with any common colour blindness tell
// apart, in an order in which neighbours differ most.
var palette = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, // blue
	color.RGBA{0xd5, 0x5e, 0x00, 0xff}, // vermilion
	color.RGBA{0x00, 0x9e, 0x73, 0xff}, // bluish green
	color.RGBA{0xcc, 0x79, 0xa7, 0xff}, // reddish purple
	color.RGBA{0xe6, 0x9f, 0x00, 0xff}, // orange
	color.RGBA{0x56, 0xb4, 0xe9, 0xff}, // sky blue
	color.RGBA{0x00, 0x00, 0x00, 0xff}, // black
}
