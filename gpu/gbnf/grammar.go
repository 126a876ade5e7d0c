package gbnf

import "fmt"

// Limits on a grammar. Those of real ones, made from large JSON schemas too, are
// a tenth of them.
const (
	maxText    = 1 << 18 // bytes
	maxItems   = 1 << 17 // characters, references and alternatives, with repetitions written out
	maxNesting = 200     // parentheses
	maxRepeats = 2000    // libllama's own
)

// Grammar is a compiled grammar. It does not change and may be shared.
type Grammar struct {
	items []item  // of all alternatives, each followed by end
	alts  [][]int // per rule, where in items its alternatives begin
	sets  []charset
	root  int
}

// item is a reference to a rule where it is not negative, else end or ^i for
// character set i.
type item int32

const end item = -1 << 31

// Compile reads a grammar whose start symbol is "root". Errors tell the line.
func Compile(text string) (*Grammar, error) {
	p := newParser(text)
	p.grammar()
	if p.err != nil {
		return nil, p.err
	}
	for _, r := range p.rules {
		if !r.defined {
			return nil, fmt.Errorf("rule %q is used but not defined", r.name)
		}
	}
	root, ok := p.ids["root"]
	if !ok {
		return nil, fmt.Errorf("there is no rule \"root\" to start with")
	}
	if err := refuseLeftRecursion(p.rules); err != nil {
		return nil, err
	}
	g := &Grammar{sets: p.sets, root: root}
	for _, r := range p.rules {
		var starts []int
		for _, alt := range r.alts {
			starts = append(starts, len(g.items))
			g.items = append(append(g.items, alt...), end)
		}
		g.alts = append(g.alts, starts)
	}
	if g.Matcher().here.state == dead {
		return nil, fmt.Errorf("there are too many ways to begin a text")
	}
	return g, nil
}

// rule is a list of alternatives.
type rule struct {
	name    string
	defined bool
	repeats bool // made for a repetition without end, it ends with itself
	alts    [][]item
}

// refuseLeftRecursion finds rules that can begin with themselves: a matcher
// would expand them for ever.
func refuseLeftRecursion(rules []rule) error {
	empty := nullable(rules)
	const entered, left = 1, 2
	state := make([]int8, len(rules))
	var enter func(i int) error
	enter = func(i int) error {
		if state[i] == entered {
			return fmt.Errorf("rule %q can begin with itself (left recursion)", rules[i].name)
		}
		if state[i] == left {
			return nil
		}
		state[i] = entered
		for _, alt := range rules[i].alts {
			for _, it := range alt {
				if it < 0 || int(it) == i && rules[i].repeats {
					break // once more from the start for nothing is where it was
				}
				if err := enter(int(it)); err != nil {
					return err
				}
				if !empty[it] {
					break
				}
			}
		}
		state[i] = left
		return nil
	}
	for i := range rules {
		if err := enter(i); err != nil {
			return err
		}
	}
	return nil
}

// nullable tells for each rule whether it may be empty.
func nullable(rules []rule) []bool {
	empty := make([]bool, len(rules))
	for changed := true; changed; {
		changed = false
		for i := len(rules) - 1; i >= 0; i-- {
			if !empty[i] && mayBeEmpty(rules[i].alts, empty) {
				empty[i], changed = true, true
			}
		}
	}
	return empty
}

func mayBeEmpty(alts [][]item, empty []bool) bool {
	for _, alt := range alts {
		all := true
		for _, it := range alt {
			all = all && it >= 0 && empty[it]
		}
		if all {
			return true
		}
	}
	return false
}
