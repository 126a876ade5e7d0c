package sched

import (
	"fmt"
	"math"

	"github.com/interlude-run/interlude/programs"
)

// accounts divide the time of steps between tenants, by weight: of the prompts that wait
// for their part of a step, those of the tenant go first that has been served least. It is
// start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996) with a step as what is
// served at a time:
//
//	                 used of a          used of b
//	step 1  a a a    3                  0
//	step 2  b b b    3                  3
//	step 3  a a a    6                  3
//
// Who comes back after a while has no claim on what it did not use: it begins where those
// are that were served meanwhile. Nor does leaving clear a debt. A tenant alone is served
// in the order of its prompts.
type accounts struct {
	shares map[programs.TenantID]Share
	of     map[programs.TenantID]*account
	served float64 // used of the tenant served last, when it was
	busy   int     // tenants that have running turns
	most   int     // accounts, before they are looked through
}

// account is what a tenant has used.
type account struct {
	used   float64 // seconds of prompts, or tokens where no pacer knows seconds, for its weight
	weight float64
	turns  int // that run
}

// open gives a turn that begins to run its tenant's account.
func (a *accounts) open(tenant programs.TenantID) *account {
	t := a.of[tenant]
	if t == nil {
		a.settle()
		t = &account{weight: a.shares[tenant].weight()}
		a.of[tenant] = t
	}
	if t.turns++; t.turns == 1 {
		a.busy++
		t.used = max(t.used, a.served)
	}
	return t
}

// close ends what open began. The account stays for what it owes, as long as there is
// anybody to owe it to.
func (a *accounts) close(t *account) {
	if t.turns--; t.turns > 0 {
		return
	}
	if a.busy--; a.busy == 0 {
		clear(a.of)
		a.served = 0
	}
}

// charge books what a prompt takes of a step.
func (a *accounts) charge(t *account, cost float64) {
	a.served = max(a.served, t.used)
	t.used += cost / t.weight
}

// settle drops the accounts of tenants that run nothing and owe nothing, once there may be
// as many of those as of others.
func (a *accounts) settle() {
	if len(a.of) < a.most {
		return
	}
	for tenant, t := range a.of {
		if t.turns == 0 && t.used <= a.served {
			delete(a.of, tenant)
		}
	}
	a.most = max(fewAccounts, 2*len(a.of))
}

// fewAccounts are not worth looking through.
const fewAccounts = 64

// check reports the first invariant that does not hold.
func (a *accounts) check(running []runner) error {
	turns, busy := map[*account]int{}, 0
	for i := range running {
		turns[running[i].account]++
	}
	for tenant, t := range a.of {
		if t.turns != turns[t] {
			return fmt.Errorf("sched: tenant %q has %d running turns, and %d by its account", tenant, turns[t], t.turns)
		}
		if !(t.used >= 0) || math.IsInf(t.used, 1) {
			return fmt.Errorf("sched: tenant %q has used %v", tenant, t.used)
		}
		if t.turns > 0 {
			busy++
		}
		delete(turns, t)
	}
	if busy != a.busy {
		return fmt.Errorf("sched: %d tenants run turns, by their accounts %d", a.busy, busy)
	}
	if len(turns) > 0 {
		return fmt.Errorf("sched: %d tenants run turns without an account", len(turns))
	}
	return nil
}
