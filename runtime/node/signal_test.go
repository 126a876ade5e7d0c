package node_test

import (
	"errors"
	"testing"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/sdk/wire"
)

// signalled sends a signal after a turn of a program.
func (r *rig) signalled(program string, turn int64, s wire.Signal) (*wire.SignalAck, error) {
	r.Helper()
	return r.node.Signal(r.Context(), wire.ID{Tenant: "t", Program: program, Turn: turn}, &s)
}

// heardBy collects the signals that reach the core.
func heardBy(into *[]any) func(*stage) {
	return func(s *stage) {
		s.Observe = func(_ programs.Time, ev core.Event, _ []core.Effect) {
			switch e := ev.(type) {
			case *core.ToolStarted:
				*into = append(*into, *e)
			case *core.ToolProgress:
				*into = append(*into, *e)
			case *core.ContextRewritten:
				*into = append(*into, *e)
			case *core.ProgramEnded:
				*into = append(*into, *e)
			}
		}
	}
}

// TestSignals change what a program's cache is worth, while it waits.
func TestSignals(t *testing.T) {
	var heard []any
	play(t, heardBy(&heard), func(r *rig) {
		r.finished(r.ask("p", 1, "hi"))
		soon, err := r.signalled("p", 1, wire.Signal{Calls: []wire.ToolHint{{Name: "ls", ExpectedMS: 100}}})
		if err != nil || soon == nil || soon.Pin == nil {
			r.Fatalf("a tool that started: %+v, %v", soon, err)
		}
		late, err := r.signalled("p", 1, wire.Signal{Progress: &wire.Progress{ExpectedMS: 3_600_000}})
		if err != nil || late == nil || late.Pin == nil {
			r.Fatalf("its progress: %+v, %v", late, err)
		}
		if late.Pin.ExpectedMS <= soon.Pin.ExpectedMS || late.Pin.TTLMS > soon.Pin.TTLMS {
			r.Errorf("pins %+v, and when it takes longer %+v", soon.Pin, late.Pin)
		}
		if _, err := r.signalled("p", 1, wire.Signal{Calls: []wire.ToolHint{
			{Name: "bash", Arguments: `{"command":"git status"}`, ExpectedMS: 50}, {Name: "wait", ExpectedMS: 700}, {Human: true, ExpectedMS: 60},
		}}); err != nil {
			r.Error(err)
		}
		if _, err := r.signalled("p", 1, wire.Signal{Calls: []wire.ToolHint{{Name: "ls", ExpectedMS: 50}, {Name: "unknown"}}}); err != nil {
			r.Error(err)
		}
		r.finished(r.ask("p", 2, "more"))
	})
	want := []any{
		core.ToolStarted{Program: "t/p", Call: core.Call{Tool: "ls", Expected: 100 * programs.Millisecond}},
		core.ToolProgress{Program: "t/p", Expected: programs.Hour},
		core.ToolStarted{Program: "t/p", Call: core.Call{Tool: "git+wait", Class: "status", Human: true, Expected: 700 * programs.Millisecond}},
		core.ToolStarted{Program: "t/p", Call: core.Call{Tool: "ls+unknown"}},
	}
	if len(heard) != len(want) {
		t.Fatalf("heard %v", heard)
	}
	for i := range want {
		if heard[i] != want[i] {
			t.Errorf("heard %+v, want %+v", heard[i], want[i])
		}
	}
}

