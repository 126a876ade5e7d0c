package sched_test

import (
	"fmt"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// TestATenantWithoutMemoryHasNoPart: it comes back with a turn.
func TestATenantWithoutMemoryHasNoPart(t *testing.T) {
	w := sched.NewInterlude(sched.Env{Pool: func() programs.Tokens { return 1000 }}).(*sched.WorkingSet)
	p := &sched.Program{ID: "p", Tenant: "t", Phase: programs.Interlude, Cells: 10, Capacity: 32}
	w.Put(0, p)
	if w.Tenants() != 1 || w.Victim(0) != p {
		t.Fatalf("of one that has memory there are %d parts", w.Tenants())
	}
	p.Cells, p.Capacity = 0, 0
	w.Put(0, p)
	if got := w.Tenants(); got != 0 {
		t.Errorf("of one that has lost its memory there are %d parts", got)
	}
	if !w.Inside(p) {
		t.Error("where nobody has memory, it is outside")
	}
	p.Phase, p.Turn = programs.Active, sched.Turn{Phase: programs.Waiting, Context: 10}
	w.Put(0, p)
	if got := w.Next(0, false); got != p {
		t.Errorf("it came back, and next is %v", got)
	}
}

// TestATenantGoesWithItsLastProgram has many come and go beside one that stays.
func TestATenantGoesWithItsLastProgram(t *testing.T) {
	w := sched.NewInterlude(sched.Env{Pool: func() programs.Tokens { return 1000 }}).(*sched.WorkingSet)
	waiting := func(tenant string) *sched.Program {
		p := &sched.Program{ID: programs.ProgramID(tenant + "/p"), Tenant: programs.TenantID(tenant), Phase: programs.Active}
		p.Turn = sched.Turn{Phase: programs.Waiting, Context: 10}
		return p
	}
	stays := waiting("stays")
	w.Put(0, stays)
	for i := range 100 {
		p := waiting(fmt.Sprint("comes", i))
		w.Put(0, p)
		if got := w.Tenants(); got != 2 {
			t.Fatalf("with %s there are %d tenants, want 2", p.ID, got)
		}
		if i%2 == 0 { // it ends from among the running
			p.Turn.Phase = programs.Prefilling
			w.Put(0, p)
		}
		p.Phase = programs.Ended
		w.Drop(p)
	}
	if got := w.Tenants(); got != 1 {
		t.Errorf("%d tenants are left, want 1", got)
	}
	if next := w.Next(0, false); next != stays {
		t.Errorf("next is %v, want %s", next, stays.ID)
	}
}
