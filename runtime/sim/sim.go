package sim

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/sim/cost"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

// Config is one simulation: programs that arrive at an engine, under a policy.
type Config struct {
	Engine     *cost.Engine
	Pool       programs.Tokens // cells on the device
	Host       programs.Tokens // cells of the host tier; 0 is none
	Disk       programs.Tokens
	Policy     func(sched.Env) sched.Policy
	Know       Knowledge
	StepTokens programs.Tokens // most tokens a step; 0 is the engine's
	FixedSteps bool            // see core.Config
	Steps      core.Steps
	Prompts    sched.Prompts // where steps are not fixed; zero is sched.DefaultPrompts
	Guard      sched.Guard
	NoPrefetch bool
	World      World
	Programs   []workload.Program
	Arrivals   []programs.Time // of the programs without a parent, in their order
	Shell      Shell           // what else a turn passes through
	Groups     []string        // of each program, for Result.Groups; nil is none

	// Observe, where it is set, hears of every event and what came of it, and
	// must not keep what it gets.
	Observe func(now programs.Time, ev core.Event, effects []core.Effect)
}

// World is what is around the scheduler: the node's limits, and what clients say.
type World struct {
	Running int     // most turns at once; 0 is 32, as in a node
	Seen    int     // most turns that are before the core and not over, others wait in a line; 0 is no limit
	NoEnds  bool    // no client says that a program is over
	Hinting Hinting // who says how many turns are left

	ForgetAfter programs.Duration // how long a program may stay away before it is taken to have ended; 0 is for ever
}

// Hinting says which clients tell how many turns are left, at each turn and truly.
type Hinting uint8

// Who hints.
const (
	AllSilent  Hinting = iota
	HalfHonest         // every second program
	AllHonest
)

// hints tells whether program i hints.
func (h Hinting) hints(i int) bool { return h == AllHonest || h == HalfHonest && i%2 == 0 }

// nodeRunning is how many turns a node runs at once where nothing else is set.
const nodeRunning = core.DefaultRunning

// Knowledge is what a policy is told of the future, for bounds on what knowing it
// could be worth.
type Knowledge struct {
	Gaps bool // how long each tool will take
	Work bool // how much engine time each program has left
}

// Run simulates until every program has ended. The same Config gives the same
// Result, to the last digit. It returns early with ctx's error when that ends.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	s, err := newSimulation(cfg)
	if err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	for n := 0; s.open > 0; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := s.next(); err != nil {
			return nil, fmt.Errorf("simulate: at %v: %w", s.now, err)
		}
	}
	return s.result(), nil
}

// simulation is the core under virtual time.
type simulation struct {
	cfg     Config
	machine *core.Machine
	now     programs.Time
	digest  digest

	agents   []agent
	of       []*agent // by the index of Config.Programs
	byID     map[programs.ProgramID]*agent
	arriving order.Heap[*agent] // by the arrival of their next turns
	open     int                // programs that have not ended
	line     []*agent           // whose turns wait for the core to see them, the first first
	seen     int                // turns before the core

	items   []cost.Item // of the step under way
	report  core.StepDone
	stepEnd programs.Time // 0 when no step runs
	links   [2][2]link    // to the host, to disk; of each the way down, and the way back where it is another
	copier  copier        // in place of the first, where moves are the engine's work
	chance  *rand.Rand    // of jitter

	arrival core.TurnArrived
	tally   tally
}

// agent is a program as its client drives it.
type agent struct {
	program *workload.Program
	id      programs.ProgramID
	index   int // of the program
	turn    int // index of the turn in progress, or the next
	arrived programs.Time
	asked   programs.Time       // when the turn in progress came
	left    []programs.Duration // engine time after each turn
	parent  *agent              // that waits for it
	forked  programs.ProgramID  // of the parent, or of what was it
	opening programs.ProgramID  // the name of the text that it begins with
	waiting int                 // children that the next turn waits for
	place   order.Entry[*agent]
}

// link is a way between two tiers. Moves go one after the other.
type link struct{ queue []transfer }

type transfer struct {
	id   core.MoveID
	took programs.Duration
	ends programs.Time // once it is the first
}

