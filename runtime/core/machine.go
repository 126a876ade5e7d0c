package core

import (
	"fmt"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/toolpredict"
)

// Machine decides. See the package documentation for its contract.
type Machine struct {
	cfg       Config
	scheduler *sched.Scheduler
	ledger    *kvpin.Ledger
	tools     *toolpredict.Model
	speed     speed
	words     latest[programs.TenantID, words]
	remaining remaining

	programs map[programs.ProgramID]*program
	holders  map[kvpin.Seq]*program   // of every sequence that is open
	owners   map[kvpin.Owner]*program // of every program that is known, or whose sequence is open
	moves    map[MoveID]*program      // under way
	families map[programs.ProgramID]*family
	led      []*family // families that have a leader, see behind.go
	behind   int       // turns that stand behind one, in all
	absent   int       // turns that wait and whose prompts are to be fetched
	fetched  int       // turns that wait and whose prompts were fetched ahead
	lastSeq  kvpin.Seq
	lastMove MoveID
	lastCopy kvpin.Owner
	alarms   order.Heap[*program]
	homework order.Heap[*program] // idle programs for which there is something to compute, by when they are expected
	student  *program             // for whom the step that runs computes it; nil: it is an ordinary one
	reprices order.Heap[*program] // idle programs, by when their seats are to be priced anew
	lanes    [kvpin.Disk + 1]lane // up from each lower tier

	now       programs.Time
	stepped   programs.Time                    // when the step began
	stepping  bool                             // RunStep was given and StepDone has not come
	batch     []sched.Slice                    // the step's slices, and
	items     []Item                           // the same for the shell
	spans     []Span                           // of these
	assembled bool                             // the step under way has cells placed before it, or parts of a context: it tells nothing of the engine's speed
	wanted    int                              // items whose turn still wants the result
	unsettled []*program                       // programs that settle has to look at
	evict     func(kvpin.Seq, programs.Tokens) // m.evicted, and
	victim    func() kvpin.Seq                 // m.nextVictim, and
	alone     func(kvpin.Seq)                  // m.unshared, bound once
	taker     *program                         // whom memory is reclaimed for
	prices    int                              // that this Step may make anew still, see pricesAStep
	witness   func(Loss)                       // see Witness

	effects []Effect
}

// New makes a machine with an empty pool and no programs. It refuses a Config
// that could not serve any turn.
func New(cfg Config) (*Machine, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	policy := cfg.Policy
	if policy == nil {
		policy = sched.Policies[0].New
	}
	m := &Machine{
		cfg:      cfg,
		ledger:   kvpin.New(cfg.Geometry),
		tools:    toolpredict.New(cfg.Tools),
		speed:    newSpeed(cfg.Rates, cfg.StepTokens),
		programs: map[programs.ProgramID]*program{},
		holders:  map[kvpin.Seq]*program{},
		owners:   map[kvpin.Owner]*program{},
		moves:    map[MoveID]*program{},
		families: map[programs.ProgramID]*family{},
	}
	m.scheduler = sched.New(policy(sched.Env{Pool: m.pool, Host: programs.Tokens(cfg.Host / cfg.Geometry.CellBytes)}),
		sched.Limits{StepTokens: cfg.StepTokens, Tile: cfg.tile(), Running: cfg.MaxRunning, Prompts: cfg.prompts(), Guard: cfg.Guard}, m.pacer())
	m.scheduler.Share(cfg.Shares)
	for tenant, share := range cfg.Shares {
		m.ledger.Weigh(tenant, share.Weight)
	}
	m.speed.steps = cfg.Steps
	m.ledger.Provide(kvpin.Host, cfg.Host)
	m.ledger.Provide(kvpin.Disk, cfg.Disk)
	m.evict, m.victim, m.alone = m.evicted, m.nextVictim, m.unshared
	if cfg.Learnt != nil {
		if err := m.recall(cfg.Learnt); err != nil {
			return nil, fmt.Errorf("core config: Learnt: %w", err)
		}
		m.cfg.Learnt = nil
	}
	return m, nil
}

// Step takes one event in and returns what is to be done. now must not be
// before that of the previous Step. The effects are valid until the next Step.
//
// It panics on an event that cannot be: a StepDone that no RunStep asked for, or
// one with too few or too many results.
func (m *Machine) Step(now programs.Time, ev Event) []Effect {
	m.now = now
	m.effects = m.effects[:0]
	m.prices = pricesAStep
	switch ev := ev.(type) {
	case *TurnArrived:
		m.turnArrived(ev)
	case *TurnFetched:
		m.turnFetched(ev)
	case *TurnCancelled:
		m.turnCancelled(ev)
	case *ProgramEnded:
		m.programEnded(ev)
	case *StepDone:
		m.stepDone(ev)
	case *ToolStarted:
		m.toolStarted(ev)
	case *ToolProgress:
		m.toolProgress(ev)
	case *ContextRewritten:
		m.contextRewritten(ev)
	case *MoveDone:
		m.moveDone(ev)
	case *Tick:
	default:
		panic(fmt.Sprintf("core: unknown event %T", ev))
	}
	m.expire()
	if !m.stepping {
		m.settle()
		m.releaseFollowers()
		m.reprice()
		m.plan()
	}
	return m.effects
}

// NextDeadline is when the machine needs a Tick if nothing else happens before;
// false when it needs none.
func (m *Machine) NextDeadline() (at programs.Time, ok bool) {
	at, ok = m.nextAhead()
	if first := m.alarms.Top(); first != nil && (!ok || first.Rank().At < at) {
		return first.Rank().At, true
	}
	return at, ok
}

// Memory sums up the pool as the ledger has it.
func (m *Machine) Memory() kvpin.Usage { return m.ledger.Usage() }

// Tier sums a lower tier up: its size, and what copies take.
func (m *Machine) Tier(t kvpin.Tier) (size, used programs.Bytes) { return m.ledger.TierUsage(t) }

// Pace is how long the engine takes for one of the turns that wait for their first token,
// on average: about in what time one fewer waits. 0 is not known: Config.Guard promises
// nothing, or nobody waits.
func (m *Machine) Pace() programs.Duration { return m.scheduler.Pace() }

// pacer fills steps, unless they are to be full.
func (m *Machine) pacer() sched.Pacer {
	if m.cfg.FixedSteps || m.cfg.Steps.Unpaced {
		return nil
	}
	return &m.speed
}

// pool is how many cells there are for private use.
func (m *Machine) pool() programs.Tokens {
	g := m.cfg.Geometry
	return programs.Tokens((g.PoolBytes - m.ledger.Usage().Shared) / g.CellBytes)
}

// expire ends what has had its time: turns at their deadline, and programs that
// have stayed away for too long.
func (m *Machine) expire() {
	for first := m.alarms.Top(); first != nil && first.Rank().At <= m.now; first = m.alarms.Top() {
		if p := first.Value; p.Phase == programs.Active {
			m.finish(p, programs.TimedOut)
		} else {
			m.forget(p)
		}
	}
}

// wake sets the program's alarm; a zero time takes it off.
func (m *Machine) wake(p *program, at programs.Time) {
	if at == 0 {
		m.alarms.Remove(&p.alarm)
		return
	}
	m.alarms.Put(&p.alarm, programs.Rank{At: at, Program: p.ID})
}

func (m *Machine) emit(e Effect) { m.effects = append(m.effects, e) }
