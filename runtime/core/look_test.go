package core_test

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

// look asks the machine about every program and holds the answers to what happens:
//
//   - who waits behind a plan, waits for something: it would have been admitted else;
//   - who does not fit the set, does not fit by the numbers that are given;
//   - whoever loses memory to others was told of to the witness, with who needs it.
func (s *checkedShell) look(t *rapid.T, effects []core.Effect) {
	planned := len(effects) > 0 && effects[len(effects)-1].Kind == core.RunStep
	preempted := slices.ContainsFunc(effects, func(e core.Effect) bool { return e.Kind == core.SuspendTurn })
	for _, id := range s.order {
		v, known := s.machine.Look(s.now, id)
		w, waits := s.machine.Waits(s.now, id)
		ahead := s.machine.Ahead(id)
		switch {
		case !known && (waits || ahead != nil):
			t.Fatalf("%s is unknown and waits for %+v behind %v", id, w, ahead)
		case waits && v.Phase != programs.Active:
			t.Fatalf("%s waits for %+v and is %v", id, w, v.Phase)
		case waits && (w.Reason == sched.ForCells || w.Reason == sched.ForPrompt) != (v.Stage == programs.Restoring):
			t.Fatalf("%s waits for %+v and is %v", id, w, v.Stage)
		case known && v.Stage == programs.Waiting && !waits:
			t.Fatalf("%s waits for nothing that is known: %+v", id, v)
		case waits && planned && !preempted && w.Reason == sched.ForNothing:
			t.Fatalf("%s waits for nothing, and was not admitted", id)
		case waits && w.Limit > 0 && w.Running <= w.Limit && w.Running+w.Before+w.Need <= w.Limit:
			t.Fatalf("%s does not fit, by %+v", id, w)
		case (w.Reason == sched.ForOrder || w.Reason == sched.ForPrefix) && (w.Head == "" || w.Head == id):
			t.Fatalf("%s waits behind %q", id, w.Head)
		case slices.Contains(ahead, id):
			t.Fatalf("%s is before itself: %v", id, ahead)
		}
	}
	s.checkLosses(t, effects)
}

// checkLosses compares the evictions among the effects with what the witness was told.
func (s *checkedShell) checkLosses(t *rapid.T, effects []core.Effect) {
	losses := s.losses
	for i, e := range effects {
		if e.Cause != core.CauseEvict {
			continue
		}
		if len(losses) == 0 || losses[0].Program != e.Turn.Program {
			t.Fatalf("%v, and the witness knows of %+v", e, losses)
		}
		taker := slices.IndexFunc(effects[i:], func(e core.Effect) bool {
			return e.Kind == core.OpenSeq || e.Kind == core.ForkSeq || e.Kind == core.ReserveSeq
		})
		if taker < 0 || effects[i+taker].Turn.Program != losses[0].For {
			t.Fatalf("%v is said to be for %s, in %v", e, losses[0].For, effects)
		}
		losses = losses[1:]
	}
	if len(losses) > 0 {
		t.Fatalf("the witness knows of %+v, which did not happen: %v", losses, effects)
	}
	s.losses = s.losses[:0]
}