func newSimulation(cfg Config) (*simulation, error) {
	roots := 0
	for i := range cfg.Programs {
		if cfg.Programs[i].Parent < 0 {
			roots++
		}
	}
	if roots != len(cfg.Arrivals) || roots == 0 {
		return nil, fmt.Errorf("%d programs without a parent, with %d arrivals", roots, len(cfg.Arrivals))
	}
	for i := range cfg.Programs {
		if p := &cfg.Programs[i]; p.Final() >= cfg.Pool {
			return nil, fmt.Errorf("program %s has contexts of up to %d tokens, the pool %d cells", p.ID, p.Final(), cfg.Pool)
		}
	}
	if len(cfg.Groups) > 0 && len(cfg.Groups) != len(cfg.Programs) {
		return nil, fmt.Errorf("%d programs have %d groups", len(cfg.Programs), len(cfg.Groups))
	}
	machine, err := core.New(CoreConfig(cfg))
	if err != nil {
		return nil, err
	}
	s := &simulation{cfg: cfg, machine: machine, byID: map[programs.ProgramID]*agent{}, digest: newDigest()}
	s.chance = rand.New(rand.NewPCG(cfg.Shell.Seed, 0))
	s.copier = copier{shell: &s.cfg.Shell, cost: cfg.Engine}
	s.agents = make([]agent, 0, len(cfg.Programs)) // never grows: agents are pointed to
	for i := range cfg.Programs {
		s.add(&cfg.Programs[i])
	}
	s.invite()
	s.open = len(cfg.Programs)
	return s, nil
}

// CoreConfig is the core's configuration for a simulated engine, or the shell's.
func CoreConfig(cfg Config) core.Config {
	if cfg.Shell.Core != nil {
		c := *cfg.Shell.Core
		c.Policy, c.FixedSteps, c.NoPrefetch = cfg.Policy, cfg.FixedSteps, cfg.NoPrefetch
		return c
	}
	cell := cfg.Engine.KVBytes
	step := orElse(cfg.StepTokens, cfg.Engine.StepTokens)
	return core.Config{
		Geometry: kvpin.Geometry{
			CellBytes: cell, Granule: 32, Span: cmp.Or(cfg.Engine.Span, 512), PoolBytes: cell * programs.Bytes(cfg.Pool),
		},
		MaxContext:  1 << 40,
		StepTokens:  step,
		Tile:        cfg.Engine.Tile(),
		MaxRunning:  min(orElse(cfg.World.Running, nodeRunning), int(step)),
		ForgetAfter: cfg.World.ForgetAfter,
		Policy:      cfg.Policy,
		FixedSteps:  cfg.FixedSteps,
		Steps:       cfg.Steps,
		Prompts:     cfg.Prompts,
		Guard:       cfg.Guard,
		NoPrefetch:  cfg.NoPrefetch,
		Host:        cell * programs.Bytes(cfg.Host),
		Disk:        cell * programs.Bytes(cfg.Disk),
		Rates:       core.Rates{Prefill: 1000, HostBytes: cfg.Engine.LinkRate(cost.HostLink), DiskBytes: cfg.Engine.LinkRate(cost.DiskLink)},
	}
}

// orElse is x, or something otherwise where x is nothing.
func orElse[T comparable](x, otherwise T) T {
	var nothing T
	if x == nothing {
		return otherwise
	}
	return x
}

// add makes the agent of a program.
func (s *simulation) add(p *workload.Program) {
	a := agent{program: p, index: len(s.of), id: programs.ProgramID(p.ID)}
	if p.Parent >= 0 {
		a.forked = programs.ProgramID(s.cfg.Programs[p.Parent].ID)
	}
	if p.SharedKey != "" {
		a.opening = programs.ProgramID("opening:" + p.SharedKey)
	}
	if s.cfg.Know.Work {
		a.left = s.remaining(p)
	}
	s.of = append(s.of, s.enlist(a))
}

// invite has the programs without a parent arrive in their time, the others when a
// turn of their parent starts them.
func (s *simulation) invite() {
	arrivals := s.cfg.Arrivals
	for i, a := range s.of {
		if s.cfg.Programs[i].Parent < 0 {
			s.expect(a, arrivals[0].Add(s.cfg.Shell.In))
			arrivals = arrivals[1:]
		}
	}
}

func (s *simulation) enlist(a agent) *agent {
	s.agents = append(s.agents, a)
	to := &s.agents[len(s.agents)-1]
	to.place.Value = to
	s.byID[to.id] = to
	return to
}

// expect has the agent's next turn arrive at a time.
func (s *simulation) expect(a *agent, at programs.Time) {
	s.arriving.Put(&a.place, programs.Rank{At: at, Program: a.id})
}

// remaining is the engine time that a program alone needs after each of its turns.
func (s *simulation) remaining(p *workload.Program) []programs.Duration {
	left := make([]programs.Duration, len(p.Turns))
	var sum programs.Duration
	for i := len(p.Turns) - 1; i >= 0; i-- {
		left[i] = sum
		t := &p.Turns[i]
		sum += s.cfg.Engine.Prefill(t.Prefix, t.Input) + programs.Duration(t.Output)*s.cfg.Engine.Decode(t.Prefix+t.Input)
	}
	return left
}

