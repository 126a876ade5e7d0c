package node

import (
	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// step takes an event to the core and carries out what it answers, and then what follows
// from that: prompts that the core has asked for and are at hand, and the end of turns that
// the node itself has found a fault with. It tells whether the answer was a rejection.
func (l *loop) step(ev core.Event) (rejected bool) {
	rejected = l.once(ev)
	if l.following {
		return rejected
	}
	l.following = true
	for len(l.asked) > 0 || len(l.doomed) > 0 {
		var t *turn
		if len(l.asked) > 0 {
			t, l.asked = l.asked[0], l.asked[1:]
			l.once(&core.TurnFetched{Turn: t.id})
			continue
		}
		if t, l.doomed = l.doomed[0], l.doomed[1:]; !t.over {
			l.once(&core.TurnCancelled{Turn: t.id})
		}
	}
	l.following = false
	return rejected
}

func (l *loop) once(ev core.Event) (rejected bool) {
	now := l.clock.now()
	effects := l.machine.Step(now, ev)
	if l.node.cfg.Observe != nil {
		l.node.cfg.Observe(now, ev, effects)
	}
	for i := range effects {
		rejected = l.carryOut(&effects[i]) || rejected
	}
	l.node.stats.observe(l)
	l.endTurns()
	l.submit()
	l.setTimer()
	return rejected
}

// carryOut does one effect, or puts it into the work for the device.
func (l *loop) carryOut(e *core.Effect) (rejected bool) {
	switch e.Kind {
	case core.OpenSeq, core.ForkSeq, core.ReserveSeq, core.TruncateSeq:
		if e.Kind == core.OpenSeq || e.Kind == core.ForkSeq {
			l.node.residents.add(e.Turn.Program)
		}
		l.order(call{kind: e.Kind, seq: engine.Seq(e.Seq), from: engine.Seq(e.From), cells: int(e.Cells)})
	case core.ReleaseSeq:
		l.order(call{kind: e.Kind, seq: engine.Seq(e.Seq)})
		l.node.residents.remove(e.Turn.Program)
		l.forgetUseless(e.Turn.Program)
	case core.PlaceCells:
		l.place(e)
	case core.MoveCells:
		l.move(e)
	case core.DropCopy:
		if l.tiers.drop(e) {
			l.forgetUseless(e.Turn.Program)
		}
	case core.PinProgram:
		l.pin, l.pinned = e.Pin, true
		if k := l.contexts[e.Turn.Program]; k != nil {
			k.pin, k.pinned = e.Pin, l.clock.now()
		}
		for i := range l.ended {
			if t := l.ended[i].turn; t.id.Program == e.Turn.Program {
				l.ended[i].ending.pin = e.Pin
			}
		}
	case core.StartTurn:
		l.start(e)
	case core.SuspendTurn:
		t := l.turns[e.Turn]
		delete(l.running, t.seq)
		t.seq = 0
		l.node.stats.suspended.Add(1)
		if !t.resumable() {
			l.doom(t, errHandBack)
		}
	case core.FetchTurn:
		l.fetch(l.turns[e.Turn])
	case core.FinishTurn:
		l.finish(e)
	case core.RejectTurn:
		t := l.turns[e.Turn]
		delete(l.turns, e.Turn)
		l.unkeep(t)
		reason := e.Rejection // the effect is the core's
		l.end(t, ending{rejection: &reason, retry: e.Retry})
		return true
	case core.ForgetProgram:
		l.forget(e.Turn.Program)
	case core.RunStep:
		l.fill(e.Items)
	case core.InterruptStep:
		l.device.abort(l.stepping)
	}
	return false
}

// order puts a call into the work at hand.
func (l *loop) order(c call) {
	w := l.work()
	w.calls = append(w.calls, c)
}

// start gives a turn its sequence.
func (l *loop) start(e *core.Effect) {
	t := l.turns[e.Turn]
	t.seq = engine.Seq(e.Seq)
	l.running[t.seq] = t
	l.unkeep(t)
	if t.prompt != nil {
		l.begin(t)
	}
}

// begin gives the sequence of a turn its sampling, and the turn its goroutine.
func (l *loop) begin(t *turn) {
	if t.mail == nil {
		t.mail = newMailbox()
		l.node.serving.Go(func() { l.node.serve(l.ctx, t, t.mail) })
	}
	sampling, history := t.samplingNow()
	l.order(call{kind: core.StartTurn, seq: t.seq, turn: t, sampling: sampling, history: history})
}

// fill puts the step into the work at hand.
func (l *loop) fill(items []core.Item) {
	w := l.work()
	for n, i := range items {
		if len(i.Checks) > 0 {
			w.checks = append(w.checks, checksOf(n, &items[n])...)
		}
		t := l.running[engine.Seq(i.Seq)] // nil for what is computed ahead
		w.turns = append(w.turns, t)
		tokens := l.contexts[i.Turn.Program].context()
		if t != nil {
			tokens = t.prompt.tokens
		}
		item := engine.Item{Seq: engine.Seq(i.Seq), Sample: i.Sample, Logits: i.Sample && t.prompt.logprobs.wanted()}
		if i.Spans == nil {
			item.Tokens = tokens[i.From : i.From+i.Count]
		} else {
			item.Tokens, item.At = spanned(tokens, i.Spans)
		}
		w.items = append(w.items, item)
	}
	for len(w.outputs) < len(items) {
		w.outputs = append(w.outputs, engine.Output{})
	}
	w.outputs = w.outputs[:len(items)]
	l.stepping = w
}

// finish takes in that the core has finished a turn. The context stays known, to be compared
// with that of the program's next turn.
func (l *loop) finish(e *core.Effect) {
	t := l.turns[e.Turn]
	delete(l.turns, e.Turn)
	delete(l.running, t.seq)
	t.seq = 0
	l.unkeep(t)
	if k := l.contexts[e.Turn.Program]; k != nil && k.turn == t {
		if k.turn = nil; t.prompt != nil {
			k.tokens = t.prompt.tokens
			l.put(e.Turn.Program, t.tenant, k.tokens)
		}
		l.forgetUseless(e.Turn.Program)
	}
	l.node.stats.finished(e)
	l.ended = append(l.ended, turnEnd{t, ending{outcome: e.Outcome, usage: e.Usage, strayed: e.Strayed, missed: e.Missed, timing: e.Timing}})
}

// turnEnd is a turn that the core has finished, and how. The core's PinProgram, which the
// ending tells of, comes after its FinishTurn.
type turnEnd struct {
	turn   *turn
	ending ending
}

// endTurns tells the turns that the core has finished, once all effects are carried out.
func (l *loop) endTurns() {
	for i := range l.ended {
		l.end(l.ended[i].turn, l.ended[i].ending)
		l.ended[i] = turnEnd{}
	}
	l.ended = l.ended[:0]
}

// forgetUseless drops the tokens of a context that no cells are left of anywhere.
func (l *loop) forgetUseless(id programs.ProgramID) {
	k := l.contexts[id]
	switch {
	case k == nil || k.sure || l.node.residents.has(id) || l.tiers.copies[id] > 0:
	case k.turn == nil:
		l.forget(id)
	case k.turn.prompt == nil:
		k.tokens = nil
		l.texts.Drop(id)
	}
}

// work is the work at hand.
func (l *loop) work() *work {
	if l.filling == nil {
		if n := len(l.idle); n > 0 {
			l.filling, l.idle = l.idle[n-1], l.idle[:n-1]
		} else {
			l.filling = &work{}
		}
	}
	return l.filling
}

// submit gives the work at hand to the device.
func (l *loop) submit() {
	if l.filling == nil {
		return
	}
	for {
		select {
		case l.device.work <- l.filling:
			l.filling = nil
			return
		case w := <-l.device.done:
			l.returned = append(l.returned, w)
			if w == nil { // the device is gone; run will learn it from takeBack
				return
			}
		case m := <-l.device.moved:
			l.landing = append(l.landing, m)
		}
	}
}

// setTimer sets the timer to the core's next deadline.
func (l *loop) setTimer() {
	at, _ := l.machine.NextDeadline()
	if at == l.alarm {
		return
	}
	l.alarm = at
	if at == 0 {
		l.timer.Stop()
		return
	}
	l.timer.Reset(l.clock.until(at))
}
