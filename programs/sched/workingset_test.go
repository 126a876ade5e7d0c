package sched_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

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

// TestASetOfManyTenants is asked after every event, and answers as a walk over all tenants'
// parts does.
func TestASetOfManyTenants(t *testing.T) {
	asked, divided := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := &world{
			T: t, make: sched.NewInterlude, size: programs.Tokens(rapid.IntRange(120, 1200).Draw(t, "pool")),
			lent: map[*sched.Program]bool{}, promised: map[*sched.Program]programs.Time{},
			grounds: map[sched.Ground]int{}, reasons: map[sched.Reason]int{},
		}
		set := w.policy().(*sched.WorkingSet)
		w.asked = set
		w.scheduler = sched.New(set, sched.Limits{StepTokens: 64, Running: rapid.IntRange(1, 8).Draw(t, "may run")}, nil)
		shares := map[programs.TenantID]sched.Share{}
		for i := range 12 {
			tenant := programs.TenantID(fmt.Sprint("tenant-", i))
			w.tenants = append(w.tenants, tenant)
			shares[tenant] = sched.Share{
				Weight: rapid.SampledFrom([]float64{0, 1, 2, 3, 0.5, 1 << 20}).Draw(t, "weight"),
				Quota:  programs.Tokens(rapid.SampledFrom([]int{0, 0, 0, 40, 100}).Draw(t, "quota")),
			}
		}
		w.scheduler.Share(shares)
		for range rapid.IntRange(120, 270).Draw(t, "events") {
			w.event()
			w.check()
			if rapid.Bool().Draw(t, "asks") {
				set.Next(w.now, true)
				if err := set.Weighed(); err != nil {
					t.Fatal(err)
				}
				w.check()
			}
			asked++
			if set.Tenants() > 3 {
				divided++
			}
		}
	})
	if divided < asked/4 {
		t.Errorf("of %d times that it was asked it had more than three tenants in %d", asked, divided)
	}
}
