package gbnf

import "fmt"

// Limits on a grammar. Those of real ones, made from large JSON schemas too, are
// a tenth of them.
const (
	maxText     = 1 << 18 // bytes
	maxElements = 1 << 17 // characters, references and alternatives after expansion
	maxNesting  = 200     // parentheses
	maxRepeats  = 2000    // libllama's own
	maxDepth    = 4000    // of rules that begin with one another
	maxStarts   = 1 << 20 // ways to reach a first character, over all rules
)

// Check tells what is wrong with a grammar whose start symbol is "root".
func Check(grammar string) error {
	p := &parser{text: grammar, ids: map[string]int{}}
	p.grammar()
	if p.err != nil {
		return p.err
	}
	return check(p.rules, p.ids)
}

// check looks at the rules as a whole.
func check(rules []rule, ids map[string]int) error {
	for _, r := range rules {
		if !r.defined {
			return fmt.Errorf("rule %q is used but not defined", r.name)
		}
	}
	if _, ok := ids["root"]; !ok {
		return fmt.Errorf("there is no rule \"root\" to start with")
	}
	w := walk{rules: rules, empty: nullable(rules), state: make([]visit, len(rules))}
	starts := 0
	for i := range rules {
		if err := w.enter(i, 0); err != nil {
			return err
		}
		if starts += w.state[i].starts; starts > maxStarts {
			return fmt.Errorf("too many ways to begin rule %q", rules[i].name)
		}
	}
	return nil
}

// rule is a list of alternatives.
type rule struct {
	name    string
	defined bool
	repeats bool // made for a repetition, it ends with itself
	alts    [][]item
}

// item is a reference to a rule, or a character where it is negative.
type item int

const terminal item = -1

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
			all = all && it != terminal && empty[it]
		}
		if all {
			return true
		}
	}
	return false
}

// walk follows the rules that rules begin with.
type walk struct {
	rules []rule
	empty []bool
	state []visit
}

type visit struct {
	entered, left bool
	depth         int // of the deepest rule below
	starts        int // rules visited below, each as often as there are ways to it
}

// enter visits rule i, depth rules down.
func (w *walk) enter(i, depth int) error {
	v := &w.state[i]
	if v.left && depth+v.depth <= maxDepth {
		return nil
	}
	if v.entered && !v.left {
		return fmt.Errorf("rule %q can begin with itself (left recursion)", w.rules[i].name)
	}
	if depth > maxDepth || v.left {
		return fmt.Errorf("rules that begin with one another, more than %d deep", maxDepth)
	}
	v.entered = true
	v.starts = 1
	for _, alt := range w.rules[i].alts {
		for _, it := range alt {
			if it == terminal {
				break
			}
			if int(it) == i && w.rules[i].repeats {
				break // once more from the start, for nothing: libllama notices
			}
			if err := w.enter(int(it), depth+1); err != nil {
				return err
			}
			v.depth = max(v.depth, w.state[it].depth+1)
			v.starts = min(v.starts+w.state[it].starts, maxStarts+1)
			if !w.empty[it] {
				break
			}
		}
	}
	v.left = true
	return nil
}
