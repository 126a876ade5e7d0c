package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// Arm is one way to serve the programs of a study.
type Arm struct {
	Name string
	Says string
	Kind Kind

	policy  func(sched.Env) sched.Policy
	full    bool // steps are always filled with prompt, as published systems do
	know    Knowledge
	endless bool // a pool that holds every context
	bounded bool // waits are, see Study.MaxWait
	late    bool // cells come back from lower tiers no sooner than their turn is admitted
}

// Kind says what an arm is for.
type Kind string

// The kinds.
const (
	Ours        Kind = "ours"
	Baseline    Kind = "baseline"    // as published, or as other engines do
	Ablation    Kind = "ablation"    // ours without a part, or another with it
	Clairvoyant Kind = "clairvoyant" // knows what no policy can
)

// Arms are those of a study, ours first.
func Arms() []Arm {
	arms := []Arm{
		{Name: sched.Default, Kind: Ours, bounded: true},
		{Name: "interlude/full-steps", Says: "ours, with steps filled with prompt", Kind: Ablation, policy: sched.NewInterlude, bounded: true, full: true},
		{Name: "interlude/no-guard", Says: "ours, without a bound on waits", Kind: Ablation, policy: sched.NewInterlude},
		{Name: "interlude/no-prefetch", Says: "ours, with cells fetched for admitted turns alone", Kind: Ablation, policy: sched.NewInterlude, bounded: true, late: true},
		{Name: "interlude/gaps-known", Says: "ours, told how long each tool will take", Kind: Clairvoyant, policy: sched.NewInterlude, bounded: true, know: Knowledge{Gaps: true}},
		{Name: "interlude/gaps-known/no-prefetch", Says: "the same, with cells fetched for admitted turns alone", Kind: Clairvoyant, policy: sched.NewInterlude, bounded: true, know: Knowledge{Gaps: true}, late: true},
		{Name: "interlude/work-known", Says: "ours, told the engine time that is left", Kind: Clairvoyant, policy: sched.NewInterlude, bounded: true, know: Knowledge{Work: true}},
		{Name: "interlude/both-known", Says: "ours, told both", Kind: Clairvoyant, policy: sched.NewInterlude, bounded: true, know: Knowledge{Gaps: true, Work: true}},
		{Name: "endless-pool", Says: "ours, with a pool for all contexts", Kind: Clairvoyant, policy: sched.NewInterlude, bounded: true, endless: true},
	}
	for _, p := range sched.Policies {
		switch p.Name {
		case sched.Default:
			arms[0].Says, arms[0].policy = p.Says, p.New
		case "working-set":
			arms = append(arms, Arm{Name: p.Name, Says: p.Says + ", full steps", Kind: Ablation, policy: p.New, full: true, late: true})
		default:
			arms = append(arms, Arm{Name: p.Name, Says: p.Says, Kind: Baseline, policy: p.New, full: true, late: true})
		}
	}
	for _, name := range [...]string{"program-fcfs", "thunder"} {
		p, err := sched.ByName(name)
		if err != nil {
			panic(err) // the names above are of policies there are
		}
		arms = append(arms, Arm{Name: name + "/paced", Says: p.Says + ", with our steps", Kind: Ablation, policy: p.New, late: true})
	}
	return arms
}

// config is a simulation under the arm.
func (a *Arm) config(c Config) Config {
	c.Policy, c.FixedSteps, c.NoPrefetch, c.Know = a.policy, a.full, a.late, a.know
	if !a.bounded {
		c.Guard = sched.Guard{}
	}
	if a.endless {
		c.Pool, c.Host, c.Disk = endless(c), 0, 0
	}
	return c
}

// endless is a pool for all contexts of all programs at once.
func endless(c Config) (cells programs.Tokens) {
	for i := range c.Programs {
		p := &c.Programs[i]
		most := programs.Tokens(0)
		for t := range p.Turns {
			most = max(most, p.Turns[t].Context()+p.Turns[t].Output)
		}
		cells += most + p.SharedPrefix + 4096
	}
	return max(cells, c.Pool)
}

// Load is how much is asked of an engine.
type Load struct {
	Level float64 // of what it can do at most, see Study
	CV    float64 // coefficient of variation of the times between arrivals; 0 is 1, Poisson's
}

// Bursty is the coefficient of variation of bursty loads.
const Bursty = 3

func (l Load) String() string {
	if l.CV > 1 {
		return fmt.Sprintf("%g bursty", l.Level)
	}
	return fmt.Sprintf("%g", l.Level)
}

// PickArms finds arms by their names; ours is always in front, and no names are all.
func PickArms(names []string) ([]Arm, error) {
	all := Arms()
	if len(names) == 0 {
		return all, nil
	}
	picked := all[:1:1]
	for _, name := range names {
		at := slices.IndexFunc(all, func(a Arm) bool { return a.Name == name })
		switch {
		case at < 0:
			return nil, fmt.Errorf("there is no policy %q to simulate; there are %s", name, strings.Join(armNames(all), ", "))
		case at > 0:
			picked = append(picked, all[at])
		}
	}
	return picked, nil
}

func armNames(arms []Arm) (names []string) {
	for i := range arms {
		names = append(names, arms[i].Name)
	}
	return names
}
