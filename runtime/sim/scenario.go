package sim

import (
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

// Scenario is a case that means over loads do not show, by its name.
type Scenario struct {
	Name string
	Says string

	// Programs come from a scene, or from a workload's set, so many of them, at a load.
	Scene    func(seed uint64) *workload.Scene
	Workload string
	Programs int
	Load     float64
	World    World
}

// Scenarios are all there are.
var Scenarios = []Scenario{
	{Name: "newcomers", Says: "30 sessions without end, and after an hour 90 short programs", Scene: workload.Newcomers},
	{Name: "giant", Says: "a context of 390,000 tokens beside 150 small programs", Scene: workload.Giant},
	{
		Name: "half-honest", Says: "every second client tells how many turns are left",
		Workload: "agentcgroup", Load: 0.95, World: World{Hinting: HalfHonest},
	},
	{
		Name: "all-honest", Says: "every client tells how many turns are left",
		Workload: "agentcgroup", Load: 0.95, World: World{Hinting: AllHonest},
	},
	{Name: "all-silent", Says: "no client tells how many turns are left", Workload: "agentcgroup", Load: 0.95},
	{
		Name: "no-ends", Says: "no client says that a program is over",
		Workload: "agentcgroup", Load: 0.95, World: World{NoEnds: true},
	},
	{
		Name: "seen-128", Says: "a burst at twice the load, of which the scheduler sees 128 turns",
		Workload: "swebench", Programs: 600, Load: 2, World: World{Seen: 128},
	},
	{
		Name: "seen-all", Says: "the same burst, of which the scheduler sees every turn",
		Workload: "swebench", Programs: 600, Load: 2,
	},
}

// ScenarioByName finds a scenario.
func ScenarioByName(name string) (*Scenario, bool) {
	for i := range Scenarios {
		if Scenarios[i].Name == name {
			return &Scenarios[i], true
		}
	}
	return nil, false
}

// ScenarioNames lists the scenarios.
func ScenarioNames() (names []string) {
	for i := range Scenarios {
		names = append(names, Scenarios[i].Name)
	}
	return names
}

// Apply makes a study one of the scenario. Set is to be that of the scenario's Workload,
// if it has one, and World's fields that the scenario has none for stay.
func (c *Scenario) Apply(s *Study) {
	s.Name, s.Scene = c.Name, c.Scene
	if c.Load > 0 {
		s.Loads = []Load{{Level: c.Load}}
	}
	if c.Programs > 0 {
		s.Programs = c.Programs
	}
	s.World.Seen = orElse(c.World.Seen, s.World.Seen)
	s.World.NoEnds = c.World.NoEnds || s.World.NoEnds
	s.World.Hinting = orElse(c.World.Hinting, s.World.Hinting)
}
