package sched

import (
	"math"

	"github.com/interlude-run/interlude/programs"
)

// This file composes steps: which of the running turns have a part in the next one, and
// how large a part.

// Slice is a program's part of the next step: the Count tokens of its context
// that follow its cells.
type Slice struct {
	Program *Program
	Count   programs.Tokens
}

// Pacer knows how long steps take. A step that prompts share with decodes is filled
// as long as that pays, see package core; without a pacer, to the last token.
type Pacer interface {
	// Beside is how many seconds of prompt a step should take in beside decodes,
	// when so many turns are at their prompts.
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

// batch composes the step: first every turn with one token left, which no
// prompt may stall; then prompts in order, each as far as the budget goes
// (Sarathi-Serve: Agrawal et al., OSDI 2024).
func (s *Scheduler) batch(now programs.Time, batch []Slice) []Slice {
	for i := range s.running {
		r := &s.running[i]
		r.late = false
		if p := r.program; p.Left() == 1 && p.ready() {
			batch = append(batch, Slice{Program: p, Count: 1})
		}
	}
	b := budget{tokens: s.limits.StepTokens - programs.Tokens(len(batch)), seconds: math.Inf(1)}
	if s.pacer != nil && len(batch) > 0 {
		b.seconds = s.pacer.Beside(batch, s.prompting())
		if s.crowded == 0 || now.Sub(s.crowded) >= Uncrowded {
			batch = s.hurry(now, batch, &b)
		}
	}
	if s.limits.ShortFirst > 0 {
		batch = s.prompts(batch, &b, 1, s.limits.ShortFirst)
	}
	return s.prompts(batch, &b, s.limits.ShortFirst, math.MaxInt64)
}

// prompting counts the running turns that are at their prompts.
func (s *Scheduler) prompting() (n int) {
	for _, r := range s.running {
		if r.program.Left() > 1 {
			n++
		}
	}
	return n
}

// budget is what is left of a step for prompts.
type budget struct {
	tokens  programs.Tokens
	seconds float64
}

// hurry adds the prompts that are late, in order, as far as the budget of tokens goes.
// Pacing spares decodes at the cost of prompts, and of the longest ones most: with it
// alone the slowest first tokens come later than they would in full steps.
func (s *Scheduler) hurry(now programs.Time, batch []Slice, b *budget) []Slice {
	for i := range s.running {
		r := &s.running[i]
		p := r.program
		if b.tokens <= 0 {
			break
		}
		if p.Left() <= 1 || !p.ready() || !s.pacer.Late(now.Sub(p.Turn.Admitted)) {
			continue
		}
		r.late = true
		count := min(p.Left(), p.Capacity-p.Cells, b.tokens)
		batch = append(batch, Slice{Program: p, Count: count})
		b.tokens -= count
		b.seconds -= float64(count) * s.pacer.Prompt(p.Cells)
	}
	return batch
}

// prompts adds the prompts that have more than over and at most upTo tokens left,
// in order, as far as the budget goes. A step without any other part has a prompt
// of one token at least.
func (s *Scheduler) prompts(batch []Slice, b *budget, over, upTo programs.Tokens) []Slice {
	over = max(over, 1)
	for _, r := range s.running {
		p := r.program
		if b.tokens <= 0 || b.seconds <= 0 {
			break
		}
		if r.late || p.Left() <= over || p.Left() > upTo || !p.ready() {
			continue
		}
		count := min(p.Left(), p.Capacity-p.Cells, b.tokens)
		if !math.IsInf(b.seconds, 1) {
			rate := s.pacer.Prompt(p.Cells)
			count = min(count, max(1, programs.Tokens(b.seconds/rate)))
			b.seconds -= float64(count) * rate
		}
		batch = append(batch, Slice{Program: p, Count: count})
		b.tokens -= count
	}
	return batch
}
