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

// family is a group of programs that begin with the same tokens: those that named the same
// opening, or those that named the same parent while its context only grew. When a parent's
// context is rewritten its family is closed (orphan): who names the parent after that begins
// with other tokens, and is of a new family.
type family struct {
	name    programs.ProgramID
	parent  *program             // nil for an opening, for a parent that the machine does not know, and once it was rewritten
	members int                  // known programs in the family, the parent not counted
	leader  *program             // the member that computes what others stand behind it for, see behind.go; nil: nobody
	behind  []*program           // who stands behind the leader, in the order in which they came
	holders order.Heap[*program] // members with cells of what the family begins with, the one with most first
}

// kin is a program's place in a family; the zero kin is in none.
type kin struct {
	of    *family
	trunk programs.Tokens        // tokens from the start of the context that it has in common with the family
	place *order.Entry[*program] // among the family's holders; nil before it has cells of it
}

// leaveHolders takes the program out of its family's holders, if it is one.
func (k *kin) leaveHolders() {
	if k.place != nil {
		k.of.holders.Remove(k.place)
	}
}

// isHolder tells whether the program is one of its family's holders.
func (k *kin) isHolder() bool { return k.place != nil && k.place.In() }

// family names the family that the turn puts its program into, and says how many tokens the
// context has in common with it: that of the opening or that of the parent, whichever
// gives more. With 0 tokens the program stays where it is.
func (ev *TurnArrived) family() (name programs.ProgramID, trunk programs.Tokens) {
	if ev.Opens > ev.Inherits {
		return ev.Opening, ev.Opens
	}
	return ev.Parent, ev.Inherits
}

// join puts p into the family of that name, with which it has trunk tokens in common.
func (m *Machine) join(p *program, name programs.ProgramID, trunk programs.Tokens) {
	m.leaveFamily(p)
	f := m.families[name]
	if f == nil {
		f = &family{name: name, parent: m.programs[name]}
		m.families[name] = f
	}
	f.members++
	p.kin.of, p.kin.trunk = f, trunk
	p.offer()
}

// leaveFamily takes a program out of its family.
func (m *Machine) leaveFamily(p *program) {
	f := p.kin.of
	if f == nil {
		return
	}
	p.kin.leaveHolders()
	p.kin.of = nil
	if f.members--; f.members == 0 && m.families[f.name] == f {
		delete(m.families, f.name)
	}
}

// orphan closes the family that named the program as parent, because the program's context
// is now another: it was rewritten, or a new program has taken the name. The members still
// begin alike and stay a family, which has no parent and takes no more members; who names
// the program from now on is of a new family.
func (m *Machine) orphan(name programs.ProgramID) {
	if f := m.families[name]; f != nil {
		f.parent = nil
		delete(m.families, name)
	}
}

// offer puts a program among the holders of its family by how many cells it has of what
// the family begins with, so that others can begin with them; with none, takes it out.
func (p *program) offer() {
	k := &p.kin
	if k.of == nil {
		return
	}
	rank := programs.Rank{At: -programs.Time(p.common()), Program: p.ID}
	if rank.At == 0 {
		k.leaveHolders()
		return
	}
	if k.place == nil {
		k.place = &order.Entry[*program]{Value: p}
	}
	if !k.place.In() || k.place.Rank() != rank {
		k.of.holders.Put(k.place, rank)
	}
}

// common is how many cells a program has of what its family begins with.
func (p *program) common() programs.Tokens { return min(p.kin.trunk, p.Cells, p.exact) }

// stem says whose first cells a program without a sequence may begin with, and how many of
// them: the parent's, or those of the holder that has most. It is nobody's, 0 cells, for a
// program that has a sequence or no family, and for an uncached turn.
func (p *program) stem() (from *program, cells programs.Tokens) {
	f := p.kin.of
	if p.seq != 0 || f == nil || p.state.uncached {
		return nil, 0
	}
	if f.parent != nil && f.parent.seq != 0 {
		from, cells = f.parent, min(f.parent.Cells, f.parent.exact, p.kin.trunk)
	}
	if top := f.holders.Top(); top != nil {
		if n := min(top.Value.common(), p.kin.trunk); n > cells {
			from, cells = top.Value, n
		}
	}
	return from, cells
}
