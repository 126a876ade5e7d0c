package node

import "github.com/interlude-run/interlude/runtime/core"

// This file is the loop's part in which prompts are at hand. Those that come are kept ready
// up to Config.ReadyBytes, of which newcomers leave half to turns whose programs' contexts
// are here: they are soon wanted. What is not kept is made once more when the core asks for
// it. Prompts of turns that have been started stay until the turn is over.

// keep takes a prompt among those that are kept ready, if there is room.
func (l *loop) keep(t *turn, returning bool) bool {
	room := l.node.cfg.ReadyBytes
	if !returning {
		room /= 2
	}
	n := t.prompt.size(t.talk)
	if l.ready+n > room {
		return false
	}
	t.kept = n
	l.ready += n
	return true
}

// unkeep no longer counts a prompt among those that are kept ready: its turn has been
// started, or is over.
func (l *loop) unkeep(t *turn) {
	l.ready -= t.kept
	t.kept = 0
}

// drop lets go of a prompt.
func (l *loop) drop(t *turn) {
	t.prompt = nil
	l.node.release(t)
}

// fetch has the prompt made that the core asks for, if it is not there still.
func (l *loop) fetch(t *turn) {
	t.absent = false
	if t.prompt != nil {
		l.asked = append(l.asked, t)
		return
	}
	t.fetching = true
	l.node.stats.fetched.Add(1)
	l.node.preparers.Do(admitted, errand{turn: t, what: fetches})
}

// fetched takes a prompt in that was made once more. A turn whose prompt cannot be had is
// left to another node, or to a later run.
func (l *loop) fetched(t *turn, p *prompt) {
	t.fetching, t.prompt = false, p
	switch {
	case t.late != nil:
		l.deliver(t, *t.late)
	case p == nil:
		l.doom(t, errHandBack)
		l.step(&core.Tick{})
	default:
		if k := l.contexts[t.id.Program]; k != nil && k.turn == t {
			k.tokens = nil
			l.put(t.id.Program, t.tenant, p.tokens)
		}
		if t.seq != 0 {
			l.begin(t)
		}
		l.step(&core.TurnFetched{Turn: t.id})
	}
}

// end has a turn brought to its end by its goroutine, or by one of the crew where it has
// none. The crew may be making its prompt: then that comes first.
func (l *loop) end(t *turn, e ending) {
	t.over = true
	if t.fetching {
		t.late = &e
		return
	}
	l.deliver(t, e)
}

func (l *loop) deliver(t *turn, e ending) {
	e.fault, e.stopped, e.tokens, e.moved = t.fault, t.stopped, t.sampled(), l.moved[t]
	delete(l.moved, t)
	if t.prompt != nil {
		e.logprobs = t.prompt.logprobs
	}
	if t.mail == nil {
		l.node.enders.Do(0, errand{turn: t, what: ends, ending: &e})
		return
	}
	if rest := t.prompt.output.Close(); rest != "" {
		t.mail.put(rest, rest)
	}
	t.mail.close(&e)
}

// abandon hands back every turn that has no goroutine to notice that the loop is gone.
func (l *loop) abandon() {
	for _, p := range l.ended {
		if p.turn != nil {
			l.turns[p.turn.id] = p.turn
		}
	}
	for _, t := range l.turns {
		if t.mail == nil && !t.fetching {
			t.fault = errHandBack
			l.deliver(t, ending{})
		}
	}
}
