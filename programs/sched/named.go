package sched

import (
	"fmt"
	"strings"

	"github.com/interlude-run/interlude/programs"
)

// Named is a policy that can be chosen by name.
type Named struct {
	Name string
	Says string // what it does, on one line
	New  func(Env) Policy
}

// Shares tells whether the policy divides memory between tenants, see Env.Shares.
func (n Named) Shares() bool {
	_, ok := n.New(Env{}).(*WorkingSet)
	return ok
}

// Default is the name of the policy that serves unless another is chosen.
const Default = "interlude"

// Policies are all there are, the default first.
var Policies = []Named{
	{Default, "working set of programs, seats priced by their worth", NewInterlude},
	{"working-set", "the working set as first measured: no guard, hints unused", NewWorkingSet},
	{"request-fcfs", "vLLM: turns by arrival, least recently used memory goes first", NewRequestFCFS},
	{"program-fcfs", "programs by arrival, least recently used memory goes first", NewProgramFCFS},
	{"no-retention", "turns by arrival, no prefix cache", NewNoRetention},
	{"always-pin", "every idle program pinned, unpinned to break a deadlock", NewAlwaysPin},
	{"ttl-8s", "pins of 8 s, unpinned to break a deadlock", fixed(8)},
	{"ttl-32s", "pins of 32 s, unpinned to break a deadlock", fixed(32)},
	{"ttl-128s", "pins of 128 s, unpinned to break a deadlock", fixed(128)},
	{"two-seconds", "Continuum's released code: pins of 2 s", NewTwoSeconds},
	{"continuum", "Continuum's paper: pins by its objective, yielding to a blocked first in order", NewContinuum},
	{"continuum-stuck", "the same, yielding to a deadlock alone", NewContinuumStuck},
	{"infercept", "InferCept: preserve while that wastes least", NewInferCept},
	{"plas", "Autellix: least attained service first", NewPLAS},
	{"thunder", "ThunderAgent: programs paused when contexts exceed the pool", NewThunder},
}

// NewInterlude makes the default policy.
func NewInterlude(env Env) Policy { return WorkingSetBy(DefaultRules)(env) }

func fixed(seconds programs.Duration) func(Env) Policy {
	return func(Env) Policy { return NewTTL(seconds*programs.Second, UnpinWhenStuck) }
}

// Names lists the policies.
func Names() (names []string) {
	for _, p := range Policies {
		names = append(names, p.Name)
	}
	return names
}

// ByName finds a policy; the error lists what there is.
func ByName(name string) (Named, error) {
	for _, p := range Policies {
		if p.Name == name {
			return p, nil
		}
	}
	return Named{}, fmt.Errorf("no policy is called %q; there are %s", name, strings.Join(Names(), ", "))
}
