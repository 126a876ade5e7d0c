package sched_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// careless is program FCFS with an answer that is replaced.
type careless struct {
	sched.Policy
	put    func(p *sched.Program)
	next   func(p *sched.Program) *sched.Program // p is the right answer
	victim func(p *sched.Program) *sched.Program
	ended  func() *sched.Program // Lapse, once
}

func (c *careless) Put(now programs.Time, p *sched.Program) {
	if c.put != nil {
		c.put(p)
	}
	c.Policy.Put(now, p)
}

func (c *careless) Next(now programs.Time, alone bool) *sched.Program {
	p := c.Policy.Next(now, alone)
	if c.next != nil {
		p = c.next(p)
	}
	return p
}

func (c *careless) Victim(now programs.Time) *sched.Program {
	p := c.Policy.Victim(now)
	if c.victim != nil {
		p = c.victim(p)
	}
	return p
}

func (c *careless) Lapse(now programs.Time) *sched.Program {
	if c.ended == nil {
		return nil
	}
	p := c.ended()
	c.ended = nil
	return p
}

// TestBrokenContracts: a waits and finds no room, b is idle and lends its memory. A
// policy that breaks a rule is named, with the program and the rule.
func TestBrokenContracts(t *testing.T) {
	for _, c := range []struct {
		name string
		at   func(c *careless, a, b *sched.Program)
		says string // of the panic; "" is none
	}{
		{
			name: "none is broken",
			at:   func(*careless, *sched.Program, *sched.Program) {},
		},
		{
			name: "Next holds what was lent, and nobody is left to be the victim",
			at: func(c *careless, a, b *sched.Program) {
				c.next = func(p *sched.Program) *sched.Program { b.Retention = sched.Hold; return p }
				c.victim = func(*sched.Program) *sched.Program { return nil }
			},
			says: "with program a: it needs memory, somebody lends some, and Victim answers with nobody",
		},
		{
			name: "Next holds what was lent, and it is put later",
			at: func(c *careless, a, b *sched.Program) {
				c.next = func(p *sched.Program) *sched.Program { b.Retention = sched.Hold; return p }
			},
			says: "with program b: Victim answers with it, and its retention went from lend to hold outside Put",
		},
		{
			name: "Lapse ends no hold",
			at: func(c *careless, a, b *sched.Program) {
				c.ended = func() *sched.Program { return b }
			},
			says: "with program b: Lapse answers with it, and its retention was lend before, not hold",
		},
		{
			name: "Lapse leaves the hold",
			at: func(c *careless, a, b *sched.Program) {
				c.put = func(p *sched.Program) { p.Retention = sched.Hold }
				c.ended = func() *sched.Program { return b }
			},
			says: "with program b: Lapse answers with it and leaves its retention at hold, not lend",
		},
		{
			name: "the victim runs, or has nothing",
			at: func(c *careless, a, b *sched.Program) {
				c.victim = func(*sched.Program) *sched.Program { return a }
			},
			says: "with program a: Victim answers with it, and it does not lend memory",
		},
		{
			name: "who is next does not wait",
			at: func(c *careless, a, b *sched.Program) {
				c.next = func(*sched.Program) *sched.Program { return b }
			},
			says: "with program b: Next answers with it, and it does not wait",
		},
		{
			name: "nobody is next, and nothing runs",
			at: func(c *careless, a, b *sched.Program) {
				c.next = func(*sched.Program) *sched.Program { return nil }
			},
			says: "nothing runs, 1 turns wait, and Next answers with none of them",
		},
		{
			name: "a turn that waits gives its memory up",
			at: func(c *careless, a, b *sched.Program) {
				c.put = func(p *sched.Program) { p.Retention = sched.Give }
			},
			says: "with program a: Put gives up the memory of a turn that waits",
		},
		{
			name: "a retention that is none",
			at: func(c *careless, a, b *sched.Program) {
				c.put = func(p *sched.Program) { p.Retention = 7 }
			},
			says: "Put set its retention to 7, which is none",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			policy := &careless{Policy: sched.NewProgramFCFS(sched.Env{})}
			a := &sched.Program{ID: "a", Turn: sched.Turn{Context: 80}}
			b := &sched.Program{ID: "b", Phase: programs.Interlude, Turn: sched.Turn{Phase: programs.Finished, Context: 50}, Cells: 50, Capacity: 50}
			w := &world{size: 100, programs: []*sched.Program{a, b}, lent: map[*sched.Program]bool{}, grounds: map[sched.Ground]int{}}
			w.scheduler = sched.New(policy, sched.Limits{StepTokens: 64, Running: 4}, nil)
			c.at(policy, a, b)
			said := func() (said string) {
				defer func() {
					if r := recover(); r != nil {
						said = fmt.Sprint(r)
					}
				}()
				w.put(b)
				w.scheduler.Wait(0, a)
				w.scheduler.Plan(0, w, nil)
				return ""
			}()
			if c.says == "" && said != "" {
				t.Fatal(said)
			}
			if c.says != "" && (!strings.Contains(said, c.says) || !strings.HasPrefix(said, "sched: policy *sched_test.careless breaks its contract")) {
				t.Errorf("it says %q, want %q", said, c.says)
			}
		})
	}
}
