package sched_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// TestEveryPolicySurvives a run of random events, and says what it does or that it does
// not: Named is true, and only policies that price seats choose by them.
func TestEveryPolicySurvives(t *testing.T) {
	for _, named := range sched.Policies {
		t.Run(named.Name, func(t *testing.T) {
			w := survives(t, named.New)
			policy := w.policy()
			if _, shares := policy.(sched.Sharer); shares != named.Shares {
				t.Errorf("it is a Sharer: %v, and is said to be: %v", shares, named.Shares)
			}
			_, explains := policy.(sched.Explainer)
			if explains == (w.grounds[sched.Unexplained] > 0 || w.reasons[sched.ForUnexplained] > 0) {
				t.Errorf("it is an Explainer: %v, and gave %v and %v", explains, w.grounds, w.reasons)
			}
			if prices := w.grounds[sched.LeastWorth] > 0; prices != named.Prices {
				t.Errorf("it chose by what seats are worth: %v, and is said to: %v", prices, named.Prices)
			}
			if len(w.grounds) == 0 && named.Name != "no-retention" {
				t.Error("nobody lost memory")
			}
		})
	}
}

// survives runs a policy through many lives of a world, and gives the counts of all.
func survives(t *testing.T, policy func(sched.Env) sched.Policy) *world {
	t.Helper()
	all := &world{make: policy, grounds: map[sched.Ground]int{}, reasons: map[sched.Reason]int{}}
	rapid.Check(t, func(t *rapid.T) {
		w := &world{
			T: t, make: policy, size: programs.Tokens(rapid.IntRange(120, 400).Draw(t, "pool")),
			lent: map[*sched.Program]bool{}, promised: map[*sched.Program]programs.Time{}, grounds: all.grounds, reasons: all.reasons,
			tenants: []programs.TenantID{"", "heavy", "bounded"},
		}
		limits := sched.Limits{StepTokens: 64, Running: 4}
		if rapid.Bool().Draw(t, "guarded") {
			limits.Guard = sched.Guard{Slow: 2, Late: 4, Margin: 0.1}
			for class := range limits.Guard.Bound {
				limits.Guard.Bound[class] = programs.Duration(rapid.IntRange(0, 60).Draw(t, "bound")) * programs.Second
			}
		}
		if rapid.Bool().Draw(t, "piped") {
			limits.Prompts = sched.Prompts{Short: 0.5, Aging: 0.1, Pipe: 1}
		}
		w.asked = w.policy()
		w.scheduler = sched.New(w.asked, limits, nil)
		w.scheduler.Share(map[programs.TenantID]sched.Share{"heavy": {Weight: 3}, "bounded": {Quota: 60}})
		for range rapid.IntRange(1, 200).Draw(t, "events") {
			w.event()
			w.check()
		}
		for range 2000 { // whoever waits is served in the end
			if w.scheduler.Waiting()+w.scheduler.Running() == 0 {
				return
			}
			w.plan(true)
			w.check()
		}
		t.Fatalf("%d turns wait and %d run still", w.scheduler.Waiting(), w.scheduler.Running())
	})
	return all
}

// world is an owner of memory as simple as can be: cells are counted, and taken from
// the victims that the policy names.
type world struct {
	*rapid.T
	make      func(sched.Env) sched.Policy
	asked     sched.Policy // the scheduler's; nil where it is not to be checked
	scheduler *sched.Scheduler
	size      programs.Tokens
	now       programs.Time
	programs  []*sched.Program        // that have not ended
	lent      map[*sched.Program]bool // by what the policy last said
	made      int
	tenants   []programs.TenantID // that programs are drawn of
	batch     []sched.Slice

	grounds map[sched.Ground]int
	reasons map[sched.Reason]int

	promised map[*sched.Program]programs.Time // of turns without a first token, as it was promised at first
	slow     float64                          // steps take up to so many times as long as their prompts; 0: a second each
	slowest  bool                             // and no less
	lasting  map[*sched.Program]bool          // programs whose turns decode without end
}

// A token of a prompt and a step of decodes alone take so long on the world's engine,
// where it has one.
const (
	tokenTime  = 10 * programs.Millisecond
	decodeTime = 100 * programs.Millisecond
)

// takes is how long the step takes.
func (w *world) takes() programs.Duration {
	if w.slow == 0 {
		return programs.Second
	}
	var prompt programs.Tokens
	for _, s := range w.batch {
		if s.Program.Left() > 1 {
			prompt += s.Count
		}
	}
	decodes := w.slow - 1
	if !w.slowest {
		decodes = rapid.Float64Range(0, w.slow-1).Draw(w.T, "decodes")
	}
	return max(decodeTime, programs.Duration(float64(prompt)*(1+decodes)*float64(tokenTime)))
}

