package core

import (
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// This file is what programs have in common from their first token on. A program that
// names a parent begins as the parent does, and so as all others that name it, and one
// that names an opening as all others that name that: whoever of them has the cells
// gives them to the next. So what is shared stays in memory as long as anybody uses it,
// and needs no pin of its own: the parent may lose its cells or end.

// family are the programs that named an opening, or a parent while its context was not
// rewritten. It only grew meanwhile, so that what they have in common with it they have in
// common with each other.
type family struct {
	name    programs.ProgramID
	parent  *program             // nil when it is an opening, or a program that is not known, or not any longer
	members int                  // children that are known
	leader  *program             // the child that others stand behind, see behind.go; nil when none does
	behind  []*program           // those, in the order in which they came
	holders order.Heap[*program] // those with cells that are the parent's as well, whoever has most first
}

// kin is a program's place in a family; the zero kin is in none.
type kin struct {
	of    *family
	trunk programs.Tokens // from the start of the context, the same as in the parent's
	place order.Entry[*program]
}

// family is whose the turn's program is, by a name, and how many tokens it has in common
// with the others.
func (ev *TurnArrived) family() (name programs.ProgramID, shared programs.Tokens) {
	if ev.Opens > ev.Shared {
		return ev.Opening, ev.Opens
	}
	return ev.Parent, ev.Shared
}

// join makes p a child of the named parent, or opening, with which it has so many tokens
// in common.
func (m *Machine) join(p *program, name programs.ProgramID, shared programs.Tokens) {
	m.part(p)
	f := m.families[name]
	if f == nil {
		f = &family{name: name, parent: m.programs[name]}
		m.families[name] = f
	}
	f.members++
	p.kin.of, p.kin.trunk = f, shared
	p.offer()
}

// part takes a program out of its family.
func (m *Machine) part(p *program) {
	f := p.kin.of
	if f == nil {
		return
	}
	f.holders.Remove(&p.kin.place)
	p.kin.of = nil
	if f.members--; f.members == 0 && m.families[f.name] == f {
		delete(m.families, f.name)
	}
}

// orphan says that a program, known or not, is no longer, or not yet, what its children
// have named. They stay a family, and who names the program from now on is of another.
func (m *Machine) orphan(name programs.ProgramID) {
	if f := m.families[name]; f != nil {
		f.parent = nil
		delete(m.families, name)
	}
}

// offer has others begin with the cells that a program has of its family.
func (p *program) offer() {
	k := &p.kin
	if k.of == nil {
		return
	}
	rank := programs.Rank{At: -programs.Time(p.common()), Program: p.ID}
	switch {
	case rank.At == 0:
		k.of.holders.Remove(&k.place)
	case !k.place.In() || k.place.Rank() != rank:
		k.place.Value = p
		k.of.holders.Put(&k.place, rank)
	}
}

// common is how many cells of its family's a program has.
func (p *program) common() programs.Tokens { return min(p.kin.trunk, p.Cells) }

// stem is whose first cells a program that has no sequence may begin with, and how many
// they are: the parent's, or those of the child that has most.
func (p *program) stem() (from *program, cells programs.Tokens) {
	f := p.kin.of
	if p.seq != 0 || f == nil || p.turn.uncached {
		return nil, 0
	}
	if f.parent != nil && f.parent.seq != 0 {
		from, cells = f.parent, min(f.parent.Cells, p.kin.trunk)
	}
	if top := f.holders.Top(); top != nil {
		if n := min(top.Value.common(), p.kin.trunk); n > cells {
			from, cells = top.Value, n
		}
	}
	return from, cells
}
