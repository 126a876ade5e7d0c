package cost

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
)

// steps gives steps as a calibration would run them, with the times that e takes
// for them, each wrong by up to the part noise.
func steps(e *Engine, noise float64) []Sample {
	random := rand.New(rand.NewPCG(1, 2))
	var samples []Sample
	add := func(items ...Item) {
		took := e.Step(items).Seconds() * (1 + noise*(2*random.Float64()-1))
		samples = append(samples, Sample{items, programs.Seconds(took)})
	}
	for _, from := range []programs.Tokens{0, 500, 2000, 6000} {
		for _, size := range []int{1, 2, 4, 8} {
			add(batch(size, from)...)
		}
		for _, count := range []programs.Tokens{8, 32, 64, 128} {
			add(Item{from, count})
			add(append(batch(4, 1000), Item{from, count})...)
		}
	}
	return samples
}

func TestFitRecoversAnEngine(t *testing.T) {
	for _, test := range []struct {
		noise, within float64
	}{{0, 1e-4}, {0.03, 0.2}} {
		truth := engine(t, "cpu-135m")
		base := Engine{Name: "fitted", TokenFlops: truth.TokenFlops, KVBytes: truth.KVBytes, Pool: 77, Model: Serial, WeightBytes: 5}
		got, dev, err := Fit(base, steps(truth, test.noise))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []struct {
			name      string
			got, want float64
		}{
			{"Flops", got.Flops, truth.Flops},
			{"AttnFlops", got.AttnFlops, truth.AttnFlops},
			{"Bandwidth", got.Bandwidth, truth.Bandwidth},
			{"Overhead", got.Overhead, truth.Overhead + truth.WeightBytes/truth.Bandwidth},
			{"ItemOverhead", got.ItemOverhead, truth.ItemOverhead},
		} {
			if math.Abs(p.got/p.want-1) > test.within {
				t.Errorf("noise %v: %s is %.4g, want %.4g", test.noise, p.name, p.got, p.want)
			}
		}
		if dev.Mean > test.noise/2+1e-6 || dev.Worst > 1.5*test.noise+1e-6 || dev.Mean > dev.Worst {
			t.Errorf("noise %v: deviation is %+v", test.noise, dev)
		}
		if got.Model != Sum || !got.Fitted || got.WeightBytes != 0 || got.Name != "fitted" || got.Pool != 77 {
			t.Errorf("noise %v: got %+v", test.noise, got)
		}
	}
}

// A rate that noise would make negative is zero, and the rest still fits.
func TestFitHasNoNegativeRate(t *testing.T) {
	truth := engine(t, "cpu-135m")
	truth.AttnFlops, truth.ItemOverhead = 0, 0
	for i := range 4 {
		samples := steps(truth, 0.05)
		for k := range samples {
			if len(samples[k].Items) > 1 {
				samples[k].Took -= samples[k].Took * programs.Duration(i) / 50
			}
		}
		got, dev, err := Fit(*truth, samples)
		if err != nil {
			t.Fatal(err)
		}
		if got.Overhead < 0 || got.ItemOverhead < 0 || got.AttnFlops < 0 || !(got.Flops > 0) || !(got.Bandwidth > 0) {
			t.Errorf("a rate is negative: %+v", got)
		}
		if dev.Mean > 0.1 {
			t.Errorf("deviation is %+v", dev)
		}
		if d := got.Step(batch(8, 4000)); d <= 0 {
			t.Errorf("a step takes %v", d)
		}
	}
}

func TestFitRefuses(t *testing.T) {
	truth := engine(t, "cpu-135m")
	var decodes []Sample
	for size := range 10 {
		items := batch(size+1, 100)
		decodes = append(decodes, Sample{items, truth.Step(items)})
	}
	bad := func(s Sample) []Sample { return append(steps(truth, 0), s) }
	for _, test := range []struct {
		name    string
		samples []Sample
		says    string
	}{
		{"none", nil, "0 are fewer"},
		{"decodes only", decodes, "vary each"},
		{"no time", bad(Sample{batch(1, 1), 0}), "took 0"},
		{"no items", bad(Sample{nil, 1}), "0 items"},
		{"no tokens", bad(Sample{[]Item{{5, 0}}, 1}), "runs 0 tokens"},
		{"negative context", bad(Sample{[]Item{{-5, 1}}, 1}), "behind -5"},
	} {
		_, _, err := Fit(*truth, test.samples)
		if !errors.Is(err, ErrSamples) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want ErrSamples with %q", test.name, err, test.says)
		}
	}
	if _, _, err := Fit(Engine{Name: "blank"}, steps(truth, 0)); err == nil || !strings.Contains(err.Error(), "blank") {
		t.Errorf("an engine without a model: error %v", err)
	}
}
