package fidelity

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/replay"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/sim/cost"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

// Recorder observes a node's core. It belongs to the goroutine that drives the core; its
// Recording may be had once that has ended.
type Recorder struct {
	out   Recording
	items []core.Item // of the step under way
	began programs.Time
	ended programs.Time // of the last step
}

// Recording is what a node's core was told in a run.
type Recording struct {
	Turns map[programs.TurnID]*Turn
	Steps []cost.Sample // as they went, from the core's wish to its hearing of the end
}

// Turn is a turn as it came before the core, and went.
type Turn struct {
	Context, Keep, Opens, Generated programs.Tokens
	Opening                         programs.ProgramID
	Arrived                         programs.Time // before the core
	Heard, Finished                 time.Time     // by the wall clock: when it was before the core, and over
}

// NewRecorder observes nothing yet.
func NewRecorder() *Recorder {
	return &Recorder{out: Recording{Turns: map[programs.TurnID]*Turn{}}}
}

// Observe is for node.Config.
func (r *Recorder) Observe(now programs.Time, ev core.Event, effects []core.Effect) {
	switch ev := ev.(type) {
	case *core.TurnArrived:
		r.out.Turns[ev.Turn] = &Turn{
			Context: ev.Context, Keep: ev.Keep, Opens: ev.Opens, Opening: ev.Opening,
			Arrived: now, Heard: time.Now(),
		}
	case *core.StepDone:
		if ev.Status == core.StepRan {
			s := cost.Sample{Took: now.Sub(r.began)}
			for _, it := range r.items {
				s.Items = append(s.Items, cost.Item{From: it.From, Count: it.Count})
			}
			r.out.Steps = append(r.out.Steps, s)
		}
	}
	for i := range effects {
		switch e := &effects[i]; e.Kind {
		case core.RunStep:
			r.items, r.began = append(r.items[:0], e.Items...), now
		case core.FinishTurn:
			if t := r.out.Turns[e.Turn]; t != nil {
				t.Generated, t.Finished = e.Usage.Generated, time.Now()
			}
		}
	}
}

// Recording is what was observed.
func (r *Recorder) Recording() *Recording { return &r.out }

// Programs are those that were observed, with the tool times of the runs among them, and
// when they arrive: the runs one stagger after the other, as they were sent, and what else
// there was, such as a turn to warm the engine up, when it came.
func (r *Recording) Programs(tenant string, runs []replay.Run, stagger time.Duration) ([]workload.Program, []programs.Time, error) {
	byID := map[programs.ProgramID]int{}
	for i := range runs {
		byID[programs.ProgramID(tenant+"/"+runs[i].Name)] = i
	}
	if len(runs) == 0 || r.first(tenant, &runs[0]) == nil {
		return nil, nil, fmt.Errorf("the first run was not observed")
	}
	start := r.first(tenant, &runs[0]).Arrived
	ps := make([]workload.Program, len(runs))
	arrivals := make([]programs.Time, len(runs))
	for i := range runs {
		arrivals[i] = start.Add(programs.Duration(i) * programs.Duration(stagger))
	}
	for _, id := range slices.SortedFunc(maps.Keys(r.Turns), before) {
		t := r.Turns[id]
		i, isRun := byID[id.Program]
		if !isRun {
			if id.Turn != 1 {
				return nil, nil, fmt.Errorf("%s has more than one turn and is no run", id.Program)
			}
			ps, arrivals = append(ps, workload.Program{Parent: -1, ID: string(id.Program), Turns: []workload.Turn{t.turn(nil)}}), append(arrivals, t.Arrived)
			continue
		}
		p := &ps[i]
		if int(id.Turn) != len(p.Turns)+1 || len(p.Turns) == len(runs[i].Turns) {
			return nil, nil, fmt.Errorf("turn %v was observed behind %d of the run's %d", id, len(p.Turns), len(runs[i].Turns))
		}
		if id.Turn == 1 {
			*p = workload.Program{ID: string(id.Program), Source: runs[i].ID, Parent: -1, SharedKey: string(t.Opening), SharedPrefix: t.Opens}
		}
		w, did := t.turn(r.Turns[programs.TurnID{Program: id.Program, Turn: id.Turn - 1}]), &runs[i].Turns[id.Turn-1]
		w.Gap, w.Tool, w.Class = programs.Duration(did.Gap), did.Tool, did.Class
		p.Turns = append(p.Turns, w)
	}
	for i := range runs {
		if len(ps[i].Turns) != len(runs[i].Turns) {
			return nil, nil, fmt.Errorf("%d turns of run %s were observed, of %d", len(ps[i].Turns), runs[i].ID, len(runs[i].Turns))
		}
		last := &ps[i].Turns[len(ps[i].Turns)-1]
		last.Gap, last.Tool, last.Class = 0, "", ""
	}
	return ps, arrivals, nil
}

func (r *Recording) first(tenant string, run *replay.Run) *Turn {
	return r.Turns[programs.TurnID{Program: programs.ProgramID(tenant + "/" + run.Name), Turn: 1}]
}

func before(a, b programs.TurnID) int {
	if a.Program != b.Program {
		if a.Program < b.Program {
			return -1
		}
		return 1
	}
	return int(a.Turn) - int(b.Turn)
}

// turn is the turn as the simulator has it, behind the one before, nil for none. A node
// that has given up all cells of a program has forgotten its tokens, too, and says that
// nothing is kept; the conversation goes on all the same, and what it has in common with
// the turn before is all of that.
func (t *Turn) turn(before *Turn) workload.Turn {
	keep := t.Keep
	if keep == 0 && before != nil {
		keep = min(before.Context+before.Generated, t.Context-1)
	}
	return workload.Turn{Prefix: keep, Input: t.Context - keep, Output: t.Generated}
}

// Ways are how long turns took from their clients to the core, and back once they were
// over.
func (r *Recording) Ways(tenant string, runs []replay.Run, out *replay.Outcome) (in, back []time.Duration) {
	for i := range runs {
		for k, span := range out.Spans[i] {
			t := r.Turns[programs.TurnID{Program: programs.ProgramID(tenant + "/" + runs[i].Name), Turn: programs.TurnNumber(k + 1)}]
			if t != nil && !t.Finished.IsZero() {
				in, back = append(in, t.Heard.Sub(span.Sent)), append(back, span.Read.Sub(t.Finished))
			}
		}
	}
	return in, back
}
