package grammar

import (
	"cmp"
	"slices"
)

// automaton is a deterministic one over characters. A grammar made of it follows one
// way through a string only, however ambiguous the pattern is, and two of them can
// hold together. It begins in state 0; one without states accepts nothing.
type automaton struct{ states []place }

// place is a state: whether the text may end in it, and what may come next.
type place struct {
	final bool
	edges []edge // their characters do not overlap
}

type edge struct {
	on []span // in order, apart
	to int
}

// span is the characters first … last.
type span struct{ first, last rune }

// maxPlaces bounds the states of an automaton.
const maxPlaces = 2000

// every is all characters that a JSON string can have.
var every = []span{{0, 0xd7ff}, {0xe000, 0x10ffff}}

// lengths is the automaton of the texts of that many characters.
func lengths(least, most int) automaton {
	var m automaton
	for i := range max(least, most) + 1 {
		m.states = append(m.states, place{final: i >= least, edges: []edge{{every, i + 1}}})
	}
	last := &m.states[len(m.states)-1]
	if last.edges[0].to = len(m.states) - 1; most != unlimited {
		last.edges = nil
	}
	return m
}

// meet is the automaton of the texts that both accept; false where it would be too
// large.
func (m automaton) meet(n automaton) (automaton, bool) {
	if len(m.states) == 0 || len(n.states) == 0 {
		return automaton{}, true
	}
	type pair struct{ a, b int }
	ids := map[pair]int{{0, 0}: 0}
	todo := []pair{{0, 0}}
	var out automaton
	for i := 0; i < len(todo); i++ {
		if len(todo) > maxPlaces {
			return automaton{}, false
		}
		a, b := m.states[todo[i].a], n.states[todo[i].b]
		p := place{final: a.final && b.final}
		for _, ea := range a.edges {
			for _, eb := range b.edges {
				on := common(ea.on, eb.on)
				if len(on) == 0 {
					continue
				}
				next := pair{ea.to, eb.to}
				id, ok := ids[next]
				if !ok {
					id = len(todo)
					ids[next] = id
					todo = append(todo, next)
				}
				p.edges = append(p.edges, edge{on, id})
			}
		}
		out.states = append(out.states, p)
	}
	return out.trim(), true
}

// limit is the automaton of those of its texts that have as many characters; false
// where it would be too large.
func (m automaton) limit(least, most int) (automaton, bool) {
	if max(least, most) > maxPlaces {
		return automaton{}, false
	}
	return m.meet(lengths(least, most))
}

// trim leaves out the states that no text ends behind.
func (m automaton) trim() automaton {
	into := make([][]int, len(m.states)) // from which states
	var todo []int
	alive := make([]bool, len(m.states))
	for i, p := range m.states {
		for _, e := range p.edges {
			into[e.to] = append(into[e.to], i)
		}
		if p.final {
			alive[i] = true
			todo = append(todo, i)
		}
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, from := range into[i] {
			if !alive[from] {
				alive[from] = true
				todo = append(todo, from)
			}
		}
	}
	if len(m.states) == 0 || !alive[0] {
		return automaton{}
	}
	ids := make([]int, len(m.states))
	n := 0
	for i := range m.states {
		ids[i] = n
		if alive[i] {
			n++
		}
	}
	var out automaton
	for i, p := range m.states {
		if !alive[i] {
			continue
		}
		kept := place{final: p.final}
		for _, e := range p.edges {
			if alive[e.to] {
				kept.edges = append(kept.edges, edge{e.on, ids[e.to]})
			}
		}
		out.states = append(out.states, kept)
	}
	return out
}

func (m automaton) matches(text string) bool {
	if len(m.states) == 0 {
		return false
	}
	at := 0
next:
	for _, r := range text {
		for _, e := range m.states[at].edges {
			if has(e.on, r) {
				at = e.to
				continue next
			}
		}
		return false
	}
	return m.states[at].final
}

func has(set []span, r rune) bool {
	return slices.ContainsFunc(set, func(s span) bool { return s.first <= r && r <= s.last })
}

// common is the characters of both sets.
func common(a, b []span) (out []span) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if first, last := max(a[i].first, b[j].first), min(a[i].last, b[j].last); first <= last {
			out = append(out, span{first, last})
		}
		if a[i].last < b[j].last {
			i++
		} else {
			j++
		}
	}
	return out
}

// tidy puts spans in order and joins those that touch.
func tidy(set []span) (out []span) {
	slices.SortFunc(set, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	for _, s := range set {
		if n := len(out); n > 0 && s.first <= out[n-1].last+1 {
			out[n-1].last = max(out[n-1].last, s.last)
		} else {
			out = append(out, s)
		}
	}
	return out
}
