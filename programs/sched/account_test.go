package sched_test

import (
	"math"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// TestTenantsShareSteps: many long prompts of one tenant leave another the part of the
// steps that its weight gives it, under every policy and whoever came first.
func TestTenantsShareSteps(t *testing.T) {
	for _, weight := range []float64{1, 3} {
		for _, policy := range sched.Policies {
			m := &pool{free: 1 << 40}
			s := sched.New(policy.New(sched.Env{Pool: func() programs.Tokens { return 1 << 40 }}), sched.Limits{StepTokens: 10, Running: 16}, nil)
			s.Share(map[programs.TenantID]sched.Share{"few": {Weight: weight}})
			for i := range 10 {
				p := &sched.Program{ID: programs.ProgramID(rune('a' + i)), Tenant: "many", Arrived: programs.Time(i), Phase: programs.Active}
				if i == 9 {
					p.Tenant = "few"
				}
				p.Turn.Context = 1 << 20
				s.Wait(programs.Time(i), p)
			}
			served := map[programs.TenantID]programs.Tokens{}
			for step := range 400 {
				for _, slice := range s.Plan(programs.Time(20+step), m, nil) {
					served[slice.Program.Tenant] += slice.Count
					slice.Program.Cells += slice.Count
				}
				if err := s.Check(); err != nil {
					t.Fatal(err)
				}
			}
			if s.Running() < 10 {
				continue // the policy has not let all in, and what runs is its word
			}
			got, want := float64(served["few"])/4000, weight/(weight+1)
			if math.Abs(got-want) > 0.01 {
				t.Errorf("%s: the tenant of weight %g has %.3f of the steps, want %.3f", policy.Name, weight, got, want)
			}
		}
	}
}

// TestWhoComesBack has no claim on what it did not use, and owes what it owed.
func TestWhoComesBack(t *testing.T) {
	m := &pool{free: 1 << 40}
	s := sched.New(sched.NewProgramFCFS(sched.Env{}), sched.Limits{StepTokens: 10, Running: 16}, nil)
	arrive := func(id programs.ProgramID) *sched.Program {
		p := &sched.Program{ID: id, Tenant: programs.TenantID(id), Phase: programs.Active}
		p.Turn.Context = 1 << 20
		s.Wait(0, p)
		return p
	}
	steps := func(n int) string {
		who := ""
		for range n {
			for _, slice := range s.Plan(1, m, nil) {
				slice.Program.Cells += slice.Count
				who += string(slice.Program.ID)
			}
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
		}
		return who
	}
	arrive("a")
	if got := steps(4); got != "aaaa" {
		t.Errorf("alone: %s", got)
	}
	b := arrive("b")
	if got := steps(5); got != "babab" && got != "bbaba" {
		t.Errorf("b has come, and steps go to %s", got)
	}
	s.Leave(b)
	s.Drop(b)
	if got := steps(9); got != "aaaaaaaaa" {
		t.Errorf("b is gone, and steps go to %s", got)
	}
	arrive("b")
	if got := steps(6); got != "bababa" && got != "bbabab" && got != "ababab" {
		t.Errorf("b is back, and steps go to %s", got)
	}
}
