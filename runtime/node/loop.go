package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/kvpin/anchor"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/core"
)

// loop drives the core: the one goroutine that knows which turn is where. It
// waits for nothing but its select.
type loop struct {
	node    *Node
	machine *core.Machine
	device  *device
	clock   clock
	alarm   programs.Time // what the timer is set to; 0 for nothing
	timer   *time.Timer
	keeping *keeping
	ctx     context.Context // of the node's Run

	turns    map[programs.TurnID]*turn // arrived and not over
	running  map[engine.Seq]*turn      // started, by the sequence they run on
	moved    map[*turn][]moved         // into running turns, see moved.go
	contexts map[programs.ProgramID]*known
	texts    *anchor.Index[engine.Token] // of these contexts, see moved.go
	ready    int                         // bytes of prompts that are kept for turns that wait

	draining  bool
	asked     []*turn // whose prompts the core wants, and are still at hand
	following bool    // step is at what follows from an event
	doomed    []*turn // to be ended by the node as soon as the effects at hand are carried out

	filling  *work   // for the effects at hand; nil when they ask nothing of the device
	stepping *work   // whose step is under way
	idle     []*work // to be filled anew
	returned []*work // done while the loop was handing over the next
	tiers    *tiers
	landing  []*move   // moves that came back while the loop was handing over work
	ended    []turnEnd // by the core, in the step at hand; see endTurns
	pin      core.Pin  // the last that was told
	pinned   bool      // whether by the step at hand
	report   core.StepDone
}

func newLoop(ctx context.Context, n *Node, machine *core.Machine, d *device, below *disk) *loop {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &loop{
		node:     n,
		machine:  machine,
		device:   d,
		clock:    n.clock,
		timer:    timer,
		keeping:  newKeeping(&n.cfg),
		ctx:      ctx,
		turns:    map[programs.TurnID]*turn{},
		running:  map[engine.Seq]*turn{},
		moved:    map[*turn][]moved{},
		contexts: map[programs.ProgramID]*known{},
		texts:    anchor.New[engine.Token](anchor.Config{Seed: rand.Uint64()}),
		tiers:    newTiers(packerOf(n.cfg.Engine), below),
	}
}

// known is what the loop knows of a program's context: the tokens of its last turn
// that was taken in, its cells' among them.
type known struct {
	tenant programs.TenantID
	last   programs.TurnNumber
	turn   *turn // while it is not over

	pin    core.Pin      // that was told last, while no turn is under way
	pinned programs.Time // and when

	// tokens are those of a turn that is over, and of one whose prompt is not at hand the
	// first of them, as many as there may be cells of.
	//
	// Of an idle program whose client has said what its context will begin with, they are those:
	// they are kept whether there are cells of them or not.
	tokens []engine.Token
	sure   bool
}

func (k *known) context() []engine.Token {
	switch {
	case k == nil:
		return nil
	case k.turn != nil && k.turn.prompt != nil:
		return k.turn.prompt.tokens
	}
	return k.tokens
}

// message is what the loop is told: that a turn has arrived, that its prompt is at hand
// again, that nobody wants it any longer, what is known of its program's tool, or that
// somebody wants to look.
type message struct {
	turn      *turn
	arrival   *core.TurnArrived
	fetched   bool
	prompt    *prompt // nil: it cannot be had
	cancelled bool
	signal    *signal
	look      *look
}

// run drives the core until there is nothing left to serve, which ctx's end
// leads to, or until the engine fails.
func (l *loop) run() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the node panicked: %v\n%s", p, debug.Stack())
		}
	}()
	drain := l.ctx.Done()
	var grace <-chan time.Time
	for {
		select {
		case m := <-l.node.inbox:
			l.take(m)
		case w := <-l.device.done:
			if err := l.takeBack(w); err != nil {
				return err
			}
		case m := <-l.device.moved:
			l.landing = append(l.landing, m)
		case <-l.timer.C:
			l.alarm = 0
			l.step(&core.Tick{})
		case <-l.keeping.due:
			l.keeping.keep(l.machine)
		case <-drain:
			drain = nil
			l.draining = true
			l.handBack(func(t *turn) bool { return t.seq == 0 })
			grace = time.After(l.node.cfg.Grace)
		case <-grace:
			l.handBack(func(*turn) bool { return true })
		case <-l.node.served:
			return nil
		}
		if err := l.catchUp(); err != nil {
			return err
		}
	}
}

// catchUp takes in what came back meanwhile.
func (l *loop) catchUp() error {
	for len(l.returned) > 0 || len(l.landing) > 0 {
		if len(l.returned) > 0 {
			w := l.returned[0]
			l.returned = l.returned[1:]
			if err := l.takeBack(w); err != nil {
				return err
			}
			continue
		}
		m := l.landing[0]
		l.landing = l.landing[1:]
		if err := l.landed(m); err != nil {
			return err
		}
	}
	return nil
}

