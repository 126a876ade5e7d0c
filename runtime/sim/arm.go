package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

// Arm is one way to serve the programs of a study.
type Arm struct {
	Name string
	Says string
	Kind Kind
	Of   string // the policy's name

	policy  func(*Rules) func(sched.Env) sched.Policy
	has     share
	rules   func(*Rules) // changes the study's rules; nil is nothing
	chunk   programs.Tokens
	full    bool // steps are published ones all the same
	know    Knowledge
	endless bool // a pool that holds every context
	late    bool // cells come back from lower tiers no sooner than their turn is admitted
}

// Kind says what an arm is for.
type Kind string

// The kinds.
const (
	Ours      Kind = "ours"
	Baseline  Kind = "baseline"   // a rival as published, or as other engines do
	BestChunk Kind = "chunk"      // a rival as published, with steps of another size
	SameSteps Kind = "same-steps" // a rival with our steps
	SameAll   Kind = "same-all"   // a rival with all of ours but the set and the prediction
	Ablation  Kind = "ablation"   // ours without a part
	Told      Kind = "told"       // ours, told the future, or with a pool without end
)

// share is how much of ours an arm has, beside a policy.
type share uint8

const (
	published  share = iota // full steps in the policy's order, and no cells ahead of their turns
	ourSteps                // and steps as ours: paced, short prompts first, late ones hurried
	everything              // and what else of ours is for any policy: the shortest prompts first, aged, the pipe, cells ahead of turns
	all                     // and the bound on waits, which is ours alone: it costs who keeps it
)

// give has a simulation be as full of ours as the share is. What is new of ours, and no
// policy's own, is given here.
func (s share) give(c *Config, r *Rules) {
	c.FixedSteps, c.NoPrefetch = s < ourSteps, s < everything
	if s >= ourSteps {
		c.Steps, c.Prompts = r.Steps, sched.Prompts{Short: r.Prompts.Short}
	}
	if s >= everything {
		c.Prompts = r.Prompts
	}
	if !c.FixedSteps && c.Prompts == (sched.Prompts{}) {
		c.Prompts.Short = 1e-9 // no prompt is so short: the zero Prompts are the default ones
	}
	if s >= all {
		c.Guard = r.Guard
	}
}

// Contenders are the rivals that have been best on some workload; with our steps they
// are simulated unless others are asked for.
var Contenders = []string{"thunder", "thunder-released", "always-pin", "ttl-8s", "ttl-32s", "ttl-128s", "continuum-stuck", "mori"}

// Chunks are the sizes of steps that rivals are tried with, beside the engine's.
var Chunks = []programs.Tokens{128, 256, 512, 1024, 2048}

// Arms are all arms, ours first.
func Arms() []Arm {
	ours := func(name, says string, kind Kind, change func(*Arm)) Arm {
		a := Arm{
			Name: name, Says: says, Kind: kind, Of: sched.Default, has: all,
			policy: func(r *Rules) func(sched.Env) sched.Policy { return sched.WorkingSetBy(r.Set) },
		}
		if change != nil {
			change(&a)
		}
		return a
	}
	arms := []Arm{
		ours(sched.Default, sched.Policies[0].Says, Ours, nil),
		ours(fullSteps, "ours, with steps filled with prompt, in the policy's order", Ablation, func(a *Arm) { a.full = true }),
	}
	for i := range KnownRules {
		if k := &KnownRules[i]; k.Out != "" {
			arms = append(arms, ours("interlude/"+k.Out, fmt.Sprintf("ours, with %s %g", k.Name, k.Off), Ablation, func(a *Arm) {
				a.rules = func(r *Rules) { must(k.Set(r, k.Off)) }
			}))
		}
	}
	arms = append(arms,
		ours("interlude/no-prefetch", "ours, with cells fetched for admitted turns alone", Ablation, func(a *Arm) { a.late = true }),
		ours("interlude/gaps-known", "ours told the future: how long each tool will take", Told, func(a *Arm) { a.know.Gaps = true }),
		ours("interlude/gaps-known/no-prefetch", "the same, with cells fetched for admitted turns alone", Told, func(a *Arm) { a.know.Gaps, a.late = true, true }),
		ours("interlude/work-known", "ours told the future: the engine time that is left", Told, func(a *Arm) { a.know.Work = true }),
		ours("interlude/both-known", "ours told the future: both", Told, func(a *Arm) { a.know = Knowledge{Gaps: true, Work: true} }),
		ours("endless-pool", "ours, with a pool for all contexts", Told, func(a *Arm) { a.endless = true }),
	)
	for _, p := range sched.Policies {
		switch p.Name {
		case sched.Default:
		case "working-set":
			arms = append(arms, Arm{Name: p.Name, Says: p.Says + ", full steps", Kind: Ablation, Of: p.Name, policy: always(p.New)})
		default:
			arms = append(arms, rivals(p)...)
		}
	}
	return arms
}

