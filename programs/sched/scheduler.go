package sched

import (
	"fmt"
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// Limits bound what runs at once, and say how steps are filled and waits bounded.
type Limits struct {
	StepTokens programs.Tokens // in one step
	Tile       programs.Tokens // that take an engine as long as one does, see batch.go; 0 is 1
	Running    int             // turns; at most StepTokens

	Prompts Prompts
	Guard   Guard
}

// Memory is what a scheduler asks of whoever owns the memory. Every method
// either does all that it says or, where it returns false, nothing.
type Memory interface {
	// Admit makes room for the whole context of a waiting program, at the cost
	// of programs that lend theirs, and from then on the program counts as
	// running. It sets Cells and Capacity. With later, cells come back from a
	// lower tier first, or the prompt is fetched, and until Scheduler.Restored the
	// program has no part in steps.
	Admit(p *Program) (ok, later bool)

	// Grow makes room for at least one more cell of a running program, at the
	// cost of programs that lend theirs. It sets Capacity.
	Grow(p *Program) bool

	// Suspend lets the memory of a running program be lent.
	Suspend(p *Program)

	// Lend lets the memory of a program that was held be lent. It puts the program:
	// so do all changes of its memory.
	Lend(p *Program)

	// Moving tells whether memory is safe just now that will not be when a move
	// between tiers has ended.
	Moving() bool
}

// Scheduler holds the running turns in their order, and has the policy hold the
// others. It has one owner.
type Scheduler struct {
	policy  Policy
	explain Explainer // the policy, if it is one; nil otherwise
	preempt Preempter // the same
	limits  Limits
	pacer   Pacer
	guard   guard
	tenants accounts
	waiting int
	running []runner      // first in rank first
	crowded programs.Time // when a turn was last left waiting; 0 is never
	tried   []*Program    // in admit, in vain
	queue   []*runner     // in batch, the prompts
}

// runner is a running program at the rank that it was admitted with.
type runner struct {
	rank    programs.Rank
	program *Program
	account *account // its tenant's
	class   int      // of its prompt, see arrange
	order   float64  // among the prompts
}

// New makes a scheduler without programs. The pacer may be nil.
func New(policy Policy, limits Limits, pacer Pacer) *Scheduler {
	s := &Scheduler{policy: policy, limits: limits, pacer: pacer, guard: newGuard(limits.Guard, limits.StepTokens), tenants: accounts{of: map[programs.TenantID]*account{}}}
	s.explain, _ = policy.(Explainer)
	s.preempt, _ = policy.(Preempter)
	return s
}

// Share gives tenants their parts: of promises, see Guard; of the time of steps, see
// accounts; and of memory, if the policy can divide it: see Sharer, whose terms hold here
// too.
func (s *Scheduler) Share(shares map[programs.TenantID]Share) {
	s.guard.shares, s.tenants.shares = shares, shares
	if sharer, ok := s.policy.(Sharer); ok && len(shares) > 0 {
		sharer.Share(shares)
	}
}

// Wait takes in a program whose turn waits. It must not be in already.
func (s *Scheduler) Wait(now programs.Time, p *Program) {
	s.waiting++
	s.guard.promise(now, p)
	s.put(now, p)
}

// Leave takes a program out whose turn waits or runs, and is about to be over.
func (s *Scheduler) Leave(p *Program) {
	s.guard.settle(p)
	if p.Waits() {
		s.waiting--
		return
	}
	s.leave(p)
}

// leave takes a program out of those that run.
func (s *Scheduler) leave(p *Program) {
	s.running = slices.DeleteFunc(s.running, func(r runner) bool {
		if r.program != p {
			return false
		}
		s.tenants.close(r.account)
		return true
	})
}

// Put passes on that a program has changed.
func (s *Scheduler) Put(now programs.Time, p *Program) {
	s.guard.weigh(p)
	s.put(now, p)
}

// Drop passes on that a program has ended, if the policy has been told of it at all.
func (s *Scheduler) Drop(p *Program) {
	if p.put {
		p.put = false
		s.policy.Drop(p)
	}
}

// Restored tells that the cells of an admitted program have come back, and its prompt is
// there.
func (s *Scheduler) Restored(p *Program) {
	p.Turn.Phase = p.Turn.Phase.To(programs.Prefilling)
}

// Waiting counts the waiting turns.
func (s *Scheduler) Waiting() int { return s.waiting }

// Running counts the turns in memory.
func (s *Scheduler) Running() int { return len(s.running) }

// Inside tells whether the policy would let a turn of an idle program in, were it to
// come now.
func (s *Scheduler) Inside(p *Program) bool {
	insider, ok := s.policy.(Insider)
	return !ok || insider.Inside(p)
}

// Upcoming is whose turn is admitted next, as soon as there is a place and memory for it;
// nil when the policy lets nobody in just now.
func (s *Scheduler) Upcoming(now programs.Time) *Program {
	if s.waiting == 0 {
		return nil
	}
	return s.next(now, len(s.running) == 0)
}

// Plan settles who runs and appends the next step to batch, which stays as it
// is only when nothing can run.
func (s *Scheduler) Plan(now programs.Time, mem Memory, batch []Slice) []Slice {
	for p := s.lapse(now); p != nil; p = s.lapse(now) {
		mem.Lend(p)
	}
	s.reorder()
	s.hurryOn(now)
	if preempted := s.grow(now, mem); !preempted {
		s.admit(now, mem)
	}
	if s.waiting > 0 {
		s.crowded = now
	}
	return s.batch(now, batch)
}

// reorder puts the running turns in their order anew, where that changes as they run.
func (s *Scheduler) reorder() {
	if s.preempt == nil {
		return
	}
	for i := range s.running {
		s.running[i].rank = s.rank(s.running[i].program)
	}
	slices.SortFunc(s.running, func(a, b runner) int { return a.rank.Compare(b.rank) })
}

// grow sees to it that every running turn can take one more token. When memory
// runs out, the last in rank give way to those before them; one that is left
// alone gets what is pinned, or sits out the step while memory is moved.
func (s *Scheduler) grow(now programs.Time, mem Memory) (preempted bool) {
	for i := 0; i < len(s.running); i++ {
		p := s.running[i].program
		for p.Capacity == p.Cells && !mem.Grow(p) {
			if len(s.running) == 1 {
				if !s.unpin(now, mem, p) {
					break
				}
				continue
			}
			preempted = true
			if last := s.suspendLast(now, mem); last == p {
				break
			}
		}
	}
	return preempted
}

// unpin makes one program lend what it holds, for p, which runs alone.
func (s *Scheduler) unpin(now programs.Time, mem Memory, p *Program) bool {
	held := s.blocked(now, p, true)
	switch {
	case held != nil:
		mem.Lend(held)
		return true
	case mem.Moving():
		return false
	}
	panic(fmt.Sprintf("sched: %s runs alone and finds no memory, though policy %T holds none", p.ID, s.policy))
}

// suspendLast puts the running turn of the highest rank back among the waiting.
func (s *Scheduler) suspendLast(now programs.Time, mem Memory) *Program {
	last := len(s.running) - 1
	p := s.running[last].program
	s.tenants.close(s.running[last].account)
	s.running = s.running[:last]
	p.Turn.Phase = p.Turn.Phase.To(programs.Waiting)
	p.Turn.Preempted = true
	s.waiting++
	mem.Suspend(p)
	s.guard.weigh(p)
	return p
}

// admit lets waiting turns run, in order, as long as they fit. Looking for memory for one
// may show the policy that another is next; it ends at one that was tried before. Where
// as many run as may, the last of them may have to cede its place to the next, once.
func (s *Scheduler) admit(now programs.Time, mem Memory) {
	if !s.admitHurried(now, mem) {
		return
	}
	s.tried = s.tried[:0]
	firm := s.preempt == nil
	for s.waiting > 0 && (!firm || s.roomy()) {
		p := s.next(now, len(s.running) == 0)
		if p == nil || slices.Contains(s.tried, p) || s.piped(p) {
			return
		}
		if !s.roomy() {
			if !s.cede(now, mem, p) {
				return
			}
			firm = true
		}
		ok, later := s.place(now, mem, p)
		if !ok {
			s.tried = append(s.tried, p)
			continue
		}
		s.start(now, p, later)
	}
}

// start puts a waiting program that has its memory among the running.
func (s *Scheduler) start(now programs.Time, p *Program, later bool) {
	s.waiting--
	phase := programs.Prefilling
	if later {
		phase = programs.Restoring
	}
	p.Turn.Phase = p.Turn.Phase.To(phase)
	p.Turn.Admitted = now
	s.run(p)
	s.guard.weigh(p)
	s.put(now, p)
}

// roomy tells whether one turn more may run.
func (s *Scheduler) roomy() bool { return len(s.running) < s.limits.Running }

// cede has the last of the running give its place to the next, if the policy says so.
func (s *Scheduler) cede(now programs.Time, mem Memory, next *Program) bool {
	return s.preempt.Preempts(next, s.running[len(s.running)-1].program) && s.giveWay(now, mem, next)
}

// place finds memory for the next to run, what is held included when nothing runs.
func (s *Scheduler) place(now programs.Time, mem Memory, p *Program) (ok, later bool) {
	alone := len(s.running) == 0
	for {
		if ok, later = mem.Admit(p); ok {
			return ok, later
		}
		held := s.blocked(now, p, alone)
		switch {
		case held != nil:
			mem.Lend(held)
		case !alone || mem.Moving():
			return false, false
		default:
			panic(fmt.Sprintf("sched: nothing runs and %s finds no memory, though policy %T holds none", p.ID, s.policy))
		}
	}
}

// run puts p among the running, by its rank: hurried turns first.
func (s *Scheduler) run(p *Program) {
	r := runner{rank: s.rank(p), program: p, account: s.tenants.open(p.Tenant)}
	at, _ := slices.BinarySearchFunc(s.running, r, func(a, b runner) int { return a.rank.Compare(b.rank) })
	s.running = slices.Insert(s.running, at, r)
}

func (s *Scheduler) rank(p *Program) programs.Rank {
	if p.Turn.Hurried {
		return p.Rank(int(p.Turn.firm)-int(unhurried), p.Turn.Promised)
	}
	return s.policy.Rank(p)
}

// Check reports the first invariant that does not hold. It visits every running
// program and is meant for tests.
func (s *Scheduler) Check() error {
	for i, r := range s.running {
		switch p := r.program; {
		case !p.Runs():
			return fmt.Errorf("sched: %s is among the running and %v", p.ID, p.Turn.Phase)
		case i > 0 && s.running[i-1].rank.Compare(r.rank) >= 0:
			return fmt.Errorf("sched: %s is out of order", p.ID)
		}
	}
	if len(s.running) > s.limits.Running {
		return fmt.Errorf("sched: %d turns run, %d may", len(s.running), s.limits.Running)
	}
	if err := s.tenants.check(s.running); err != nil {
		return err
	}
	return s.guard.check(s.running)
}
