package toolpredict_test

import (
	"fmt"
	"testing"

	"github.com/interlude-run/interlude/toolpredict"
)

// TestInventedNamesFlushNobodyElse has one tenant invent tools, classes and programs without
// end beside another that has a few.
func TestInventedNamesFlushNobodyElse(t *testing.T) {
	m := toolpredict.New(toolpredict.Config{Nodes: 100})
	known := toolpredict.Call{Tenant: "a", Tool: "ls", Class: "x", Program: "p"}
	for range 50 {
		m.Observe(known, 3)
	}
	kept, was := m.Kept("a"), median(m, known)
	for i := range 10_000 {
		m.Observe(toolpredict.Call{Tenant: "b", Tool: fmt.Sprint(i), Class: "c", Program: fmt.Sprint("q", i), Hint: 1}, 3)
	}
	if got := m.Kept("a"); got != kept {
		t.Errorf("%d nodes are left to the tenant, of %d", got, kept)
	}
	if all := m.Kept("*"); all != 100 {
		t.Errorf("%d nodes are kept, want 100", all)
	}
	if now := median(m, known); now < was/1.5 || now > was*1.5 {
		t.Errorf("the median was %.3g s and is %.3g s", was, now)
	}
}

// TestOneTenantMovesTheOthersPriorSoFar: however much a tenant observes, others' calls keep a
// part of what a newcomer starts from, with the calls that return and those that do not.
func TestOneTenantMovesTheOthersPriorSoFar(t *testing.T) {
	for name, observe := range map[string]func(*toolpredict.Model, toolpredict.Call){
		"long":     func(m *toolpredict.Model, c toolpredict.Call) { m.Observe(c, 1e5) },
		"given up": func(m *toolpredict.Model, c toolpredict.Call) { m.GaveUp(c, 1e5) },
	} {
		t.Run(name, func(t *testing.T) {
			m := toolpredict.New(toolpredict.Config{})
			for i := range 20_000 {
				if i%200 == 0 {
					m.Observe(toolpredict.Call{Tenant: "honest", Tool: "ls"}, 1)
				}
				observe(m, toolpredict.Call{Tenant: "evil", Tool: "ls"})
			}
			var newcomer, honest toolpredict.Estimate
			m.Estimate(toolpredict.Call{Tenant: "newcomer", Tool: "ls"}, &newcomer)
			m.Estimate(toolpredict.Call{Tenant: "honest", Tool: "ls"}, &honest)
			if got := newcomer.Survival(100); got > 0.93 {
				t.Errorf("of a newcomer's calls %.3f are thought to be longer than 100 s, with one tenant in two", got)
			}
			if got := honest.Survival(100); got > 0.15 {
				t.Errorf("of the honest tenant's %.3f are, after 100 calls of 1 s", got)
			}
		})
	}
}

// TestAskingChangesNothing asks for calls that are not known, and for one that would be the
// next to be dropped.
func TestAskingChangesNothing(t *testing.T) {
	m := toolpredict.New(toolpredict.Config{Nodes: 2})
	a, b, c := toolpredict.Call{Program: "a"}, toolpredict.Call{Program: "b"}, toolpredict.Call{Program: "c"}
	m.Observe(a, 100)
	m.Observe(b, 100)
	var e, before toolpredict.Estimate
	m.Estimate(toolpredict.Call{Program: "nobody", Tenant: "t", Tool: "x", Class: "y", Hint: 5}, &before)
	m.Estimate(a, &e)
	if got := m.Kept("*"); got != 2 {
		t.Errorf("%d nodes are kept after questions, want 2", got)
	}
	m.Observe(c, 100)
	var left toolpredict.Estimate
	m.Estimate(a, &e)
	m.Estimate(toolpredict.Call{Program: "new"}, &left)
	if e != left {
		t.Error("who was asked for was kept, and not who was observed last")
	}
	m = toolpredict.New(toolpredict.Config{})
	if m.Estimate(toolpredict.Call{Tool: "x", Hint: 5}, &e); m.Kept("*") != 0 {
		t.Error("a question has left something behind")
	}
}

// TestANewToolIsNoNewBelief: a client whose hints were wrong for many tools is not believed for
// the next, and another tenant is.
func TestANewToolIsNoNewBelief(t *testing.T) {
	m := toolpredict.New(toolpredict.Config{})
	for i := range 200 {
		tool, took := fmt.Sprint(i), toolpredict.Seconds(1+i*7919%200)
		m.Observe(toolpredict.Call{Tenant: "liar", Tool: tool, Hint: 0.1}, took)
		m.Observe(toolpredict.Call{Tenant: "honest", Tool: tool, Hint: took}, took)
	}
	for tenant, want := range map[string][2]float64{"liar": {50, 200}, "honest": {3, 5}} {
		got := median(m, toolpredict.Call{Tenant: tenant, Tool: "new", Hint: map[string]toolpredict.Seconds{"liar": 0.1, "honest": 4}[tenant]})
		if got < want[0] || got > want[1] {
			t.Errorf("of a new tool of the %s one: median %.3g s, want %v", tenant, got, want)
		}
	}
}