// work is what the engine takes for p's first token alone.
func (w *world) work(p *sched.Program) programs.Duration {
	return tokenTime*programs.Duration(p.Left()) + decodeTime
}

// answered holds the scheduler to what it promised of a turn that has its first token.
func (w *world) answered(p *sched.Program) {
	if by, ok := w.promised[p]; ok && w.slow > 0 && w.now > by {
		w.Fatalf("%s has its first token at %v, and was promised it by %v", p.ID, w.now, by)
	}
	delete(w.promised, p)
}

func (w *world) policy() sched.Policy {
	return w.make(sched.Env{Pool: func() programs.Tokens { return w.size }})
}

// event is one of those that a scheduler hears of, after a while.
func (w *world) event() {
	w.now = w.now.Add(programs.Duration(rapid.SampledFrom([]float64{0.01, 1, 3, 40, 200, 700}).Draw(w.T, "seconds") * float64(programs.Second)))
	p := w.one()
	switch what := rapid.SampledFrom([]string{"new", "plan", "plan", "plan", "turn", "price", "cancel", "end"}).Draw(w.T, "event"); {
	case what == "new":
		w.begin()
	case what == "plan":
		w.plan(false)
	case p == nil:
	case what == "turn" && p.Phase == programs.Interlude:
		p.Phase = p.Phase.To(programs.Active)
		w.turn(p)
	case what == "price" && p.Phase == programs.Interlude:
		p.Seat = rapid.Float64Range(0, 4).Draw(w.T, "seat")
		w.put(p)
	case what == "cancel" && p.Phase == programs.Active:
		w.finish(p)
	case what == "end":
		if p.Phase == programs.Active {
			w.finish(p)
		}
		w.end(p)
	}
}

func (w *world) one() *sched.Program {
	if len(w.programs) == 0 {
		return nil
	}
	return w.programs[rapid.IntRange(0, len(w.programs)-1).Draw(w.T, "program")]
}

func (w *world) begin() {
	w.made++
	p := &sched.Program{
		ID: programs.ProgramID(fmt.Sprintf("p%d", w.made)), Arrived: w.now, Place: w.now,
		Tenant: rapid.SampledFrom(w.tenants).Draw(w.T, "tenant"),
	}
	w.programs = append(w.programs, p)
	w.turn(p)
}

// turn has p's next turn wait, with a context that has grown.
func (w *world) turn(p *sched.Program) {
	p.Turn = sched.Turn{
		Number: p.Turn.Number + 1, Arrived: w.now,
		Context: min(p.Turn.Context+programs.Tokens(rapid.IntRange(1, 60).Draw(w.T, "prompt")), w.size/2),
	}
	p.Cells = min(p.Cells, p.Turn.Context-1)
	p.Work.Left = programs.Seconds(float64(rapid.IntRange(0, 100).Draw(w.T, "left")))
	p.Turn.Class = programs.Class(rapid.IntRange(0, programs.Classes-1).Draw(w.T, "class"))
	if rapid.Bool().Draw(w.T, "has a deadline") {
		p.Turn.Due = w.now.Add(programs.Duration(rapid.IntRange(-10, 100).Draw(w.T, "due")) * programs.Second)
	}
	p.Turn.Work = w.work(p)
	w.wait(p)
}

// wait brings p's turn before the scheduler.
func (w *world) wait(p *sched.Program) {
	w.scheduler.Wait(w.now, p)
	if p.Turn.Promised != 0 {
		w.promised[p] = p.Turn.Promised
	}
	w.book(p)
}

// finish ends p's turn.
func (w *world) finish(p *sched.Program) {
	delete(w.promised, p)
	w.scheduler.Leave(p)
	p.Turn.Phase = p.Turn.Phase.To(programs.Finished)
	p.Phase = p.Phase.To(programs.Interlude)
	p.Turns++
	p.Capacity = p.Cells
	p.Gap = sched.Gap{Since: w.now, Tool: "tool", Reload: programs.Seconds(float64(p.Cells) / 10)}
	p.Seat = rapid.Float64Range(0, 4).Draw(w.T, "seat")
	w.put(p)
	if p.Retention == sched.Give {
		w.take(p)
	}
}

