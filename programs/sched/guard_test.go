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

// TestNearDeadlines are promises to turns that have deadlines, on an engine that computes
// 100 tokens a second and takes 0.1 s for a decode. Slow is 2, and a tenant that is alone
// has half of the engine: it is promised what it is owed within four times its work.
func TestNearDeadlines(t *testing.T) {
	for _, c := range []struct {
		name  string
		owed  programs.Tokens // the prompt of a turn that the tenant has already
		other programs.Tokens // and of one that another has, promised by 60 s
		late  programs.Duration
		class programs.Class
		due   programs.Duration
		want  programs.Duration // after its arrival
	}{
		{name: "none", want: 60 * programs.Second},
		{name: "a near one", due: 20 * programs.Second, want: 20 * programs.Second},
		{name: "one that is nearer than a quarter of the bound", due: 5 * programs.Second, want: 15 * programs.Second},
		{name: "one that has passed", due: -5 * programs.Second, want: 15 * programs.Second},
		{name: "one beyond the bound", due: 70 * programs.Second, want: 60 * programs.Second},
		{name: "of who does not wait", class: programs.Background, due: 100 * programs.Second, want: 100 * programs.Second},
		{name: "of who does not wait, and a nearer one", class: programs.Background, due: 20 * programs.Second, want: 75 * programs.Second},
		{name: "within its part", owed: 400, due: 25 * programs.Second, want: 25 * programs.Second},     // 4·(4.1 + 1.1) = 20.8
		{name: "not within its part", owed: 400, due: 20 * programs.Second, want: 60 * programs.Second}, // the same
		{name: "where others have time", other: 900, due: 20 * programs.Second, want: 20 * programs.Second},
		{name: "where others have none", other: 900, late: 37 * programs.Second, due: 15 * programs.Second, want: 60 * programs.Second}, // 60 − 37 − 2·(9.1 + 1.1) < 6
		{name: "where others are hurried", other: 900, late: 50 * programs.Second, due: 15 * programs.Second, want: 60 * programs.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := newPromisingWorld(t, sched.Policies[0].New, nil)
				if c.owed > 0 {
					w.arrive("a", c.owed)
				}
				if c.other > 0 {
					w.arrive("b", c.other)
				}
				w.now = w.now.Add(c.late)
				p := w.arrive("a", 100, func(t *sched.Turn) {
					if t.Class = c.class; c.due != 0 {
						t.Due = w.now.Add(c.due)
					}
				})
				if got := p.Turn.Promised.Sub(w.now); got != c.want {
					t.Errorf("its first token is promised %v after its arrival, want %v", got, c.want)
				}
				w.check()
			})
		})
	}
}

// TestNearDeadlinesGoFirst: of two turns of a tenant that wait, the one with a near deadline
// is hurried, though the other came first, and the other has its first token in time too.
func TestNearDeadlinesGoFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newPromisingWorld(t, sched.Policies[0].New, nil)
		first := w.arrive("a", 150)
		near := w.arrive("a", 100, func(t *sched.Turn) { t.Due = w.now.Add(20 * programs.Second) })
		w.now = w.now.Add(12 * programs.Second)
		w.batch = w.scheduler.Plan(w.now, w, w.batch[:0])
		if !near.Turn.Hurried || first.Turn.Hurried || w.batch[0].Program != near {
			t.Fatalf("the near one is hurried: %v, the one that came first: %v; the step begins with %s", near.Turn.Hurried, first.Turn.Hurried, w.batch[0].Program.ID)
		}
		for len(w.promised) > 0 {
			w.plan(false)
			w.check()
		}
	})
}

// TestNearDeadlinesHarmNobody: turns that decode for long have all places, so that others are
// served as they are hurried alone. A tenant that writes near deadlines on everything, and
// sends as much as its part allows, makes no promise to another later, or late, under
// every policy.
func TestNearDeadlinesHarmNobody(t *testing.T) {
	for _, named := range sched.Policies {
		t.Run(named.Name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := newPromisingWorld(t, named.New, map[programs.TenantID]sched.Share{})
				w.size, w.slowest, w.lasting = 4000, true, map[*sched.Program]bool{}
				for range 4 {
					w.lasting[w.arrive("old", 10)] = true
				}
				for w.owed("old") > 0 {
					w.plan(false)
				}
				for range rapid.IntRange(1, 9).Draw(t, "guests") {
					guest := w.arrive("guest", 100) // 2·2·9·1.1 = 39.6
					if latest := w.now.Add(programs.Minute); guest.Turn.Promised != latest {
						t.Fatalf("the guest is promised its turn by %v, not by %v", guest.Turn.Promised, latest)
					}
				}
				for w.owed("guest") > 0 {
					if w.owed("liar") == 0 { // 2·3·2 = 12: within its part by a quarter of the bound
						w.arrive("liar", programs.Tokens(rapid.IntRange(150, 190).Draw(t, "prompt")), func(t *sched.Turn) { t.Due = w.now })
					}
					w.plan(true)
					w.check()
				}
			})
		})
	}
}

// owed is the work of a tenant's turns that have no first token.
func (w *world) owed(tenant programs.TenantID) (sum programs.Duration) {
	for p := range w.promised {
		if p.Tenant == tenant {
			sum += p.Turn.Work
		}
	}
	return sum
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
func (w *world) arrive(tenant programs.TenantID, prompt programs.Tokens, change ...func(*sched.Turn)) *sched.Program {
	w.made++
	p := &sched.Program{ID: programs.ProgramID(fmt.Sprintf("p%d", w.made)), Arrived: w.now, Place: w.now, Tenant: tenant}
	w.programs = append(w.programs, p)
	p.Turn = sched.Turn{Number: 1, Arrived: w.now, Context: prompt}
	for _, c := range change {
		c(&p.Turn)
	}
	p.Turn.Work = w.work(p)
	w.wait(p)
	return p
}
