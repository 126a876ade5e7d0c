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

	Shares bool // it is a Sharer
	Prices bool // it goes by Program.Seat: memory is taken by LeastWorth
}

// Default is the name of the policy that serves unless another is chosen.
const Default = "interlude"

// Policies are all there are, the default first.
var Policies = []Named{
	{Name: Default, Says: "working set of programs, seats priced by their worth", New: NewInterlude, Shares: true, Prices: true},
	{Name: "working-set", Says: "the working set as first measured: idle seats at their full worth, remaining work unused", New: NewWorkingSet, Shares: true, Prices: true},
	{Name: "request-fcfs", Says: "vLLM: turns by arrival, least recently used memory goes first", New: NewRequestFCFS},
	{Name: "program-fcfs", Says: "programs by arrival, least recently used memory goes first", New: NewProgramFCFS},
	{Name: "no-retention", Says: "turns by arrival, no prefix cache", New: NewNoRetention},
	{Name: "always-pin", Says: "every idle program pinned, unpinned to break a deadlock", New: NewAlwaysPin},
	{Name: "ttl-8s", Says: "pins of 8 s, unpinned to break a deadlock", New: fixed(8)},
	{Name: "ttl-32s", Says: "pins of 32 s, unpinned to break a deadlock", New: fixed(32)},
	{Name: "ttl-128s", Says: "pins of 128 s, unpinned to break a deadlock", New: fixed(128)},
	{Name: "continuum-released", Says: "Continuum's released code: pins of 2 s, none for tools that take longer", New: NewContinuumReleased},
	{Name: "continuum", Says: "Continuum's paper: pins by its objective, yielding to a blocked first in order", New: NewContinuum},
	{Name: "continuum-stuck", Says: "the same, yielding to a deadlock alone", New: NewContinuumStuck},
	{Name: "infercept", Says: "InferCept: preserve, swap or discard, whatever wastes least by now", New: NewInferCept},
	{Name: "plas", Says: "Autellix: least attained service first, preempting", New: NewPLAS},
	{Name: "thunder", Says: "inspired by ThunderAgent: programs paused when contexts exceed the pool, the longest that fits resumed", New: NewThunder},
	{Name: "thunder-released", Says: "ThunderAgent's released router: paused and resumed every 5 s, the shortest first", New: NewThunderReleased},
	{Name: "thunder-dynamo", Says: "the same as Dynamo has it, in bands of the pool", New: NewThunderDynamo},
	{Name: "mori", Says: "MORI: the busiest programs on the device, the more idle ones on the host, settled every 5 s", New: NewMori},
	{Name: "cachewise", Says: "CacheWise: who lacks the fewest cells first, memory taken from who is expected back last", New: NewCacheWise},
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