// rivals are the arms of a policy that is not ours.
func rivals(p sched.Named) []Arm {
	arms := []Arm{
		{Name: p.Name, Says: p.Says, Kind: Baseline},
		{Name: p.Name + "/our-steps", Says: p.Says + ", with our steps", Kind: SameSteps, has: ourSteps},
		{Name: p.Name + "/everything", Says: p.Says + ", with all of ours but the set and the prediction", Kind: SameAll, has: everything},
	}
	for _, tokens := range Chunks {
		arms = append(arms, Arm{
			Name: fmt.Sprintf("%s/chunk-%d", p.Name, tokens), Says: fmt.Sprintf("%s, in steps of %d tokens", p.Says, tokens),
			Kind: BestChunk, chunk: tokens,
		})
	}
	for i := range arms {
		arms[i].Of, arms[i].policy = p.Name, always(p.New)
	}
	return arms
}

// always is a policy without rules.
func always(p func(sched.Env) sched.Policy) func(*Rules) func(sched.Env) sched.Policy {
	return func(*Rules) func(sched.Env) sched.Policy { return p }
}

func must(err error) {
	if err != nil {
		panic(err) // a declaration above is wrong
	}
}

// way is what an arm comes down to: arms of the same way decide the same.
type way struct {
	policy     string
	set        sched.Rules
	full, late bool
	steps      core.Steps
	prompts    sched.Prompts
	guard      sched.Guard
	know       Knowledge
	endless    bool
	chunk      programs.Tokens
}

// config is a simulation under the arm.
func (a *Arm) config(c Config, r Rules) Config {
	if a.rules != nil {
		a.rules(&r)
	}
	c.Policy, c.Know = a.policy(&r), a.know
	a.has.give(&c, &r)
	c.FixedSteps = c.FixedSteps || a.full
	c.NoPrefetch = c.NoPrefetch || a.late
	c.StepTokens = orElse(a.chunk, r.StepTokens)
	if a.endless {
		c.Pool, c.Host, c.Disk = poolForAll(c), 0, 0
	}
	return c
}

// way is the arm's, in a simulation like c.
func (a *Arm) way(c Config, r Rules) way {
	c = a.config(c, r)
	w := way{
		policy: a.Of, full: c.FixedSteps, late: c.NoPrefetch && c.Host > 0, guard: c.Guard,
		know: a.know, endless: a.endless, chunk: orElse(c.StepTokens, c.Engine.StepTokens),
	}
	if !c.FixedSteps {
		w.steps, w.prompts = c.Steps, c.Prompts
	}
	if a.Of == sched.Default {
		if a.rules != nil {
			a.rules(&r)
		}
		w.set = r.Set
	}
	return w
}

// poolForAll is a pool for all contexts of all programs at once.
func poolForAll(c Config) (cells programs.Tokens) {
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

// DefaultArms are those of a study that asks for none: ours, ours told the future, without
// its steps and without guards, all rivals as published, and Contenders with our steps
// and with everything.
func DefaultArms() (picked []Arm) {
	for _, a := range Arms() {
		switch {
		case a.Kind == BestChunk:
		case a.Kind == Ablation && a.rules != nil && a.Name != "interlude/no-guard":
		case (a.Kind == SameSteps || a.Kind == SameAll) && !slices.Contains(Contenders, a.Of):
		default:
			picked = append(picked, a)
		}
	}
	return picked
}

// PickArms finds arms by their names, or by those of their kinds; ours is always in
// front. No names are DefaultArms, and "all" is all.
func PickArms(names []string) ([]Arm, error) {
	if len(names) == 0 {
		return DefaultArms(), nil
	}
	all := Arms()
	picked := all[:1:1]
	for _, name := range names {
		found := false
		for i := range all {
			if all[i].Name == name || string(all[i].Kind) == name || name == "all" {
				found = true
				if !slices.ContainsFunc(picked, func(a Arm) bool { return a.Name == all[i].Name }) {
					picked = append(picked, all[i])
				}
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no policy %q to simulate; there are %s", name, strings.Join(armNames(all), ", "))
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
