package grammar

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// Bounds on one regular expression.
const (
	maxPattern      = 2000 // bytes
	maxInstructions = 5000
	maxPatternWork  = 300_000 // character spans looked at
)

// pattern is the automaton of the texts in which a regular expression of ECMA-262
// matches somewhere. An error says what is not supported.
func (c *converter) pattern(text string) (automaton, error) {
	if known, ok := c.patterns[text]; ok {
		return known.automaton, known.err
	}
	m, work, err := compile(text)
	c.spend(1 + work/30)
	if c.patterns == nil {
		c.patterns = map[string]compiled{}
	}
	c.patterns[text] = compiled{m, err}
	return m, err
}

type compiled struct {
	automaton automaton
	err       error
}

// compile follows all ways through Go's program for the expression at once (the
// subset construction).
func compile(text string) (m automaton, work int, err error) {
	if len(text) > maxPattern {
		return automaton{}, 0, fmt.Errorf("%d bytes; the most is %d", len(text), maxPattern)
	}
	text, err = fromECMA(text)
	if err != nil {
		return automaton{}, 0, err
	}
	re, err := syntax.Parse(`(?s:.*)(?:`+text+`)`, syntax.Perl)
	if err != nil {
		return automaton{}, 0, err
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return automaton{}, 0, err
	}
	if len(prog.Inst) > maxInstructions {
		return automaton{}, len(prog.Inst), errors.New("it is too large")
	}
	s := &subsets{prog: prog, ids: map[string]int{}, mark: make([]int, len(prog.Inst))}
	s.todo = [][]uint32{{uint32(prog.Start)}} // only there a text begins, so no set is the same
	for i := 0; i < len(s.todo) && s.err == nil; i++ {
		s.expand(i)
	}
	if s.err != nil {
		return automaton{}, s.work, s.err
	}
	return s.out.trim(), s.work, nil
}

// subsets makes a state of each set of instructions that a text can lead to.
type subsets struct {
	prog *syntax.Prog
	ids  map[string]int
	todo [][]uint32 // the set of each state
	out  automaton
	mark []int // in which walk an instruction was seen last
	walk int
	work int
	err  error
}

// id is the state of a set. Those that have matched, whatever comes, are one: nil.
func (s *subsets) id(set []uint32) int {
	if _, matched := s.closure(set, 0); matched {
		set = nil
	}
	slices.Sort(set)
	set = slices.Compact(set)
	key := fmt.Sprint(set)
	id, ok := s.ids[key]
	if !ok {
		id = len(s.todo)
		s.ids[key] = id
		s.todo = append(s.todo, set)
	}
	return id
}

// expand makes state i.
func (s *subsets) expand(i int) {
	begin := syntax.EmptyOp(0)
	if i == 0 {
		begin = syntax.EmptyBeginText
	}
	now, matched := s.closure(s.todo[i], begin)
	if matched || len(s.todo[i]) == 0 {
		s.out.states = append(s.out.states, place{final: true, edges: []edge{{every, i}}})
		return
	}
	_, final := s.closure(s.todo[i], begin|syntax.EmptyEndText)
	p := place{final: final}

	// Characters between two cuts are all alike.
	var cuts []rune
	takes := make([][]span, len(now)) // what each instruction takes, from the cut on
	for k, pc := range now {
		takes[k] = s.spans(pc)
		for _, r := range takes[k] {
			cuts = append(cuts, r.first, r.last+1)
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	edges := map[int]int{} // which edge goes to a state
	for c := 0; c+1 < len(cuts); c++ {
		if s.work += len(now); s.work > maxPatternWork {
			s.err = errors.New("it is too large")
			return
		}
		var next []uint32
		for k, pc := range now {
			for len(takes[k]) > 0 && takes[k][0].last < cuts[c] {
				takes[k] = takes[k][1:]
			}
			if len(takes[k]) > 0 && takes[k][0].first <= cuts[c] {
				next = append(next, s.prog.Inst[pc].Out)
			}
		}
		on := common([]span{{cuts[c], cuts[c+1] - 1}}, every)
		if len(next) == 0 || len(on) == 0 {
			continue
		}
		to := s.id(next)
		e, ok := edges[to]
		if !ok {
			e = len(p.edges)
			edges[to] = e
			p.edges = append(p.edges, edge{to: to})
		}
		p.edges[e].on = append(p.edges[e].on, on...)
	}
	for e := range p.edges {
		p.edges[e].on = tidy(p.edges[e].on)
	}
	if s.out.states = append(s.out.states, p); len(s.todo) > maxPlaces {
		s.err = errors.New("it is too large")
	}
}

// closure is the instructions for characters that set leads to without one, and
// whether it leads to a match. The conditions are those that hold here.
func (s *subsets) closure(set []uint32, hold syntax.EmptyOp) (now []uint32, matched bool) {
	s.walk++
	todo := slices.Clone(set)
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if s.mark[pc] == s.walk {
			continue
		}
		s.mark[pc] = s.walk
		s.work++
		switch inst := s.prog.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, inst.Out)
		case syntax.InstEmptyWidth:
			need := syntax.EmptyOp(inst.Arg)
			if need&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
				s.err = errors.New("word boundaries are not supported")
			}
			if need&^hold == 0 {
				todo = append(todo, inst.Out)
			}
		case syntax.InstMatch:
			matched = true
		case syntax.InstFail:
		default:
			now = append(now, pc)
		}
	}
	return now, matched
}