// next lets time go on to what happens next.
func (s *simulation) next() error {
	const never = programs.Time(1<<63 - 1)
	at, kind := never, 0
	consider := func(t programs.Time, k int) {
		if t < at {
			at, kind = t, k
		}
	}
	if s.stepEnd != 0 {
		consider(s.stepEnd, 1)
	}
	if top := s.arriving.Top(); top != nil {
		consider(top.Rank().At, 2)
	}
	if t, ok := s.machine.NextDeadline(); ok {
		consider(max(t, s.now), 3)
	}
	for i := range 4 {
		if l := &s.links[i/2][i%2]; len(l.queue) > 0 {
			consider(l.queue[0].ends, 4+i)
		}
	}
	if s.copier.ends != 0 {
		consider(s.copier.ends, 8)
	}
	s.now = at
	switch kind {
	case 0:
		return fmt.Errorf("%d programs have not ended and nothing happens", s.open)
	case 1:
		s.stepEnd = 0
		s.copier.begin(s.now) // before the core is told: the next step waits for it
		s.tell(&s.report)
	case 2:
		a := s.arriving.Top().Value
		s.arriving.Remove(&a.place)
		a.asked = s.now
		s.line = append(s.line, a)
		s.admit()
	case 3:
		s.tell(&core.Tick{})
	case 8:
		if id, done := s.copier.end(); done {
			s.tell(&core.MoveDone{Move: id})
		} else if s.stepEnd == 0 {
			s.copier.begin(s.now)
		}
	default:
		l := &s.links[(kind-4)/2][(kind-4)%2]
		id := l.queue[0].id
		l.queue = l.queue[1:]
		if len(l.queue) > 0 {
			l.queue[0].ends = s.now.Add(l.queue[0].took)
		}
		s.tell(&core.MoveDone{Move: id})
	}
	return nil
}

// admit brings turns before the core, as many as it may see.
func (s *simulation) admit() {
	for len(s.line) > 0 && (s.cfg.World.Seen == 0 || s.seen < s.cfg.World.Seen) {
		a := s.line[0]
		s.line = s.line[1:]
		s.seen++
		s.arrive(a)
	}
}

// arrive brings the agent's next turn before the core.
func (s *simulation) arrive(a *agent) {
	t := &a.program.Turns[a.turn]
	sent := a.asked - programs.Time(s.cfg.Shell.In)
	if a.turn == 0 {
		a.arrived = sent
	}
	last := a.turn == len(a.program.Turns)-1
	ev := &s.arrival
	*ev = core.TurnArrived{
		Turn:     programs.TurnID{Program: a.id, Turn: programs.TurnNumber(a.turn + 1)},
		Arrived:  sent,
		Context:  t.Prefix + t.Input,
		Keep:     a.kept(t),
		Past:     a.past(t),
		MaxNew:   t.Output,
		Parent:   a.forked,
		Inherits: a.begins(t, a.program.Turns[0].Prefix),
		Opening:  a.opening,
		Opens:    a.begins(t, a.program.SharedPrefix),
		Last:     last && !a.program.Endless && !s.cfg.World.NoEnds,
		Next:     core.Call{Tool: t.Tool, Class: t.Class, Human: t.Human},
	}
	if s.cfg.Know.Gaps {
		ev.Next.Expected, ev.Next.Exact = max(t.Gap, 1), true
	}
	if s.cfg.Know.Work && a.left != nil {
		own := s.cfg.Engine.Prefill(t.Prefix, t.Input) + programs.Duration(t.Output)*s.cfg.Engine.Decode(t.Prefix+t.Input)
		ev.Left = core.Left{Time: a.left[a.turn] + own, Exact: true}
	}
	if s.cfg.World.Hinting.hints(a.index) && ev.Left == (core.Left{}) {
		ev.Left.Turns = len(a.program.Turns) - 1 - a.turn
	}
	s.tally.prompt(t, max(ev.Keep, ev.Inherits, ev.Opens))
	s.tell(ev)
}

// past is what the turn's context has of what the turn before left.
func (a *agent) past(t *workload.Turn) core.Past {
	if a.turn == 0 {
		return core.Past{}
	}
	before := &a.program.Turns[a.turn-1]
	p := core.Past{Tokens: before.Prefix + before.Input + before.Output - 1, Message: -1, Absent: programs.Forgotten}
	if p.Same = min(t.Prefix, p.Tokens); p.Same < p.Tokens {
		p.Changed = programs.HistoryEdited
	}
	return p
}

// kept is how much of the program's own last context the turn goes on with.
func (a *agent) kept(t *workload.Turn) programs.Tokens {
	if a.turn == 0 {
		return 0
	}
	return t.Prefix
}

// begins is how many of the first n tokens of the program's first context the turn's
// begins with: of later turns, as far as they were not rewritten.
func (a *agent) begins(t *workload.Turn, n programs.Tokens) programs.Tokens {
	if a.turn > 0 {
		return min(n, t.Prefix)
	}
	return min(n, t.Context()-1)
}

