package node

import (
	"fmt"
	"math"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/kvpin/anchor"
	"github.com/interlude-run/interlude/runtime/core"
)

// check compares moved cells with what a step makes of them, by their values at one layer.
type check struct {
	item  int // of the step
	span  core.Span
	seq   engine.Seq
	cells []int
	moved []float32
	by    float64
}

// checksOf are those that an item asks for.
func checksOf(i int, item *core.Item) (checks []check) {
	for _, s := range item.Checks {
		c := check{item: i, span: s, seq: engine.Seq(item.Seq)}
		for k := range s.Count {
			c.cells = append(c.cells, int(s.From+k))
		}
		checks = append(checks, c)
	}
	return checks
}

// before reads the cells of the step's checks as they were moved, and after compares.
func (d *device) before(w *work) error {
	for i := range w.checks {
		kv, err := d.values(&w.checks[i])
		if err != nil {
			return err
		}
		w.checks[i].moved = kv
	}
	return nil
}

func (d *device) after(w *work) error {
	for i := range w.checks {
		c := &w.checks[i]
		now, err := d.values(c)
		if err != nil {
			return err
		}
		c.by = anchor.Deviation(now, c.moved)
	}
	return nil
}

func (d *device) values(c *check) ([]float32, error) {
	kv, err := d.engine.Read(c.seq, c.cells, anchor.CheckLayer(d.engine.Geometry().Layers))
	if err != nil {
		return nil, fmt.Errorf("check moved cells: %w", err)
	}
	return kv.V, nil
}

// strayed are the answers to a step's checks.
func (w *work) strayed(into []core.Strayed) []core.Strayed {
	for i := range w.checks {
		c := &w.checks[i]
		if !(c.by < math.MaxFloat64) {
			c.by = math.MaxFloat64 // logs hold no infinity
		}
		into = append(into, core.Strayed{Item: c.item, Span: c.span, By: c.by})
	}
	return into
}
