package core

import (
	"fmt"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
	"github.com/interlude-run/interlude/programs/sched"
)

// Machine decides. See the package documentation for its contract.
type Machine struct {
	cfg       Config
	policy    sched.Policy
	scheduler *sched.Scheduler
	ledger    *kvpin.Ledger

	programs map[programs.ProgramID]*program
	holders  map[kvpin.Seq]*program // of every sequence that is open
	lastSeq  kvpin.Seq
	alarms   order.Heap[*program]

	now       programs.Time
	stepping  bool                             // RunStep was given and StepDone has not come
	batch     []sched.Slice                    // the step's slices, and
	items     []Item                           // the same for the shell
	wanted    int                              // items whose turn still wants the result
	unsettled []*program                       // see settle
	evict     func(kvpin.Seq, programs.Tokens) // m.evicted, bound once

	effects []Effect
}

// New makes a machine with an empty pool and no programs. It refuses a Config
// that could not serve any turn.
func New(cfg Config) (*Machine, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Policy == nil {
		cfg.Policy = sched.FCFS{}
	}
	m := &Machine{
		cfg:       cfg,
		policy:    cfg.Policy,
		scheduler: sched.New(cfg.Policy, sched.Limits{StepTokens: cfg.StepTokens, Running: cfg.MaxRunning}),
		ledger:    kvpin.New(cfg.Geometry),
		programs:  map[programs.ProgramID]*program{},
		holders:   map[kvpin.Seq]*program{},
	}
	m.evict = m.evicted
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
	switch ev := ev.(type) {
	case *TurnArrived:
		m.turnArrived(ev)
	case *TurnCancelled:
		m.turnCancelled(ev)
	case *ProgramEnded:
		m.programEnded(ev)
	case *StepDone:
		m.stepDone(ev)
	case *Tick:
	default:
		panic(fmt.Sprintf("core: unknown event %T", ev))
	}
	m.expire()
	if !m.stepping {
		m.settle()
		m.plan()
	}
	return m.effects
}

// NextDeadline is when the machine needs a Tick if nothing else happens before;
// false when it needs none.
func (m *Machine) NextDeadline() (at programs.Time, ok bool) {
	first := m.alarms.Top()
	if first == nil {
		return 0, false
	}
	return first.Rank().At, true
}

// Memory sums up the pool as the ledger has it.
func (m *Machine) Memory() kvpin.Usage { return m.ledger.Usage() }

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