func (w *world) end(p *sched.Program) {
	w.scheduler.Drop(p)
	p.Phase = p.Phase.To(programs.Ended)
	for i := range w.programs {
		if w.programs[i] == p {
			w.programs = append(w.programs[:i], w.programs[i+1:]...)
			return
		}
	}
}

// plan runs the next step. Turns go on for a while, or end when done.
func (w *world) plan(done bool) {
	w.batch = w.scheduler.Plan(w.now, w, w.batch[:0])
	w.now = w.now.Add(w.takes())
	if len(w.batch) == 0 && w.scheduler.Waiting()+w.scheduler.Running() > 0 {
		w.Fatalf("nobody has a part in the step: %d wait, %d run", w.scheduler.Waiting(), w.scheduler.Running())
	}
	for _, s := range w.batch {
		p := s.Program
		p.Cells += s.Count
		p.Turn.Work = w.work(p)
		p.Used, p.Served = w.now, p.Served+programs.Second
		if p.Left() > 0 {
			continue
		}
		p.Turn.Context++
		if p.Turn.Phase == programs.Prefilling {
			p.Turn.Phase = p.Turn.Phase.To(programs.Decoding)
			w.scheduler.Answered(p)
			w.answered(p)
		}
		if w.lasting[p] {
			continue
		}
		if done || p.Turn.Context >= w.size || rapid.IntRange(0, 3).Draw(w.T, "over") == 0 {
			w.finish(p)
		}
	}
	if w.slow == 0 {
		w.asks()
	}
}

// asks has the policy explain itself, which changes no answer.
func (w *world) asks() {
	for _, p := range w.programs {
		if p.Waits() {
			w.reasons[w.scheduler.Obstacle(w.now, p).Reason]++
			w.scheduler.Ahead(p, func(other *sched.Program) {
				if other == p {
					w.Fatalf("%s stands before itself", p.ID)
				}
			})
		}
	}
}

// check holds the scheduler to its invariants, and the memory to what there is.
func (w *world) check() {
	if err := w.scheduler.Check(); err != nil {
		w.Fatal(err)
	}
	if set, ok := w.asked.(*sched.WorkingSet); ok {
		if err := set.Check(w.now); err != nil {
			w.Fatal(err)
		}
	}
	if free := w.free(); free < 0 {
		w.Fatalf("%d cells more than there are", -free)
	}
}

func (w *world) free() programs.Tokens {
	free := w.size
	for _, p := range w.programs {
		free -= p.Capacity
	}
	return free
}

// Admit implements sched.Memory.
func (w *world) Admit(p *sched.Program) (ok, later bool) {
	p.Safe = true
	w.put(p)
	ok = w.raise(p, p.Turn.Context)
	p.Safe = false
	if !ok {
		w.put(p)
	}
	return ok, false
}

// Grow implements sched.Memory.
func (w *world) Grow(p *sched.Program) bool { return w.raise(p, p.Cells+1) }

// Suspend implements sched.Memory.
func (w *world) Suspend(p *sched.Program) {
	p.Capacity = p.Cells
	w.put(p)
}

// Lend implements sched.Memory.
func (w *world) Lend(p *sched.Program) { w.put(p) }

// Moving implements sched.Memory.
func (w *world) Moving() bool { return false }

// put tells of a change, and books what the policy says then.
func (w *world) put(p *sched.Program) {
	w.scheduler.Put(w.now, p)
	w.book(p)
}

func (w *world) book(p *sched.Program) { w.lent[p] = p.Lends() }

// raise gives p so many cells, taking what others lend, or takes nothing.
func (w *world) raise(p *sched.Program, n programs.Tokens) bool {
	lent := programs.Tokens(0)
	for _, other := range w.programs {
		if w.lent[other] {
			lent += other.Capacity
		}
	}
	if w.free()+lent < n-p.Capacity {
		return false
	}
	for w.free() < n-p.Capacity {
		victim := w.scheduler.Victim(w.now, p)
		w.grounds[w.scheduler.Chosen(victim).Ground]++
		if again := w.scheduler.Victim(w.now, p); again != victim {
			w.Fatalf("the victim is %s, and then %s", victim.ID, again.ID)
		}
		w.take(victim)
	}
	p.Capacity = n
	return true
}

// take takes the last of a program's cells, a quarter of the pool at most.
func (w *world) take(p *sched.Program) {
	p.Capacity -= min(p.Capacity, w.size/4)
	if p.Retention == sched.Give {
		p.Capacity = 0
	}
	p.Cells = min(p.Cells, p.Capacity)
	w.put(p)
}
