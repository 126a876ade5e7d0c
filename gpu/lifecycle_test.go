package gpu

import (
	"errors"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// An Open that fails at its very last part gives no engine to call.
func TestOpenThatFailsReturnsNoEngine(t *testing.T) {
	lib := fixture.Libraries(t)
	compute := lib.Compute
	t.Cleanup(func() { lib.Compute = compute })
	lib.Compute = func(ggml.Backend, ggml.Graph) ggml.Status { return ggml.StatusFailed }
	e, err := Open(Options{Libraries: lib.Dir, Device: "cpu", Model: synth.File(t, lib, synth.Options{}), Weights: "file", Threads: 1, KVBytes: 16 << 20})
	if e != nil || !errors.Is(err, engine.ErrBroken) {
		t.Errorf("engine %p, error %v; want none and what broke it", e, err)
	}
}

// everyCall is what an engine that can do nothing answers, call by call.
func everyCall(e *Engine) map[string]error {
	second := func(_ any, err error) error { return err }
	return map[string]error{
		"new":          e.New(9),
		"reserve":      e.Reserve(1, 8),
		"fork":         e.Fork(1, 8, 0),
		"truncate":     e.Truncate(1, 0),
		"release":      e.Release(1),
		"set sampling": e.SetSampling(1, engine.Sampling{}, nil),
		"step":         e.Step([]engine.Item{{Seq: 1, Tokens: prompt(1, 1)}}, make([]engine.Output, 1)),
		"save":         second(e.Save(1, 0, 1)),
		"load":         e.Load(1, engine.Saved{Data: make([]byte, e.geo.CellBytes), Cells: 1}),
		"read":         second(e.Read(1, []int{0})),
		"place":        e.Place(engine.Placement{Src: 1, N: 1, Dst: 2}),
		"check":        e.Check(),
	}
}

func TestCallsOfAnEngineThatIsNoMore(t *testing.T) {
	open := func() *Engine {
		e := openSmall(t, synth.Options{}, Options{})
		must(e.New(1) == nil && e.Reserve(1, 64) == nil && e.New(2) == nil && e.Reserve(2, 64) == nil, "no room for a test")
		if err := e.Step([]engine.Item{{Seq: 1, Tokens: prompt(3, 1)}}, make([]engine.Output, 1)); err != nil {
			t.Fatal(err)
		}
		return e
	}
	closed, broken := open(), open()
	if err := errors.Join(closed.Close(), closed.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	lib := *broken.lib
	lib.Compute = func(ggml.Backend, ggml.Graph) ggml.Status { return ggml.StatusFailed }
	broken.lib = &lib
	if err := broken.Step([]engine.Item{{Seq: 1, Tokens: prompt(1, 1)}}, make([]engine.Output, 1)); !errors.Is(err, engine.ErrBroken) {
		t.Errorf("the step of a device that fails gave %v", err)
	}
	for name, e := range map[string]*Engine{"closed": closed, "broken": broken} {
		for what, err := range everyCall(e) {
			if !errors.Is(err, engine.ErrBroken) {
				t.Errorf("%s: %s gave %v", name, what, err)
			}
		}
		if e.Len(1) != -1 || e.Capacity(1) != -1 || e.Memory() != (engine.Memory{}) {
			t.Errorf("%s: %d cells of %d, memory %+v", name, e.Len(1), e.Capacity(1), e.Memory())
		}
		e.Interrupt()
		e.Sleep()
		e.Wake()
	}
}

// Go hands a thread from one goroutine to the next: none may keep the priority
// that steps have given it.
func TestPrioritiesAreGivenBack(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	raised := func() (n int) {
		tasks, err := filepath.Glob("/proc/self/task/*")
		if err != nil || len(tasks) == 0 {
			t.Skip("the system does not tell its threads")
		}
		for _, task := range tasks {
			tid, _ := strconv.Atoi(filepath.Base(task))
			if nice, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err == nil && 20-nice == raisedNice {
				n++
			}
		}
		return n
	}
	before := raised()
	e := openSmall(t, synth.Options{}, Options{}) // of one thread: the pool has no other
	if !e.threads.raised {
		t.Skip("this process may not raise priorities")
	}
	if n := raised(); n != before {
		t.Errorf("Open leaves %d threads raised", n-before)
	}
	must(e.New(1) == nil && e.Reserve(1, 64) == nil, "no room for a test")
	if err := e.Step([]engine.Item{{Seq: 1, Tokens: prompt(3, 1)}}, make([]engine.Output, 1)); err != nil {
		t.Fatal(err)
	}
	if n := raised(); n != before+1 {
		t.Errorf("a step raises %d threads, not its own", n-before)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if n := raised(); n != before {
		t.Errorf("Close leaves %d threads raised", n-before)
	}
}
