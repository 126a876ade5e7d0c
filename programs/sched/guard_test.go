package sched_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// guarded promises first tokens within a minute, and within five to who does not wait.
var guarded = sched.Guard{
	Bound: [programs.Classes]programs.Duration{programs.Interactive: programs.Minute, programs.Background: 5 * programs.Minute},
	Slow:  2, Late: 4, Margin: 0.1,
}

// TestPromisesAreKept under every policy, in any order of events, on an engine that is as
// the conditions of Guard say: steps take up to twice as long as their prompts, turns
// decode for as long as they like, and contexts fill half of the pool.
func TestPromisesAreKept(t *testing.T) {
	for _, named := range sched.Policies {
		t.Run(named.Name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := newPromisingWorld(t, named.New, nil)
				for range rapid.IntRange(1, 150).Draw(t, "events") {
					if rapid.IntRange(0, 3).Draw(t, "arrives") == 0 {
						w.begin()
					} else {
						w.plan(false)
					}
					w.check()
				}
				for len(w.promised) > 0 {
					w.plan(false)
					w.check()
				}
			})
		})
	}
}

// TestAFloodHarmsItself: one tenant sends a hundred turns at once and goes on; another's
// turns, one in twenty seconds, have their first tokens within the bound under every
// policy all the same, though a hundred that came before them wait.
func TestAFloodHarmsItself(t *testing.T) {
	for _, named := range sched.Policies {
		t.Run(named.Name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := newPromisingWorld(t, named.New, map[programs.TenantID]sched.Share{})
				for range 100 {
					w.arrive("flood", 60)
				}
				for i := range 5 {
					until := w.now.Add(20 * programs.Second)
					guest := w.arrive("guest", 40)
					if latest := w.now.Add(programs.Minute); guest.Turn.Promised != latest {
						t.Fatalf("turn %d of the guest is promised by %v, not by %v", i, guest.Turn.Promised, latest)
					}
					for w.now < until {
						w.plan(false)
					}
					w.arrive("flood", 60)
					w.check()
				}
			})
		})
	}
}

func newPromisingWorld(t *rapid.T, policy func(sched.Env) sched.Policy, shares map[programs.TenantID]sched.Share) *world {
	w := &world{
		T: t, make: policy, size: 400, slow: guarded.Slow, lent: map[*sched.Program]bool{},
		promised: map[*sched.Program]programs.Time{}, grounds: map[sched.Ground]int{}, reasons: map[sched.Reason]int{},
		tenants: []programs.TenantID{""},
	}
	w.scheduler = sched.New(w.policy(), sched.Limits{StepTokens: 64, Running: 4, Guard: guarded}, nil)
	w.scheduler.Share(shares)
	return w
}

// arrive makes a program's first turn arrive, with a prompt of so many tokens.
func (w *world) arrive(tenant programs.TenantID, prompt programs.Tokens) *sched.Program {
	w.made++
	p := &sched.Program{ID: programs.ProgramID(fmt.Sprintf("p%d", w.made)), Arrived: w.now, Place: w.now, Tenant: tenant}
	w.programs = append(w.programs, p)
	p.Turn = sched.Turn{Number: 1, Arrived: w.now, Context: prompt}
	p.Turn.Work = w.work(p)
	w.wait(p)
	return p
}