// spans is the characters that an instruction takes.
func (s *subsets) spans(pc uint32) (out []span) {
	inst := &s.prog.Inst[pc]
	switch inst.Op {
	case syntax.InstRuneAny:
		return every
	case syntax.InstRuneAnyNotNL:
		return []span{{0, '\n' - 1}, {'\n' + 1, '\r' - 1}, {'\r' + 1, 0x2027}, {0x202a, unicode.MaxRune}}
	}
	if len(inst.Rune) == 1 {
		return []span{{inst.Rune[0], inst.Rune[0]}}
	}
	for i := 0; i+1 < len(inst.Rune); i += 2 {
		out = append(out, span{inst.Rune[i], inst.Rune[i+1]})
	}
	return out
}

// White space and the rest, as ECMA-262 has them within a class.
const (
	space    = `\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`
	notSpace = `\x00-\x08\x0e-\x1f!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}` +
		`\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}`
)

// fromECMA writes an expression of ECMA-262 as Go writes it. It takes the part that
// both have: no lookaround, back references or word boundaries.
func fromECMA(text string) (string, error) {
	var out strings.Builder
	class := false
	for i := 0; i < len(text); {
		rest := text[i:]
		switch c := text[i]; {
		case c == '\\':
			spelt, n, err := escape(rest, class)
			if err != nil {
				return "", err
			}
			out.WriteString(spelt)
			i += n
			continue
		case class && c == '[':
			out.WriteString(`\[`)
			i++
			continue
		case class && c == ']':
			class = false
		case c == '[' && (strings.HasPrefix(rest, "[]") || strings.HasPrefix(rest, "[^]")):
			return "", errors.New("empty classes are not supported")
		case c == '[':
			class = true
			if strings.HasPrefix(rest, "[^") {
				out.WriteByte(c)
				i, c = i+1, '^'
			}
		case !class && strings.HasPrefix(rest, "(?") && !strings.HasPrefix(rest, "(?:") &&
			(!strings.HasPrefix(rest, "(?<") || strings.HasPrefix(rest, "(?<=") || strings.HasPrefix(rest, "(?<!")):
			return "", errors.New("looking around and flags are not supported")
		}
		out.WriteByte(text[i])
		i++
	}
	return out.String(), nil
}

// escape writes one escape, n bytes long.
func escape(text string, class bool) (spelt string, n int, err error) {
	if len(text) < 2 {
		return "", 0, errors.New("it ends with a \\")
	}
	c := text[1]
	switch {
	case strings.IndexByte("dDwWtrnfv", c) >= 0:
		return text[:2], 2, nil
	case c == 's' || c == 'S':
		spelt = space
		if c == 'S' {
			spelt = notSpace
		}
		if !class {
			spelt = "[" + spelt + "]"
		}
		return spelt, 2, nil
	case c == 'x' && hexadecimal(text[2:], 2):
		return `\x{` + text[2:4] + `}`, 4, nil
	case c == 'u' && hexadecimal(text[2:], 4) && !(strings.IndexByte("dD", text[2]) >= 0 && strings.IndexByte("89abcdefABCDEF", text[3]) >= 0):
		return `\x{` + text[2:6] + `}`, 6, nil
	case c == 'p' || c == 'P':
		end := strings.IndexByte(text, '}')
		if len(text) > 2 && text[2] == '{' && end > 3 && !strings.ContainsAny(text[:end], "=^") {
			return text[:end+1], end + 1, nil
		}
	case c >= 0x80:
		return "", 1, nil // the character itself follows
	case strings.IndexByte(`^$\.*+?()[]{}|/-"'#%&,:;<=>@_!~ `+"`", c) >= 0:
		return text[:2], 2, nil
	}
	return "", 0, fmt.Errorf(`\%c is not supported`, c)
}

func hexadecimal(text string, digits int) bool {
	if len(text) < digits {
		return false
	}
	for i := range digits {
		if strings.IndexByte("0123456789abcdefABCDEF", text[i]) < 0 {
			return false
		}
	}
	return true
}
