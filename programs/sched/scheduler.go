package sched

import (
	"fmt"
	"slices"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// Limits bound what runs at once.
type Limits struct {
	StepTokens programs.Tokens // in one step
	Running    int             // turns; at most StepTokens
}

// Memory is what a scheduler asks of whoever owns the memory. Every method
// either does all that it says or, where it returns false, nothing.
type Memory interface {
	// Admit makes room for the whole context of a waiting program, at the cost
	// of programs that do not run, and from then on the program counts as
	// running. It sets Cells and Capacity.
	Admit(p *Program) bool

	// Grow makes room for at least one more cell of a running program, at the
	// cost of programs that do not run. It sets Capacity.
	Grow(p *Program) bool

	// Suspend lets the memory of a running program be taken.
	Suspend(p *Program)
}

// Slice is a program's part of the next step: the Count tokens of its context
// that follow its cells.
type Slice struct {
	Program *Program
	Count   programs.Tokens
}

// Scheduler holds the waiting and the running turns in their order. It has one
// owner.
type Scheduler struct {
	policy  Policy
	limits  Limits
	waiting order.Heap[*Program]
	running []runner // first in rank first
}

// runner is a running program at the rank that it was admitted with.
type runner struct {
	rank    programs.Rank
	program *Program
}

// New makes a scheduler without programs.
func New(policy Policy, limits Limits) *Scheduler {
	return &Scheduler{policy: policy, limits: limits}
}

// Wait takes in a program whose turn waits. It must not be in already.
func (s *Scheduler) Wait(p *Program) {
	p.place.Value = p
	s.waiting.Put(&p.place, s.policy.Serve(p))
}

// Remove takes a program out, whether its turn waits or runs.
func (s *Scheduler) Remove(p *Program) {
	s.waiting.Remove(&p.place)
	s.running = slices.DeleteFunc(s.running, func(r runner) bool { return r.program == p })
}

// Waiting counts the waiting turns.
func (s *Scheduler) Waiting() int { return s.waiting.Len() }

// Plan settles who runs and appends the next step to batch, which stays as it
// is only when nothing can run.
func (s *Scheduler) Plan(mem Memory, batch []Slice) []Slice {
	if preempted := s.grow(mem); !preempted {
		s.admit(mem)
	}
	return s.batch(batch)
}

// grow sees to it that every running turn can take one more token. When memory
// runs out, the last in rank give way to those before them.
func (s *Scheduler) grow(mem Memory) (preempted bool) {
	for i := 0; i < len(s.running); i++ {
		p := s.running[i].program
		for p.Capacity == p.Cells && !mem.Grow(p) {
			preempted = true
			if last := s.suspendLast(mem); last == p {
				break
			}
		}
	}
	return preempted
}

// suspendLast puts the running turn of the highest rank back among the waiting.
func (s *Scheduler) suspendLast(mem Memory) *Program {
	last := len(s.running) - 1
	p := s.running[last].program
	if last == 0 {
		panic(fmt.Sprintf("sched: %s runs alone and finds no memory", p.ID))
	}
	s.running = s.running[:last]
	p.Turn.Phase = p.Turn.Phase.To(programs.Waiting)
	mem.Suspend(p)
	s.Wait(p)
	return p
}

// admit lets waiting turns run, in order, as long as they fit.
func (s *Scheduler) admit(mem Memory) {
	for s.waiting.Len() > 0 && len(s.running) < s.limits.Running {
		p := s.waiting.Top().Value
		if !mem.Admit(p) {
			return
		}
		s.waiting.Remove(&p.place)
		p.Turn.Phase = p.Turn.Phase.To(programs.Prefilling)
		s.run(p)
	}
}

// run puts p among the running, by its rank.
func (s *Scheduler) run(p *Program) {
	r := runner{rank: s.policy.Serve(p), program: p}
	at, _ := slices.BinarySearchFunc(s.running, r, func(a, b runner) int { return a.rank.Compare(b.rank) })
	s.running = slices.Insert(s.running, at, r)
}

// batch composes the step: first every turn with one token left, which no
// prompt may stall; then prompts in order, each as far as the budget goes.
func (s *Scheduler) batch(batch []Slice) []Slice {
	budget := s.limits.StepTokens
	for _, r := range s.running {
		if r.program.left() == 1 {
			batch = append(batch, Slice{Program: r.program, Count: 1})
			budget--
		}
	}
	for _, r := range s.running {
		if left := r.program.left(); left > 1 && budget > 0 {
			count := min(left, budget)
			batch = append(batch, Slice{Program: r.program, Count: count})
			budget -= count
		}
	}
	return batch
}

// Check reports the first invariant that does not hold. It visits every program
// and is meant for tests.
func (s *Scheduler) Check() (err error) {
	s.waiting.All(func(e *order.Entry[*Program]) {
		if p := e.Value; p.Turn.Phase != programs.Waiting {
			err = fmt.Errorf("sched: %s is among the waiting and %v", p.ID, p.Turn.Phase)
		}
	})
	for i, r := range s.running {
		switch p := r.program; {
		case p.Turn.Phase != programs.Prefilling && p.Turn.Phase != programs.Decoding:
			return fmt.Errorf("sched: %s is among the running and %v", p.ID, p.Turn.Phase)
		case p.place.In():
			return fmt.Errorf("sched: %s runs and waits", p.ID)
		case i > 0 && s.running[i-1].rank.Compare(r.rank) >= 0:
			return fmt.Errorf("sched: %s is out of order", p.ID)
		}
	}
	if len(s.running) > s.limits.Running {
		return fmt.Errorf("sched: %d turns run, %d may", len(s.running), s.limits.Running)
	}
	return err
}
