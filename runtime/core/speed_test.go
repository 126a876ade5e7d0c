package core

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// device is an engine as the machine sees it: steps take what its decodes take, or its
// prompts, whichever is more, and a part of the less beside.
type device struct {
	token, position float64 // seconds a prompt token, and for each 1000 tokens before it
	step, decode    float64 // seconds a step with decodes, and each decode
	hides           float64 // part of the less that is hidden behind the more
	link            float64 // seconds a byte to and from the host
}

var first = device{token: 1e-4, position: 1e-5, step: 0.02, decode: 1e-3, hides: 0.8, link: 1e-9}

func (d device) prompt(from, to programs.Tokens) float64 {
	mean := float64(from+to) / 2 / 1000
	return float64(to-from) * (d.token + d.position*mean)
}

// rounds lets the machine see n steps of each kind and n moves.
func (d device) rounds(s *speed, r *rand.Rand, n int) {
	for range n {
		noise := func(seconds float64) programs.Duration {
			return programs.Seconds(seconds * math.Exp(0.05*r.NormFloat64()))
		}
		from := programs.Tokens(r.IntN(30_000))
		prefill := Item{From: from, Count: 512}
		decodes := make([]Item, 1+r.IntN(16))
		for i := range decodes {
			decodes[i] = Item{From: 1000, Count: 1}
		}
		wait, compute := d.step+d.decode*float64(len(decodes)), d.prompt(from, from+512)

		s.stepped([]Item{prefill}, noise(compute))
		s.stepped(decodes, noise(wait))
		for _, count := range []programs.Tokens{64, 512} {
			prompt := Item{From: from, Count: count}
			compute := d.prompt(from, from+count)
			s.stepped(append(decodes, prompt), noise(wait+compute-d.hides*min(wait, compute)))
		}
		s.moved(kvpin.Host, 1<<20, noise(d.link*(1<<20)))
	}
}

// TestAChangedDeviceShowsWithinAHundredSamples: what the machine expects of prompts, at
// several lengths, of decodes, of steps with both, and of the way to the host is right
// within a quarter after a hundred samples of each, at first and after each change.
func TestAChangedDeviceShowsWithinAHundredSamples(t *testing.T) {
	slower := func(d device, by float64) device {
		return device{d.token * by, d.position * by, d.step * by, d.decode * by, d.hides, d.link}
	}
	for _, c := range []struct {
		name string
		then device
	}{
		{"the same", first},
		{"four times slower", slower(first, 4)},
		{"four times faster", slower(first, 0.25)},
		{"decodes twice as slow", device{first.token, first.position, 2 * first.step, 2 * first.decode, first.hides, first.link}},
		{"a slow way to the host", device{first.token, first.position, first.step, first.decode, first.hides, 8 * first.link}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, r := newSpeed(Rates{}, 512), rand.New(rand.NewPCG(1, 2))
			for _, d := range []device{first, c.then} {
				d.rounds(&s, r, 100)
				for _, from := range []programs.Tokens{0, 2000, 8000, 20_000} {
					near(t, "prompt", s.compute(from, from+512), d.prompt(from, from+512))
				}
				near(t, "decodes", s.decode.at(8, 8000), d.step+8*d.decode)
				near(t, "load", s.load(kvpin.Host, 1<<30), d.link*(1<<30))
			}
		})
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if ratio := got / want; math.IsNaN(ratio) || ratio < 0.75 || ratio > 1.25 {
		t.Errorf("%s: %.3g s, want %.3g", what, got, want)
	}
}

// TestStepsTakeInWhatHides: where prompts hide behind decodes, a step has about as much
// prompt as decodes; the less of them hides, the more it has.
func TestStepsTakeInWhatHides(t *testing.T) {
	decodes := make([]sched.Slice, 8)
	for i := range decodes {
		decodes[i] = sched.Slice{Program: &sched.Program{Cells: 1000}, Count: 1}
	}
	for _, c := range []struct{ hides, least, most float64 }{
		{1, 0.8, 1.2},
		{0.5, 1.3, 2.2},
		{0, 2.5, math.Inf(1)},
	} {
		d := first
		d.hides = c.hides
		s, r := newSpeed(Rates{}, 512), rand.New(rand.NewPCG(3, 4))
		d.rounds(&s, r, 400)
		s.mixed = 0 // no probe
		if got := s.Beside(decodes, 1) / (d.step + 8*d.decode); got < c.least || got > c.most {
			t.Errorf("%.1f hides, and a step takes %.2f of its decodes in prompt", c.hides, got)
		}
	}
}

// TestStepsAreFull where little hides, prompts pile up, and few turns decode beside them.
func TestStepsAreFull(t *testing.T) {
	for _, c := range []struct {
		hides            float64
		decodes, prompts int
		full             bool
	}{
		{0.5, 8, 2, true},
		{0.5, 9, 2, false},
		{0.5, 9, 3, true},
		{0.5, 1, 1, false},
		{1, 8, 2, false},
	} {
		d := first
		d.hides = c.hides
		s, r := newSpeed(Rates{}, 512), rand.New(rand.NewPCG(3, 4))
		d.rounds(&s, r, 400)
		s.mixed = 0 // no probe
		decodes := make([]sched.Slice, c.decodes)
		for i := range decodes {
			decodes[i] = sched.Slice{Program: &sched.Program{Cells: 1000}, Count: 1}
		}
		if full := math.IsInf(s.Beside(decodes, c.prompts), 1); full != c.full {
			t.Errorf("%.1f hides, %d decodes, %d prompts: full is %v", c.hides, c.decodes, c.prompts, full)
		}
	}
}

// TestOneInEightIsLate, and again soon after all have become slower, or faster.
func TestOneInEightIsLate(t *testing.T) {
	s, r := newSpeed(Rates{}, 512), rand.New(rand.NewPCG(5, 6))
	if s.Late(programs.Minute) {
		t.Error("a turn is late though none has ended")
	}
	for _, typical := range []float64{1, 10, 0.1} {
		late, all := 0, 5000
		for i := range all + 2000 {
			took := programs.Seconds(typical * math.Exp(r.NormFloat64()))
			if i >= 2000 && s.Late(took) { // until then it finds its way
				late++
			}
			s.first(took)
		}
		if part := float64(late) / float64(all); part < 0.105 || part > 0.145 {
			t.Errorf("%.3f of turns that take %.1f s are late", part, typical)
		}
	}
}