// tell takes an event to the core and does what it answers.
func (s *simulation) tell(ev core.Event) {
	effects := s.machine.Step(s.now, ev)
	if s.cfg.Observe != nil {
		s.cfg.Observe(s.now, ev, effects)
	}
	for i := range effects {
		s.do(&effects[i])
	}
	if s.stepEnd == 0 {
		s.copier.begin(s.now)
	}
	s.admit()
}

func (s *simulation) do(e *core.Effect) {
	switch e.Kind {
	case core.RunStep:
		s.run(e.Items)
	case core.FinishTurn:
		s.digest.add(uint64(s.now), uint64(e.Turn.Turn), uint64(e.Usage.Prefilled))
		s.seen--
		s.finish(s.byID[e.Turn.Program], e)
	case core.SuspendTurn:
		s.tally.preemptions++
	case core.TruncateSeq, core.ReleaseSeq:
		if e.Cause == core.CauseEvict {
			s.digest.add(uint64(s.now), uint64(e.Seq), uint64(e.Cells))
			s.tally.evictions++
		}
	case core.MoveCells:
		s.move(e)
	case core.RejectTurn:
		panic(fmt.Sprintf("sim: %v is rejected: %v", e.Turn, e.Rejection)) // workloads are cut to what fits
	}
}

// run starts a step.
func (s *simulation) run(items []core.Item) {
	s.items = s.items[:0]
	for i := range items {
		s.items = append(s.items, cost.Item{From: items[i].From, Count: items[i].Count})
	}
	for len(s.report.Results) < len(items) {
		s.report.Results = append(s.report.Results, core.ItemOK)
	}
	s.report.Results = s.report.Results[:len(items)]
	took := max(s.jittered(s.cfg.Engine.Step(s.items)), 1)
	begin := max(s.now.Add(s.cfg.Shell.Between), s.copier.ends)
	s.stepEnd = begin.Add(took)
	s.tally.step(took, len(items))
}

// finish sends the agent's tool off, or ends the agent.
func (s *simulation) finish(a *agent, e *core.Effect) {
	s.tally.turn(e, s.group(a), s.cfg.Guard.Bound[programs.Interactive])
	t := &a.program.Turns[a.turn]
	a.turn++
	if a.turn == len(a.program.Turns) {
		s.end(a)
		return
	}
	for _, child := range t.Children {
		c := s.of[child]
		s.expect(c, s.now.Add(s.cfg.Shell.around()))
		if !c.program.Async {
			c.parent = a
			a.waiting++
		}
	}
	if a.waiting == 0 {
		s.expect(a, s.now.Add(t.Gap+s.cfg.Shell.around()))
	}
}

// group is the name of the agent's group.
func (s *simulation) group(a *agent) string {
	if len(s.cfg.Groups) == 0 {
		return ""
	}
	return s.cfg.Groups[a.index]
}

// end takes an agent's leave, and lets a parent go on that has waited for it alone.
func (s *simulation) end(a *agent) {
	s.open--
	s.tally.program(a, s.group(a), s.now.Add(s.cfg.Shell.Out))
	if p := a.parent; p != nil {
		if p.waiting--; p.waiting == 0 {
			s.expect(p, s.now.Add(p.program.Turns[p.turn-1].Gap+s.cfg.Shell.around()))
		}
	}
}

// move puts a move on its link.
func (s *simulation) move(e *core.Effect) {
	cells := e.Cells - e.First
	size := s.cfg.Engine.KVBytes * programs.Bytes(cells)
	lower := max(e.Source, e.Tier)
	s.tally.moved[lower-kvpin.Host] += size
	if e.Ahead {
		s.tally.result.Ahead += size
	}
	if s.copier.takes(e.Source, e.Tier) {
		s.copier.add(copying{id: e.Move, left: size, ahead: e.Ahead})
		return
	}
	l := &s.links[lower-kvpin.Host][0]
	if s.cfg.Engine.Duplex && e.Tier < e.Source {
		l = &s.links[lower-kvpin.Host][1]
	}
	t := transfer{id: e.Move, took: max(s.cfg.Engine.Transfer(cells, cost.Link(lower-kvpin.Host)), 1)}
	if len(l.queue) == 0 {
		t.ends = s.now.Add(t.took)
	}
	l.queue = append(l.queue, t)
}

// digest is a fingerprint of a simulation's decisions.
type digest struct{ h uint64 }

func newDigest() digest { return digest{fnv.New64a().Sum64()} }

func (d *digest) add(xs ...uint64) {
	for _, x := range xs {
		for range 8 {
			d.h = (d.h ^ x&0xff) * 1099511628211
			x >>= 8
		}
	}
}
