package gbnf

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// Bounds on what a matcher holds. A JSON grammar takes some hundred states of
// under ten stacks.
const (
	maxStacks = 1 << 8  // in one state, a multiple of 64
	maxWork   = 1 << 20 // stacks looked at between two Accepts
	maxStates = 1 << 15
	maxNodes  = 1 << 20
	maxCells  = 1 << 22 // stacks in all states
)

// Matcher follows one text through a grammar. It has one owner.
type Matcher struct {
	grammar *Grammar
	here    Cursor
	*tables
}

// Cursor is a place in a text: after it, of all ways through the grammar, those
// remain that its state stands for. A Cursor lives until the next Accept.
type Cursor struct {
	state   int32
	partial partial
}

// tables are the automaton as far as it has been built.
type tables struct {
	nodes   []node
	nodeIDs map[node]int32
	states  []state
	byKey   map[string]int32
	cells   int
	work    int // stacks looked at since the last Accept

	// Scratch of one transition.
	seen map[int32]bool
	todo []int32
	key  []byte
}

// node is a stack: what is to be matched next, and the stack below. Stack 0 is
// the empty one, with which the text may end.
type node struct{ at, below int32 }

// state is a set of stacks, in order, whose tops are character sets.
type state struct {
	stacks []int32
	ascii  *[utf8.RuneSelf]int32 // successors; 0: not known yet
	wide   map[rune]int32
	by     []way // successors by the stacks that take the character
}

// way is the state that some of a state's stacks lead to, a bit for each.
type way struct {
	taking [maxStacks / 64]uint64
	to     int32
}

// dead is the state without stacks: nothing matches any more.
const dead int32 = 1

// Matcher begins a text.
func (g *Grammar) Matcher() *Matcher {
	m := &Matcher{grammar: g, tables: newTables()}
	for _, at := range g.alts[g.root] {
		m.expand(m.push(int32(at), 0))
	}
	m.here.state = m.intern()
	return m
}

func newTables() *tables {
	t := &tables{nodes: make([]node, 1), nodeIDs: map[node]int32{}, byKey: map[string]int32{}, seen: map[int32]bool{}}
	t.states = make([]state, 2) // 0 is no state
	t.byKey[""] = dead
	return t
}

// Here is where the text stands.
func (m *Matcher) Here() Cursor { return m.here }

// Step is one byte ahead of c; false where the grammar does not allow it.
func (m *Matcher) Step(c Cursor, b byte) (Cursor, bool) {
	if c.partial.left == 0 && b < utf8.RuneSelf {
		c.state = m.successor(c.state, rune(b))
		return c, c.state != dead
	}
	p, ok := c.partial.add(b)
	if !ok {
		return c, false
	}
	if p.left > 0 {
		c.partial = p
		return c, m.could(c.state, p.completions())
	}
	c.partial = partial{}
	c.state = m.successor(c.state, p.value)
	return c, c.state != dead && utf8.ValidRune(p.value)
}

// could tells whether any character of s may come next.
func (m *Matcher) could(state int32, s span) bool {
	for _, stack := range m.states[state].stacks {
		if stack != 0 && m.top(stack).meets(s) {
			return true
		}
	}
	return false
}

// Accept adds bytes to the text. It is false, and the text as it was, where the
// grammar does not allow them.
func (m *Matcher) Accept(piece []byte) bool {
	c, ok := m.here, true
	for _, b := range piece {
		if c, ok = m.Step(c, b); !ok {
			return false
		}
	}
	m.here, m.work = c, 0
	if m.crowded() {
		m.rebuild()
	}
	return true
}

// Done tells whether the text may end here.
func (m *Matcher) Done() bool {
	stacks := m.states[m.here.state].stacks
	return m.here.partial.left == 0 && len(stacks) > 0 && stacks[0] == 0
}

// successor is the state after r.
func (m *Matcher) successor(from int32, r rune) int32 {
	known := m.known(from, r)
	if known != 0 {
		return known
	}
	to := m.transition(from, r)
	if to == 0 {
		return dead
	}
	if r < utf8.RuneSelf {
		m.states[from].ascii[r] = to
	} else {
		m.states[from].wide[r] = to
	}
	return to
}

