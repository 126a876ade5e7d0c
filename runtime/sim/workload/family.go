package workload

import (
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// DrawFamilies picks n programs without a parent, with replacement, each
// followed by the programs that it started, those that they started, and so on.
// A family with a member whose Final exceeds limit is not drawn. It gives nil
// when no family is small enough. The roots, n of them, have Parent -1.
//
// What a parent waits for is in Children; Gap is what remains of the recorded
// gap when the longest child's run is taken out. Runs were recorded without
// the time that the model took: 3 s a turn and 15.2 ms a token are assumed, which
// were measured on the recordings of "weka" and describe those of "agentcgroup"
// as well. Where that leaves nothing, Gap is 0.
func (s *Set) DrawFamilies(seed uint64, n int, limit programs.Tokens) []Program {
	children := s.children()
	var fit [][]int
	for i := range s.Programs {
		if s.Programs[i].Parent >= 0 {
			continue
		}
		family := appendFamily(nil, i, children)
		if !slices.ContainsFunc(family, func(m int) bool { return s.Programs[m].Final() > limit }) {
			fit = append(fit, family)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	random := stream(seed, "draw", 0)
	var drawn []Program
	for i := range n {
		drawn = s.appendDrawn(drawn, fit[random.IntN(len(fit))], i)
	}
	return drawn
}

// children lists each program's children, in their order in the set.
func (s *Set) children() [][]int {
	children := make([][]int, len(s.Programs))
	for i := range s.Programs {
		if parent := s.Programs[i].Parent; parent >= 0 {
			children[parent] = append(children[parent], i)
		}
	}
	return children
}

// appendFamily appends program i and all that descend from it, parents first.
func appendFamily(family []int, i int, children [][]int) []int {
	family = append(family, i)
	for _, child := range children[i] {
		family = appendFamily(family, child, children)
	}
	return family
}

// appendDrawn appends copies of the family's members, which refer to each other.
func (s *Set) appendDrawn(drawn []Program, family []int, draw int) []Program {
	place := make(map[int]int, len(family)) // from the index in the set to that in drawn
	for _, member := range family {
		p := s.Programs[member]
		p.ID = drawnID(p.ID, draw)
		at := len(drawn)
		place[member] = at
		if p.Parent >= 0 {
			p.Parent = place[p.Parent]
			parent := &drawn[p.Parent]
			parent.Turns[p.ParentTurn].Children = append(parent.Turns[p.ParentTurn].Children, at)
		}
		if len(family) > 1 {
			p.Turns = slices.Clone(p.Turns)
		}
		drawn = append(drawn, p)
	}
	for i := len(drawn) - len(family); i < len(drawn); i++ {
		for t := range drawn[i].Turns {
			waitForChildren(&drawn[i].Turns[t], drawn)
		}
	}
	return drawn
}

// waitForChildren takes the longest run among the children that the turn waits
// for out of its gap. Parents come before their children in drawn, so the
// children's own gaps are still as recorded.
func waitForChildren(t *Turn, drawn []Program) {
	var run programs.Duration
	for _, child := range t.Children {
		if !drawn[child].Async {
			run = max(run, recordedRun(&drawn[child]))
		}
	}
	t.Gap = max(0, t.Gap-run)
}

// What the model took in the recordings of subagents.
const (
	recordedTurn  = 3 * programs.Second
	recordedToken = 15200 * programs.Microsecond
)

// recordedRun is about how long the program ran when it was recorded.
func recordedRun(p *Program) programs.Duration {
	w := p.Remaining(-1)
	return w.Gaps + programs.Duration(w.Turns)*recordedTurn + programs.Duration(w.Decode)*recordedToken
}
