package workload

import (
	"fmt"
	"math/rand/v2"

	"github.com/interlude-run/interlude/programs"
)

// Forks generates n programs like those of "swebench", each of which starts
// some children at one of its turns and waits for them. A child's first context
// begins with all that the parent's turn left; the child adds a prompt of its
// own and runs for about five turns and 20,000 tokens.
func Forks(seed uint64, n, children int, opts ...Option) (*Set, error) {
	if children < 1 {
		return nil, fmt.Errorf("workload forks: %d children: give one or more", children)
	}
	return generate("forks", seed, n, opts, func(id int, random *rand.Rand, o options) []Program {
		return fork(id, children, random, o)
	})
}

// forked is what a child does behind what it inherits.
var forked = published{name: "forks", tool: "bash", turns: moments{5, 1.5}, gap: swebench.gap, final: moments{20_000, 8_000}}

// fork generates a parent and its children.
func fork(id, children int, random *rand.Rand, o options) []Program {
	parent := swebench.program(id, random, o)[0]
	parent.ID, parent.Source = fmt.Sprintf("forks/%d", id), "forks"
	family := []Program{parent}
	if len(parent.Turns) < 2 {
		return family
	}
	at := random.IntN(len(parent.Turns) - 1)
	t := &parent.Turns[at]
	t.Tool = "Task"
	var run programs.Duration
	for i := range children {
		child := Program{ID: fmt.Sprintf("%s/child%d", parent.ID, i), Source: "forks", Parent: 0, ParentTurn: at}
		child.Turns = forked.generate(random, o)
		for j := range child.Turns {
			child.Turns[j].Prefix += t.end()
		}
		run = max(run, recordedRun(&child))
		family = append(family, child)
	}
	t.Gap = o.cut(t.Gap + run) // as a recording would have it
	return family
}
