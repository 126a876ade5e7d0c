package sim

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

// Rules are the scheduler's parameters, as far as a simulation can change them. They are
// those of our own arms; of rivals, the steps alone, where they have ours.
type Rules struct {
	Set        sched.Rules
	Guard      sched.Guard
	Prompts    sched.Prompts
	Steps      core.Steps
	StepTokens programs.Tokens // most tokens a step, of all arms; 0 is the engine's
}

// DefaultRules are those that serve.
func DefaultRules() Rules {
	return Rules{
		Set: sched.DefaultRules, Guard: sched.DefaultGuard, Prompts: sched.DefaultPrompts,
		Steps: core.Steps{Share: 0.8, PiledUp: 0.1, Many: 2, Crowd: 4, Hides: 0.75},
	}
}

// MaxWait is the longest that a turn of the simulation waits for its first token by these
// rules, where it can be promised; 0: they promise nothing.
func (r *Rules) MaxWait() programs.Duration { return r.Guard.Bound[programs.Interactive] }

// Rule is a parameter by its name.
type Rule struct {
	Name   string
	Unit   string
	Origin string // where its value comes from
	Says   string
	Out    string // what is left out where it is Off; "" is nothing that can be
	Off    float64

	// field points to it: a *float64, a *programs.Duration, which counts in seconds, a
	// *programs.Tokens, or a *bool, which is 0 or 1.
	field func(*Rules) any
}

const (
	lab     = "simulations of five workloads on a100-8b under the cost model max"
	serial  = "simulations of five workloads on a100-8b under the cost model serial"
	reason  = "reasoned, see its comment"
	untuned = "not tuned"
)

// KnownRules are all rules that have a name.
var KnownRules = []Rule{
	{"pool", "part of the pool", lab, "that the working set may fill", "", 0, func(r *Rules) any { return &r.Set.Pool }},
	{"growth", "part of a turn's mean growth", lab, "that is kept free for each program", "no-growth-reserve", 0, func(r *Rules) any { return &r.Set.Growth }},
	{"idle", "times its worth", lab, "that an idle seat weighs; 0: nothing", "no-idle-weight", 0, func(r *Rules) any { return &r.Set.Idle }},
	{"urgency", "s of arrival a s of work", lab, "by which less work left goes before", "no-remaining-work", 0, func(r *Rules) any { return &r.Set.Urgency }},
	{"max-wait", "s", "an operator's choice", "that somebody waits for a first token at most, where that can be promised; 0: nothing is promised", "no-guard", 0, func(r *Rules) any { return &r.Guard.Bound[programs.Interactive] }},
	{"max-wait-background", "s", "an operator's choice", "that a turn for which nobody waits does", "", 0, func(r *Rules) any { return &r.Guard.Bound[programs.Background] }},
	{"guard-slow", "times", reason, "as long as its prompts take a step full of hurried ones", "", 0, func(r *Rules) any { return &r.Guard.Slow }},
	{"guard-room", "times the work", serial, "that must be left of a tenant's part for a turn to be promised its bound", "", 0, func(r *Rules) any { return &r.Guard.Room }},
	{"guard-full", "part", serial, "of what may be promised firmly, from which on small turns are hurried; 0: none is", "", 0, func(r *Rules) any { return &r.Guard.Full }},
	{"guard-small", "steps", serial, "that are left of the prompt of such a turn, at most", "", 0, func(r *Rules) any { return &r.Guard.Small }},
	{"guard-late", "times the least time", reason, "that a turn is promised beyond the bound", "", 0, func(r *Rules) any { return &r.Guard.Late }},
	{"guard-margin", "part of the bound", reason, "for what the engine does besides", "", 0, func(r *Rules) any { return &r.Guard.Margin }},
	{"prompt-short", "steps", reason, "that are left of a prompt that goes before longer ones", "no-short-first", 0, func(r *Rules) any { return &r.Prompts.Short }},
	{"prompt-aging", "steps a s", lab, "by which a prompt that waits counts as shorter, the shortest first; 0: in the policy's order", "no-shortest-first", 0, func(r *Rules) any { return &r.Prompts.Aging }},
	{"prompt-pipe", "steps", lab, "that prompts under way may have left when a cold turn is admitted; 0: any", "no-pipe", 0, func(r *Rules) any { return &r.Prompts.Pipe }},
	{"pace-share", "part of what hides", lab, "that a step takes in of prompt beside decodes, at least", "", 0, func(r *Rules) any { return &r.Steps.Share }},
	{"pace-piled-up", "part of what hides", lab, "that each prompt under way adds", "", 0, func(r *Rules) any { return &r.Steps.PiledUp }},
	{"pace-many", "prompts", serial, "under way, from which on steps are full where little hides", "no-filling", 1e6, func(r *Rules) any { return &r.Steps.Many }},
	{"pace-crowd", "decodes", serial, "beside each of these prompts, at most", "", 0, func(r *Rules) any { return &r.Steps.Crowd }},
	{"pace-hides", "part of a step", serial, "that hides, when it is little, is less than this", "", 0, func(r *Rules) any { return &r.Steps.Hides }},
	{"unpaced", "0 or 1", "0 is how it serves", "1: prompts fill steps to the last token", "no-pacing", 1, func(r *Rules) any { return &r.Steps.Unpaced }},
	{"unhurried", "0 or 1", "0 is how it serves", "1: late prompts are paced as others are", "no-hurry", 1, func(r *Rules) any { return &r.Steps.Unhurried }},
	{"untiled", "0 or 1", "0 is how it serves", "1: paced steps need not have whole tiles", "no-tiles", 1, func(r *Rules) any { return &r.Steps.Untiled }},
	{"chunk", "tokens", "as published systems have it", "in a step at most, of all policies; 0: the engine's", "", 0, func(r *Rules) any { return &r.StepTokens }},
}