// TestSignalsThatHelpNothing change nothing, and say so.
func TestSignalsThatHelpNothing(t *testing.T) {
	var heard []any
	play(t, heardBy(&heard), func(r *rig) {
		running := r.ask("p", 1, "hi")
		ls := wire.Signal{Calls: []wire.ToolHint{{Name: "ls"}}}
		if ack, err := r.signalled("stranger", 1, ls); ack != nil || err != nil {
			r.Errorf("of a program that is not here: %+v, %v", ack, err)
		}
		r.finished(running)
		if ack, err := r.node.Signal(r.Context(), wire.ID{Tenant: "other", Program: "p", Turn: 1}, &ls); ack != nil || err != nil {
			r.Errorf("of another tenant's program: %+v, %v", ack, err)
		}
		if ack, err := r.signalled("p", 2, ls); ack != nil || err != nil {
			r.Errorf("after a turn that another node had: %+v, %v", ack, err)
		}
		r.finished(r.ask("p", 2, "more"))
		if _, err := r.signalled("p", 1, ls); !errors.Is(err, &wire.Error{Code: wire.CodeNotWaiting}) {
			r.Errorf("after a turn that is not the last: %v", err)
		}
		r.finished(r.ask("p", 3, "once more"))
		r.shutDown()
		if ack, err := r.signalled("p", 3, ls); ack != nil || err != nil {
			r.Errorf("when the node is gone: %+v, %v", ack, err)
		}
	})
	if len(heard) > 0 {
		t.Errorf("heard %v", heard)
	}
}

// TestEnded gives the memory back at once.
func TestEnded(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.finished(r.ask("p", 1, "hi"))
		if r.node.Stats().KVUsed == 0 {
			r.Fatal("nothing is kept between turns")
		}
		if _, err := r.signalled("p", 1, wire.Signal{Ended: true}); err != nil {
			r.Fatal(err)
		}
		if s := r.node.Stats(); s.KVUsed != 0 || s.Contexts != 0 {
			r.Errorf("%d bytes and %d contexts are kept", s.KVUsed, s.Contexts)
		}
		r.finished(r.ask("p", 2, "once more")) // it may come back all the same
	})
}

// TestCompacting gives back what the next turn will not have, and no more: it finds the
// rest.
func TestCompacting(t *testing.T) {
	var heard []any
	play(t, heardBy(&heard), func(r *rig) {
		r.replies(map[string]string{"hi": "hello", "more": "and more", "again": "fine"})
		r.finished(r.ask("p", 1, "hi"))
		r.finished(r.ask("p", 2, "more"))
		before := r.node.Stats().KVUsed
		if _, err := r.signalled("p", 2, wire.Signal{Rewrite: &wire.Rewrite{KeepMessages: 2}}); err != nil {
			r.Fatal(err)
		}
		if after := r.node.Stats().KVUsed; after > before {
			r.Errorf("%d bytes before, %d after", before, after)
		}
		kept := heard[0].(core.ContextRewritten).Keep
		result := r.finished(r.ask("p", 3, "again", func(w *wire.Turn) {
			w.Mode = wire.ModeReplace
			w.Messages = []wire.Message{
				{Role: "user", Content: "hi"}, {Role: "assistant", Content: "hello"}, {Role: "user", Content: "again"},
			}
		}))
		if kept < 1 || int64(result.Usage.ReusedTokens) != int64(kept) {
			r.Errorf("%d tokens were to stay, %d did", kept, result.Usage.ReusedTokens)
		}
		if _, err := r.signalled("p", 3, wire.Signal{Rewrite: &wire.Rewrite{}}); err != nil {
			r.Fatal(err)
		}
		if used := r.node.Stats().KVUsed; used != 0 {
			r.Errorf("nothing was to stay, and %d bytes did", used)
		}
	})
}

// TestFloodOfSignals: turns go on.
func TestFloodOfSignals(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.finished(r.ask("p", 1, "hi"))
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := r.signalled("p", 1, wire.Signal{Progress: &wire.Progress{ExpectedMS: 5}}); err != nil {
						r.Error(err)
					}
					time.Sleep(time.Microsecond)
				}
			}
		}()
		for turn := range int64(5) {
			r.finished(r.ask("q", turn+1, "hi"))
		}
		close(stop)
		<-stopped
		if r.node.Stats().Signals == 0 {
			r.Error("no signal was heard")
		}
	})
}
