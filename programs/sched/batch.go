package sched

import (
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// This file composes steps: which of the running turns have a part in the next one, and
// how large a part.

// Slice is a program's part of the next step: the next Count tokens of its context that
// have no cells.
type Slice struct {
	Program *Program
	Count   programs.Tokens
}

// A matrix product on a graphics processor takes whole tiles of rows, so that a step of 65
// tokens takes as long as one of 128 (Sarathi-Serve, section 4.3). A step that is not full
// therefore has whole tiles of tokens, its decodes included.

// Pacer knows how long steps take. A step that prompts share with decodes is filled
// as long as that pays, see package core; without a pacer, to the last token.
type Pacer interface {
	// Beside is how many seconds a step should spend on prompts beside these decodes,
	// when so many turns are at their prompts; 0 is a step without prompts.
	Beside(decodes []Slice, prompts int) float64

	// Prompt is the seconds that a prompt token takes at the position.
	Prompt(at programs.Tokens) float64

	// Late tells whether few turns take so long from their admission to their first
	// token.
	Late(sinceAdmission programs.Duration) bool
}

// Uncrowded is how long no turn must have been left waiting for late prompts to be
// hurried. While turns wait for memory, the wait is what makes them late, and decodes
// that are held up hold the memory that they wait for.
const Uncrowded = 10 * programs.Minute

// Prompts says which prompts go first, beyond the policy's order. Its amounts are in
// steps, of Limits.StepTokens, so that they fit engines of any speed. The zero Prompts
// keeps all prompts in the policy's order and admits turns whatever is still to compute.
type Prompts struct {
	// Short lets prompts with so many steps left or fewer go before longer ones.
	Short float64

	// Aging, where it is not 0, orders prompts by what is left of them, the shortest
	// first, and lets each grow shorter by so many steps a second since its turn
	// arrived, so that a long one has its time too.
	Aging float64

	// Pipe, where it is not 0, is how many steps of prompts may be left of the running
	// turns when a cold turn is admitted. Its cells would stand reserved behind prompts
	// that are computed one after the other; until its time comes, the memory does
	// better as somebody's cache.
	Pipe float64
}

// DefaultPrompts are those that simulations of five workloads found best.
var DefaultPrompts = Prompts{Short: 2, Aging: 0.1, Pipe: 16}

// cold is the part of the context that must be missing for a turn to be cold.
const cold = 0.3

// piped tells whether a waiting turn is to stay out because the prompts of those that run
// are more than the engine can take in soon.
func (s *Scheduler) piped(p *Program) bool {
	if s.limits.Prompts.Pipe == 0 || len(s.running) == 0 || !p.cold() {
		return false
	}
	var left programs.Tokens
	for i := range s.running {
		if n := s.running[i].program.Left(); n > 1 {
			left += n
		}
	}
	return float64(left) > s.limits.Prompts.Pipe*float64(s.limits.StepTokens)
}

// cold tells whether a waiting turn would have to compute much of its prompt.
func (p *Program) cold() bool {
	return float64(p.Left()-p.Turn.missingForkable(p)) > cold*float64(p.Turn.Context)
}

// batch composes the step: first every turn with one token left, which no
// prompt may stall; then prompts in order, each as far as the budget goes
// (Sarathi-Serve: Agrawal et al., OSDI 2024).
func (s *Scheduler) batch(now programs.Time, batch []Slice) []Slice {
	s.queue = s.queue[:0]
	for i := range s.running {
		r := &s.running[i]
		p := r.program
		switch {
		case p.Left() > 1:
			s.queue = append(s.queue, r)
		case p.ready():
			batch = append(batch, Slice{Program: p, Count: 1})
		}
	}
	prompting := len(s.queue)
	s.queue = slices.DeleteFunc(s.queue, func(r *runner) bool { return !r.program.ready() })
	s.arrange(now)
	full := s.limits.StepTokens - programs.Tokens(len(batch))
	b := budget{full: full, paced: full}
	if s.pacer != nil && len(batch) > 0 && len(s.queue) > 0 {
		b.paced = min(full, s.pace(batch, prompting))
		if s.crowded == 0 || now.Sub(s.crowded) >= Uncrowded {
			batch = s.hurry(now, batch, &b)
		}
	}
	for _, r := range s.queue {
		batch = s.fill(&b, b.of(r.program), r, batch)
	}
	return batch
}

// pace is how many tokens of prompt a step with these decodes is to have: as many of the
// first prompt as its seconds allow, and with them whole tiles in all. The seconds say how
// large a step pays; a step of fewer tokens because they lie deep in their contexts would
// read the weights for fewer.
func (s *Scheduler) pace(decodes []Slice, prompts int) programs.Tokens {
	seconds := s.pacer.Beside(decodes, prompts)
	if seconds <= 0 {
		return 0
	}
	tokens := seconds / s.pacer.Prompt(s.queue[0].program.Cells)
	if tokens >= float64(s.limits.StepTokens) {
		return s.limits.StepTokens
	}
	tile, n := max(1, s.limits.Tile), programs.Tokens(len(decodes))
	whole := (n + programs.Tokens(tokens) + tile/2) / tile * tile
	return max(whole, (n+tile)/tile*tile) - n
}

// arrange puts the prompts of the queue, which are in rank order, in the order in which
// they are served.
func (s *Scheduler) arrange(now programs.Time) {
	rules := s.limits.Prompts
	step := float64(s.limits.StepTokens)
	for i := range s.queue {
		r := s.queue[i]
		left := float64(r.program.Left()) / step
		r.class, r.order = r.program.Turn.prompts(left, rules.Short), 0
		if rules.Aging > 0 && r.class != hurried {
			r.order = left - rules.Aging*now.Sub(r.program.Turn.Arrived).Seconds()
		}
		for ; i > 0 && r.before(s.queue[i-1]); i-- {
			s.queue[i] = s.queue[i-1]
		}
		s.queue[i] = r
	}
}

// The classes of prompts; those of turns that nobody waits for come behind.
const (
	hurried = iota
	short
	long
	behind // added to the two
)

// prompts is the class of a prompt with so many steps left.
func (t *Turn) prompts(left, upTo float64) int {
	class := short
	if upTo > 0 && left > upTo {
		class = long
	}
	switch {
	case t.Hurried:
		return hurried
	case t.Class == programs.Background:
		return behind + class
	}
	return class
}

// before tells whether a prompt is served before another of a better rank: hurried ones
// first and those that nobody waits for last, within that those of the tenant that has
// been served least.
func (r *runner) before(o *runner) bool {
	if a, b := r.rush(), o.rush(); a != b {
		return a < b
	}
	if r.account.used != o.account.used && r.class != hurried {
		return r.account.used < o.account.used
	}
	if r.class != o.class {
		return r.class < o.class
	}
	return r.order < o.order
}

// rush is 0 for hurried prompts, and 2 for those that nobody waits for.
func (r *runner) rush() int {
	switch {
	case r.class == hurried:
		return 0
	case r.class < behind+short:
		return 1
	}
	return 2
}

// budget is the tokens that are left of a step for prompts.
type budget struct {
	full  programs.Tokens // for those that are hurried or late
	paced programs.Tokens // for others
}

// of is what the program may have of it.
func (b *budget) of(p *Program) programs.Tokens {
	if p.Turn.Hurried {
		return b.full
	}
	return b.paced
}

// hurry adds the prompts that are hurried or late, in order. Pacing spares decodes at the
// cost of prompts, and of the longest ones most: with it alone the slowest first tokens
// come later than they would in full steps.
func (s *Scheduler) hurry(now programs.Time, batch []Slice, b *budget) []Slice {
	rest := s.queue[:0]
	for _, r := range s.queue {
		t := &r.program.Turn
		if b.full > 0 && (t.Hurried || s.pacer.Late(now.Sub(t.Admitted))) {
			batch = s.fill(b, b.full, r, batch)
		} else {
			rest = append(rest, r)
		}
	}
	s.queue = rest
	return batch
}

// fill adds as much of a prompt as it may have.
func (s *Scheduler) fill(b *budget, most programs.Tokens, r *runner, batch []Slice) []Slice {
	p := r.program
	count := min(p.Left(), p.room(), most)
	if count <= 0 {
		return batch
	}
	rate := 1.0
	if s.pacer != nil {
		rate = s.pacer.Prompt(p.Cells)
	}
	s.tenants.charge(r.account, float64(count)*rate)
	b.full -= count
	b.paced -= count
	return append(batch, Slice{Program: p, Count: count})
}