// take acts on a message.
func (l *loop) take(m message) {
	switch {
	case m.signal != nil:
		l.hear(m.signal)
	case m.look != nil:
		l.look(m.look)
	case m.cancelled:
		l.cancel(m.turn)
	case m.fetched:
		l.fetched(m.turn, m.prompt)
	case l.draining:
		m.turn.fault = errHandBack
		l.end(m.turn, ending{})
	default:
		l.arrive(m.turn, m.arrival)
	}
}

// cancel ends a turn that nobody wants, or notes that for when it comes.
func (l *loop) cancel(t *turn) {
	t.cancelled = true
	if l.turns[t.id] == t {
		l.step(&core.TurnCancelled{Turn: t.id})
	}
}

// arrive puts a turn before the core, with what its context has in common with
// those that may be in memory. A prompt for which there is no room is dropped behind that,
// unless the core wants it at once.
func (l *loop) arrive(t *turn, ev *core.TurnArrived) {
	if other := l.turns[t.id]; other != nil { // the same turn twice: the core would not know them apart
		t.fault = errHandBack
		l.end(t, ending{})
		return
	}
	l.turns[t.id] = t
	before := l.contexts[ev.Turn.Program]
	ev.Arrived = min(ev.Arrived, l.clock.now())
	ev.Keep = common(before.context(), t.prompt.tokens)
	ev.Past.KeepUnknown = before == nil
	ev.Inherits = common(l.contexts[ev.Parent].context(), t.prompt.tokens)
	if ev.Approximate {
		ev.Runs = l.runs(t, ev)
	}
	ev.Absent = !l.keep(t, ev.Keep > 0)
	t.absent = ev.Absent
	k := &known{tenant: ev.Tenant, last: t.id.Turn, turn: t}
	l.contexts[t.id.Program] = k
	switch rejected := l.step(ev); {
	case rejected:
		delete(l.contexts, t.id.Program) // and what is known of the texts stays
		if before != nil {
			l.contexts[t.id.Program] = before
		}
		return
	case t.absent && !t.over:
		k.tokens = before.context()[:ev.Keep]
		l.put(t.id.Program, ev.Tenant, k.tokens)
		l.drop(t)
		l.forgetUseless(t.id.Program)
	case t.prompt != nil:
		l.put(t.id.Program, ev.Tenant, t.prompt.tokens)
	}
	if t.cancelled && !t.over {
		l.step(&core.TurnCancelled{Turn: t.id})
	}
}

// common is how many tokens a and b begin with in common.
func common(a, b []engine.Token) programs.Tokens { return programs.Tokens(chat.Common(a, b)) }

// takeBack takes back work that the device has done, and reports its step.
func (l *loop) takeBack(w *work) error {
	if w == nil {
		return errors.New("the device is gone")
	}
	if w.err != nil {
		return fmt.Errorf("the engine cannot go on: %w", w.err)
	}
	for _, c := range w.calls {
		if c.refused != nil {
			l.doom(c.turn, c.refused)
		}
	}
	if w != l.stepping {
		l.recycle(w)
		if len(l.doomed) > 0 {
			l.step(&core.Tick{})
		}
		return nil
	}
	l.stepping = nil
	l.report.Status = w.status
	l.report.Results = l.report.Results[:0]
	for i, t := range w.turns {
		l.report.Results = append(l.report.Results, l.result(w, i, t))
	}
	l.report.Strayed = w.strayed(l.report.Strayed[:0])
	l.node.stats.steps.Add(1)
	l.recycle(w)
	l.step(&l.report)
	return nil
}

// result says how the turn of an item goes on.
func (l *loop) result(w *work, i int, t *turn) core.ItemResult {
	switch {
	case t == nil || t.over:
		return core.ItemOK // the core does not look: it has finished the turn
	case w.status == core.StepFailed:
		t.fault = w.failure
		return core.ItemFailed
	case t.fault != nil:
		return core.ItemFailed
	case w.status == core.StepInterrupted || !w.items[i].Sample:
		return core.ItemOK
	}
	return t.accept(w.outputs[i], l.node.cfg.Vocabulary)
}

// recycle keeps work to be filled anew.
func (l *loop) recycle(w *work) {
	w.reset()
	l.idle = append(l.idle, w)
}

// doom has a turn ended by the node, for a reason that the core does not know.
func (l *loop) doom(t *turn, fault error) {
	if t.over || t.fault != nil {
		return
	}
	t.fault = fault
	l.doomed = append(l.doomed, t)
}

// handBack ends turns that another node is to do.
func (l *loop) handBack(which func(*turn) bool) {
	for _, t := range l.turns {
		if which(t) {
			l.doom(t, errHandBack)
		}
	}
	l.step(&core.Tick{})
}
