package node_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
	"github.com/interlude-run/interlude/sdk/wire"
)

// perToken is an engine that takes a millisecond for each token.
func perToken(items []engine.Item) (took time.Duration) {
	for i := range items {
		took += time.Duration(len(items[i].Tokens)) * time.Millisecond
	}
	return took
}

// bounded promises first tokens within two seconds, in the background within twenty, and
// turns away what it cannot promise them. The core takes 1 ms for a token of a prompt
// before it has measured any, and its only tenant has half of the engine: it can be owed
// 2 s / 4 = 500 ms of prompts, or 5 s in the background.
func bounded(s *stage) {
	s.Guard = &sched.Guard{
		Bound: [programs.Classes]programs.Duration{programs.Interactive: 2 * programs.Second, programs.Background: 20 * programs.Second},
		Slow:  2, Late: 4, Margin: 0.1, Shed: true,
	}
}

// TestShed: a turn that cannot be promised its bound has a result that says so and when to
// come again; its program goes on with the next turn.
func TestShed(t *testing.T) {
	play(t, bounded, func(r *rig) {
		r.engine.Pace(perToken)
		short := func(w *wire.Turn) { w.Sampling.MaxTokens = 1 }
		long := strings.Repeat("x", 292) // and 8 of the template: 4·0.3 s < 2 s < 4·0.6 s
		a := r.ask("a", 1, long, short)
		synctest.Wait()
		late := r.finished(r.ask("b", 1, long, short))
		if late.Outcome != wire.Failed || late.Error == nil || late.Error.Code != wire.CodeOverloaded || late.Error.Hint == "" || !late.Error.Retryable {
			t.Fatalf("it ends as %s, %+v", late.Outcome, late.Error)
		}
		if retry := late.Error.RetryAfter(); retry < 390*time.Millisecond || retry > 420*time.Millisecond {
			t.Errorf("it is to come again after %v; 4·0.6 s is 0.4 s more than can be promised", retry)
		}
		background := r.ask("c", 1, long, short, func(w *wire.Turn) { w.Class = wire.ClassBackground })
		if got := r.finished(a).Outcome; got != wire.Completed {
			t.Errorf("who came first ends as %s", got)
		}
		if got := r.finished(background).Outcome; got != wire.Completed {
			t.Errorf("a turn that may take longer ends as %s", got)
		}
		if again := r.finished(r.ask("b", 2, long, short)); again.Outcome != wire.Completed || again.Miss.Reason != wire.MissFirstTurn {
			t.Errorf("when there is room it ends as %+v, with %+v", again.Outcome, again.Miss)
		}
		if s := r.node.Stats(); s.Shed != 1 || s.Failed != 1 || s.HandedBack != 0 || s.Promised != 3 || s.Late != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestPace: the node tells how long one of the turns takes that wait, on average.
func TestPace(t *testing.T) {
	play(t, func(s *stage) { s.MaxRunning = 1 }, func(r *rig) {
		r.engine.Pace(perToken)
		if pace := r.node.Pace(); pace != 0 {
			t.Errorf("nobody waits, and its pace is %v", pace)
		}
		for _, p := range []string{"a", "b", "c"} {
			r.ask(p, 1, strings.Repeat("x", 192)) // and 8 of the template: 0.2 s, or 0.4 s beside decodes
		}
		synctest.Wait()
		if pace := r.node.Pace(); pace < 390*time.Millisecond || pace > 410*time.Millisecond {
			t.Errorf("its pace is %v, want about 0.4 s", pace)
		}
	})
}

// TestWhatTheCoreIsTold of a turn: its class, and its deadline.
func TestWhatTheCoreIsTold(t *testing.T) {
	arrivals := map[programs.ProgramID]core.TurnArrived{}
	play(t, func(s *stage) {
		s.Observe = func(_ programs.Time, ev core.Event, _ []core.Effect) {
			if a, ok := ev.(*core.TurnArrived); ok {
				arrivals[a.Turn.Program] = *a
			}
		}
	}, func(r *rig) {
		r.finished(r.ask("silent", 1, "hi"))
		r.finished(r.ask("interactive", 1, "hi", func(w *wire.Turn) { w.Class = wire.ClassInteractive }))
		r.finished(r.ask("background", 1, "hi", func(w *wire.Turn) { w.Class, w.TimeoutMS = wire.ClassBackground, 5000 }))
	})
	for id, want := range map[programs.ProgramID]programs.Class{"t/silent": programs.Interactive, "t/interactive": programs.Interactive, "t/background": programs.Background} {
		if got := arrivals[id].Class; got != want {
			t.Errorf("%s is %v, want %v", id, got, want)
		}
	}
	if a := arrivals["t/background"]; a.Deadline.Sub(a.Arrived) != 5*programs.Second {
		t.Errorf("it arrives at %v with the deadline %v", a.Arrived, a.Deadline)
	}
}

// TestGuard: bounds on waits are the core's, by default those of sched.DefaultGuard.
func TestGuard(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*stage)
		want sched.Guard
	}{
		{"by default", func(*stage) {}, sched.DefaultGuard},
		{"none", func(s *stage) { s.Guard = &sched.Guard{} }, sched.Guard{}},
		{"bounds", bounded, sched.Guard{
			Bound: [programs.Classes]programs.Duration{2 * programs.Second, 20 * programs.Second}, Slow: 2, Late: 4, Margin: 0.1, Shed: true,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, c.set, func(r *rig) {
				if got := r.node.Core().Guard; got != c.want {
					t.Errorf("%+v, want %+v", got, c.want)
				}
			})
		})
	}
}

// TestGuardInTheEventLog: a log has the guard and the classes of turns, so that what was
// turned away then is turned away in its replay.
func TestGuardInTheEventLog(t *testing.T) {
	var file logFile
	var log *eventlog.Writer
	var guard sched.Guard
	play(t, func(s *stage) {
		bounded(s)
		s.Observe = func(now programs.Time, ev core.Event, effects []core.Effect) { log.Observe(now, ev, effects) }
	}, func(r *rig) {
		var err error
		if log, err = eventlog.NewWriter(&file, false, eventlog.Header{Config: r.node.Core()}, eventlog.Options{}); err != nil {
			t.Fatal(err)
		}
		guard = r.node.Core().Guard
		r.engine.Pace(perToken)
		var jobs []*job
		for _, p := range []string{"a", "b", "c", "d"} {
			jobs = append(jobs, r.ask(p, 1, strings.Repeat("x", 292), func(w *wire.Turn) {
				if w.Sampling.MaxTokens = 2; p > "b" {
					w.Class = wire.ClassBackground
				}
			}))
			synctest.Wait()
		}
		for _, j := range jobs {
			r.finished(j)
		}
		r.shutDown()
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	})
	reader, err := eventlog.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	if got := reader.Header().Config.Guard; got != guard {
		t.Errorf("the log has the guard %+v, and the node had %+v", got, guard)
	}
	replay, err := eventlog.NewReplay(reader)
	if err != nil {
		t.Fatal(err)
	}
	shed, classes := 0, map[programs.Class]int{}
	for step, err := range replay.Steps() {
		if err != nil {
			t.Fatal(err)
		}
		if a, ok := step.Event.(*core.TurnArrived); ok {
			classes[a.Class]++
		}
		for _, e := range step.Effects {
			if e.Kind == core.RejectTurn && e.Rejection == programs.Overloaded {
				shed++
			}
		}
	}
	if shed != 1 || classes[programs.Interactive] != 2 || classes[programs.Background] != 2 {
		t.Errorf("%d turns were turned away, of %v", shed, classes)
	}
}
