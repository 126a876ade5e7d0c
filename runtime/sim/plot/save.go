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
)

// Formats are the endings that a file's name may have.
var Formats = []string{".svg", ".png", ".pdf"}

// CheckFormat tells ahead of the work whether a figure can be written to the file.
func CheckFormat(path string) error {
	if ending := strings.ToLower(filepath.Ext(path)); !slices.Contains(Formats, ending) {
		return fmt.Errorf("draw %s: the file's name must end in %s", path, strings.Join(Formats, ", "))
	}
	return nil
}

// save writes the whole file or none of it.
func save(p *plot.Plot, width, height vg.Length, path string) error {
	if err := CheckFormat(path); err != nil {
		return err
	}
	w, err := p.WriterTo(width, height, strings.ToLower(filepath.Ext(path))[1:])
	if err != nil {
		return fmt.Errorf("draw %s: %w", path, err)
	}
	var out bytes.Buffer
	if _, err := w.WriteTo(&out); err != nil {
		return fmt.Errorf("draw %s: %w", path, err)
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
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
	p.Legend.TextStyle.Font.Size = vg.Points(9)
	p.Legend.Padding = vg.Points(2)
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
