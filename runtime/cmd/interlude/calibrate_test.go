package main

import (
	"math/rand/v2"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/sim/cost"
)

// TestCalibrateFindsTheEngine gives it steps that a known engine took, twice as fast as
// the shipped one and off by up to a tenth.
func TestCalibrateFindsTheEngine(t *testing.T) {
	truth, err := cost.ByName("cpu-135m")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	var samples []cost.Sample
	for range 120 {
		items := shapeOf(random, 3000)
		took := truth.Step(items).Seconds() / 2 * (0.9 + 0.2*random.Float64())
		samples = append(samples, cost.Sample{Items: items, Took: programs.Seconds(took)})
	}
	c, err := calibrate(samples, engine.Geometry{CellBytes: int64(truth.KVBytes)})
	if err != nil {
		t.Fatal(err)
	}
	if c.Speed < 1.9 || c.Speed > 2.1 {
		t.Errorf("the shipped engine is %.2f times as slow, want 2", c.Speed)
	}
	if c.Fitted.MeanError > 0.1 || c.Scaled.MeanError > 0.1 || c.Shipped.MeanError < 0.8 {
		t.Errorf("errors: fitted %.2f, scaled %.2f, shipped %.2f", c.Fitted.MeanError, c.Scaled.MeanError, c.Shipped.MeanError)
	}
	if want := 2 / truth.Decode(512).Seconds(); c.Fitted.Decode1 < want*0.9 || c.Fitted.Decode1 > want*1.1 {
		t.Errorf("decodes %.0f tokens/s, want %.0f", c.Fitted.Decode1, want)
	}
}

// TestShapesOfSteps are legal and differ in all that a fit tells apart.
func TestShapesOfSteps(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	sizes, chunks := map[int]bool{}, 0
	for range 500 {
		items := shapeOf(random, 2000)
		sizes[len(items)] = true
		total := programs.Tokens(0)
		for i, it := range items {
			if it.From < 1 || it.From > 2000 || it.Count < 1 || it.Count > 1 && i != len(items)-1 {
				t.Fatalf("%+v", items)
			}
			if total += it.Count; it.Count > 1 {
				chunks++
			}
		}
		if total > 128 {
			t.Fatalf("a step of %d tokens", total)
		}
	}
	if len(sizes) < 8 || chunks < 100 {
		t.Errorf("%d sizes, %d chunks", len(sizes), chunks)
	}
}