// known is the state after r where it has been looked up before, else 0.
func (m *Matcher) known(from int32, r rune) int32 {
	s := &m.states[from]
	if s.ascii == nil {
		s.ascii, s.wide = new([utf8.RuneSelf]int32), map[rune]int32{}
	}
	if r < utf8.RuneSelf {
		return s.ascii[r]
	}
	return s.wide[r]
}

// transition computes the state after r; 0 where that would take too much. Characters
// that the same stacks take, as most letters do within a string, lead to one state.
func (m *Matcher) transition(from int32, r rune) int32 {
	if m.work > maxWork || m.full() {
		return 0
	}
	stacks := m.states[from].stacks
	var taking [maxStacks / 64]uint64
	for i, stack := range stacks {
		if stack != 0 && m.top(stack).has(r) {
			taking[i/64] |= 1 << (i % 64)
		}
	}
	for _, w := range m.states[from].by {
		if w.taking == taking {
			m.work++
			return w.to
		}
	}
	for i, stack := range stacks {
		if taking[i/64]>>(i%64)&1 == 1 {
			n := m.nodes[stack]
			m.expand(m.push(n.at+1, n.below))
		}
	}
	to := m.intern()
	m.states[from].by = append(m.states[from].by, way{taking, to})
	return to
}

// top is the character set on top of a stack.
func (m *Matcher) top(stack int32) *charset {
	return &m.grammar.sets[^m.grammar.items[m.nodes[stack].at]]
}

// push puts what stands at an index of the grammar's items on a stack.
func (m *Matcher) push(at, below int32) int32 {
	if m.grammar.items[at] == end {
		return below
	}
	n := node{at, below}
	id, ok := m.nodeIDs[n]
	if !ok {
		id = int32(len(m.nodes))
		m.nodes = append(m.nodes, n)
		m.nodeIDs[n] = id
	}
	return id
}

// expand replaces a rule on top of a stack by each of its alternatives until
// characters are on top. All stacks seen on the way are left in seen.
func (m *Matcher) expand(stack int32) {
	m.todo = append(m.todo[:0], stack)
	for len(m.todo) > 0 && len(m.seen) < 16*maxStacks {
		s := m.todo[len(m.todo)-1]
		m.todo = m.todo[:len(m.todo)-1]
		if m.seen[s] {
			continue
		}
		m.seen[s] = true
		n := m.nodes[s]
		if s == 0 || m.grammar.items[n.at] < 0 {
			continue
		}
		below := m.push(n.at+1, n.below)
		for _, at := range m.grammar.alts[m.grammar.items[n.at]] {
			m.todo = append(m.todo, m.push(int32(at), below))
		}
	}
}

// intern is the state of the expanded stacks that were seen, and forgets them.
func (m *Matcher) intern() int32 {
	var stacks []int32
	for s := range m.seen {
		if s == 0 || m.grammar.items[m.nodes[s].at] < 0 {
			stacks = append(stacks, s)
		}
	}
	m.work += len(m.seen)
	clear(m.seen)
	slices.Sort(stacks)
	m.key = m.key[:0]
	for _, s := range stacks {
		m.key = binary.LittleEndian.AppendUint32(m.key, uint32(s))
	}
	if id, ok := m.byKey[string(m.key)]; ok {
		return id
	}
	if len(stacks) > maxStacks {
		return dead
	}
	id := int32(len(m.states))
	m.states = append(m.states, state{stacks: stacks})
	m.byKey[string(m.key)] = id
	m.cells += len(stacks)
	return id
}

func (m *Matcher) full() bool {
	return len(m.states) >= maxStates || len(m.nodes) >= maxNodes || m.cells >= maxCells
}

// crowded tells whether the tables may be full before the next Accept has made room:
// what is looked up behind that is refused.
func (m *Matcher) crowded() bool {
	return len(m.states) >= maxStates/2 || len(m.nodes) >= maxNodes/2 || m.cells >= maxCells/2
}

// rebuild begins new tables with the state that the text is in.
func (m *Matcher) rebuild() {
	old := m.tables
	m.tables = newTables()
	for _, s := range old.states[m.here.state].stacks {
		var chain []node
		for ; s != 0; s = old.nodes[s].below {
			chain = append(chain, old.nodes[s])
		}
		below := int32(0)
		for _, n := range slices.Backward(chain) {
			below = m.push(n.at, below)
		}
		m.seen[below] = true
	}
	m.here.state = m.intern()
}
