package node

import (
	"slices"
	"sync"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/gputest"
	"github.com/interlude-run/interlude/kvpin"
)

// noted is an engine that writes down which calls are made of it.
type noted struct {
	*gputest.Fake
	calls []string
	sizes []int // of what was loaded
}

func (n *noted) Step(items []engine.Item, out []engine.Output) error {
	n.calls = append(n.calls, "step")
	return n.Fake.Step(items, out)
}

func (n *noted) Load(seq engine.Seq, saved engine.Saved) error {
	n.calls, n.sizes = append(n.calls, "load"), append(n.sizes, saved.Cells)
	return n.Fake.Load(seq, saved)
}

// TestWhatIsAheadLetsStepsGoOn has steps follow each other while cells come back that no
// turn waits for: no step waits for more than one small piece of them.
func TestWhatIsAheadLetsStepsGoOn(t *testing.T) {
	g := gputest.Small()
	g.PoolBytes = 4096 * g.CellBytes
	e := &noted{Fake: gputest.NewFake(g)}

	// Cells to bring back: those of sequence 1, which are saved and let go.
	const cells = 40
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, seq := range []engine.Seq{1, 2} {
		must(e.New(seq))
		must(e.Reserve(seq, cells+20))
	}
	tokens := slices.Repeat([]engine.Token{5}, cells)
	must(e.Step([]engine.Item{{Seq: 1, Tokens: tokens}}, make([]engine.Output, 1)))
	data, err := e.Save(1, 0, cells)
	must(err)
	must(e.Truncate(1, 0))
	must(e.Reserve(1, cells))
	e.calls = nil

	m := &move{seq: 1, from: kvpin.Host, to: kvpin.Device, last: cells, ahead: true, pieces: split([]engine.Saved{data}, 4)}
	const steps = cells/4 + 3
	d := newDevice(e)
	d.work, d.done = make(chan *work, steps), make(chan *work, steps) // a step is there whenever one is over, as under load
	for range steps {
		d.work <- &work{items: []engine.Item{{Seq: 2, Tokens: []engine.Token{7}}}, outputs: make([]engine.Output, 1)}
	}
	d.moves = []*move{m}
	var gone sync.WaitGroup
	gone.Go(d.run)
	must((<-d.moved).err)
	for range steps {
		must((<-d.done).err)
	}
	d.stop()
	gone.Wait()

	loads := 0
	for i, c := range e.calls {
		if c != "load" {
			continue
		}
		loads++
		if i > 0 && e.calls[i-1] == "load" {
			t.Errorf("two pieces between two steps: %q", e.calls)
			break
		}
	}
	if loads != cells/4 || slices.Max(e.sizes) > 4 {
		t.Errorf("%d pieces of at most %d cells, want %d of 4", loads, slices.Max(e.sizes), cells/4)
	}
	if got := e.Tokens(1); !slices.Equal(got, tokens) {
		t.Errorf("%d cells came back, not the %d that left", len(got), cells)
	}
}
