package gpu

import (
	"errors"
	"testing"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// step runs one step of a single row whose cost depends on the threads.
func (p *pace) step(cost func(threads int) time.Duration) (threads int) {
	threads = p.next(1)
	p.took(1, cost(threads))
	return threads
}

// On a quiet machine all threads are used, but for a few probes.
func TestPaceOfAQuietMachine(t *testing.T) {
	p := newPace(4)
	fewer := 0
	for i := range 2000 {
		// Noise of a tenth, as machines have it.
		if p.step(func(n int) time.Duration { return time.Duration(1000/n+i%7*4) * time.Microsecond }) != 4 {
			fewer++
		}
	}
	if p.chosen != 4 || fewer > 20 {
		t.Errorf("%d threads are chosen of 4, and %d steps of 2000 were probes", p.chosen, fewer)
	}
}

// A neighbour takes one of two processors: two threads then cost three times
// what one does, now and then thirty times.
func contended(i *int) func(n int) time.Duration {
	return func(n int) time.Duration {
		*i++
		if n == 1 {
			return 11 * time.Millisecond
		}
		if *i%10 == 0 {
			return 150 * time.Millisecond
		}
		return time.Duration(25+*i%5*4) * time.Millisecond
	}
}

func quiet(n int) time.Duration { return 10 * time.Millisecond / time.Duration(n) }

func TestPaceWhenANeighbourComesAndGoes(t *testing.T) {
	p, i := newPace(2), 0
	for range 300 {
		p.step(quiet)
	}
	for range 600 {
		p.step(contended(&i))
	}
	if p.chosen != 1 {
		t.Errorf("beside a neighbour %d threads are chosen, want 1", p.chosen)
	}
	for range 2 * longestWait {
		p.step(quiet)
	}
	if p.chosen != 2 {
		t.Errorf("after the neighbour %d threads are chosen, want 2", p.chosen)
	}
}

// A node that starts beside a neighbour knows nothing better, and finds it within
// a few steps. What it then tries costs little.
func TestPaceThatBeginsBesideANeighbour(t *testing.T) {
	p, i := newPace(2), 0
	for range 12 {
		p.step(contended(&i))
	}
	if p.chosen != 1 {
		t.Fatalf("%d threads are chosen, want 1", p.chosen)
	}
	var total time.Duration
	const steps = 3000
	for range steps {
		p.step(func(n int) time.Duration {
			d := contended(&i)(n)
			total += d
			return d
		})
	}
	if mean := total / steps; mean > 12*time.Millisecond {
		t.Errorf("a step costs %v on average, one thread alone would take 11ms", mean)
	}
}

func TestPaceLeavesPrefillsAlone(t *testing.T) {
	p := newPace(2)
	for i := range 500 {
		if n := p.next(200); n != 2 {
			t.Fatalf("a prefill runs on %d threads", n)
		}
		p.took(200, time.Duration(i%9+1)*time.Second)
	}
}

// What is not a decode, or was not done, says nothing about decodes: an interrupted
// probe is no fast one.
func TestPaceLearnsFromDecodesThatWereDone(t *testing.T) {
	e := openSmall(t, synth.Options{}, Options{})
	lib := *e.lib
	e.lib = &lib
	var status ggml.Status
	lib.Compute = func(b ggml.Backend, g ggml.Graph) ggml.Status {
		if status == ggml.StatusSuccess {
			return fixture.Libraries(t).Compute(b, g)
		}
		return status
	}
	must(e.New(1) == nil && e.Reserve(1, 256) == nil && e.New(2) == nil && e.Reserve(2, 256) == nil, "no room for a test")
	step := func(n int) error {
		return e.Step([]engine.Item{{Seq: 1, Tokens: prompt(n, 1)}}, make([]engine.Output, 1))
	}
	silent := func(what string, err error) {
		t.Helper()
		if err != nil && !errors.Is(err, engine.ErrInterrupted) {
			t.Fatal(err)
		}
		if p := &e.threads.pace; p.usual != [pacedRows + 1]time.Duration{} || p.since != 0 || p.wins != 0 {
			t.Errorf("%s taught the pace: %+v", what, *p)
		}
	}
	silent("a short prefill", step(8))
	silent("a move of cells", e.Place(engine.Placement{Src: 1, From: 1, N: 4, Dst: 2}))
	silent("a patch", e.Step([]engine.Item{{Seq: 1, Tokens: prompt(2, 1), At: []int{3, 5}}}, make([]engine.Output, 1)))
	status = ggml.StatusAborted
	silent("an interrupted decode", step(1))
	status = ggml.StatusSuccess
	if err := step(1); err != nil || e.threads.pace.usual[1] == 0 {
		t.Errorf("a decode taught nothing (%v)", err)
	}
}
