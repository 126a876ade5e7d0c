package workload

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
)

// Continuum's workloads, by the moments that its authors publish.
var (
	swebench = published{name: "swebench", tool: "bash", turns: moments{10.9, 2.1}, gap: moments{0.925, 3.550}, final: moments{70_126, 19_732}}
	bfcl     = published{name: "bfcl", tool: "web_search", turns: moments{6.3, 2.3}, gap: moments{1.923, 2.133}, final: moments{93_256, 68_687}}
)

// Names lists what Generate makes.
func Names() []string {
	return []string{"agentcgroup", "swebench-mini", "weka", "swebench", "bfcl", "forks"}
}

// Generate makes a set of n programs. The i-th is the same in a set of any size.
//
// "swebench" and "bfcl" have the published mean and standard deviation of turns
// (a program has at least one), tool times and tokens of a program, which are
// taken for its largest context. What is not published: outputs have a mean of
// 250 tokens, first prompts are like later inputs, nothing is shared.
//
// "agentcgroup", "swebench-mini" and "weka" follow their profiles; subagents are
// generated as programs on their own. "forks" is [Forks] with three children; it
// has n parents.
func Generate(name string, seed uint64, n int, opts ...Option) (*Set, error) {
	switch name {
	case "swebench":
		return generate(name, seed, n, opts, swebench.program)
	case "bfcl":
		return generate(name, seed, n, opts, bfcl.program)
	case "forks":
		return Forks(seed, n, 3, opts...)
	}
	p, err := profileOf(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("workload %s: there is no such workload to generate; there are %s", name, strings.Join(Names(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("workload %s: %w", name, err)
	}
	f, err := follow(p)
	if err != nil {
		return nil, fmt.Errorf("workload %s: %w", name, err)
	}
	return generate(name, seed, n, opts, f.program)
}

// generator makes a program and those that descend from it, parents first;
// Parent is an index among them.
type generator func(id int, random *rand.Rand, o options) []Program

func generate(name string, seed uint64, n int, opts []Option, next generator) (*Set, error) {
	if n < 1 {
		return nil, fmt.Errorf("workload %s: %d programs: generate one or more", name, n)
	}
	s := &Set{Name: name, Source: fmt.Sprintf("generated (seed %d, %d programs)", seed, n)}
	o := optionsOf(opts)
	for i := range n {
		start := len(s.Programs)
		for _, p := range next(i, stream(seed, name, i), o) {
			if p.Parent >= 0 {
				p.Parent += start
			}
			s.Programs = append(s.Programs, p)
		}
	}
	return s, nil
}