// RuleByName finds a rule.
func RuleByName(name string) (*Rule, error) {
	var names []string
	for i := range KnownRules {
		if KnownRules[i].Name == name {
			return &KnownRules[i], nil
		}
		names = append(names, KnownRules[i].Name)
	}
	return nil, fmt.Errorf("no rule is called %q; there are %s", name, strings.Join(names, ", "))
}

// Get is the rule's value.
func (k *Rule) Get(r *Rules) float64 {
	switch f := k.field(r).(type) {
	case *float64:
		return *f
	case *programs.Duration:
		return f.Seconds()
	case *programs.Tokens:
		return float64(*f)
	case *bool:
		if *f {
			return 1
		}
		return 0
	default:
		panic(fmt.Sprintf("sim: rule %s is a %T", k.Name, f)) // KnownRules is wrong
	}
}

// Default is the value that serves.
func (k *Rule) Default() float64 {
	r := DefaultRules()
	return k.Get(&r)
}

// Set changes the rule's value, which must not be negative.
func (k *Rule) Set(r *Rules, value float64) error {
	if !(value >= 0 && value <= 1e6) {
		return fmt.Errorf("rule %s: %v %s: it is from 0 to 1000000", k.Name, value, k.Unit)
	}
	switch f := k.field(r).(type) {
	case *float64:
		*f = value
	case *programs.Duration:
		*f = programs.Seconds(value)
	case *programs.Tokens:
		*f = programs.Tokens(value)
	case *bool:
		if value != 0 && value != 1 {
			return fmt.Errorf("rule %s: it is 0 or 1, not %v", k.Name, value)
		}
		*f = value == 1
	}
	return nil
}

// switched tells whether the rule is on or off and nothing between.
func (k *Rule) switched() bool {
	var r Rules
	_, ok := k.field(&r).(*bool)
	return ok
}

// Parse changes the rule that an assignment such as "idle=0.7" names.
func (r *Rules) Parse(assignment string) error {
	name, value, ok := strings.Cut(assignment, "=")
	if !ok {
		return fmt.Errorf("rule %q: write NAME=VALUE, such as idle=0.7", assignment)
	}
	rule, err := RuleByName(name)
	if err != nil {
		return err
	}
	number, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return fmt.Errorf("rule %s: %q is no number", name, value)
	}
	return rule.Set(r, number)
}
