package sched_test

import (
	"fmt"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

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
