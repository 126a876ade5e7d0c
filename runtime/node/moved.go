package node

import (
	"slices"
	"strings"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/kvpin/anchor"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/sdk/wire"
)

// This file is the loop's part in contexts that are put together from cells which were computed
// behind another text: it knows the tokens, finds what is the same in contexts of the tenant, and
// says by where it is from how much of it is computed anew. Whether there are cells of it
// when the turn is admitted is the core's to know.

// runs are the parts of a turn's context that are elsewhere too, in the program's own
// former context or in another's.
func (l *loop) runs(t *turn, ev *core.TurnArrived) (runs []core.Run) {
	tokens := t.prompt.tokens
	exact := max(ev.Keep, ev.Inherits, ev.Opens)
	found := l.texts.Find(ev.Tenant, ev.Turn.Program, tokens, exact)
	kept := programs.Tokens(0)
	for _, r := range found {
		kept += r.Count
	}
	var borders []programs.Tokens
	for _, r := range found {
		kind := anchor.Sibling
		if r.Source == ev.Turn.Program {
			kind = kindOf(t.prompt.Past)
		}
		scheme := anchor.SchemeOf(kind, kept)
		if scheme.Each > 0 && borders == nil {
			borders = l.node.borders(tokens)
		}
		for _, p := range scheme.Pieces(r, borders) {
			runs = append(runs, core.Run{At: p.At, Count: p.Count, Source: p.Source, From: p.From, Mend: p.Mend, Check: kind == anchor.Sibling})
		}
	}
	return runs
}

// kindOf is what became of a program's own context.
func kindOf(p chat.Past) anchor.Kind {
	switch {
	case p.Change == chat.Retooled, p.Change == chat.Edited && p.Edit == chat.Prefaced:
		return anchor.Preface
	case p.Change == chat.Edited && p.Edit == chat.Trimmed:
		return anchor.Trim
	case p.Change == chat.Edited && p.Edit == chat.Compacted:
		return anchor.Compaction
	}
	return anchor.Strip // answers are others, or a template that writes the past anew leaves their reasoning out
}

// borders are the places of control tokens, where messages begin and end.
func (n *Node) borders(tokens []engine.Token) (at []programs.Tokens) {
	for _, i := range n.cfg.Template.ControlTokens(tokens) {
		at = append(at, programs.Tokens(i))
	}
	return at
}

// put makes a program's context known to those that come after; nil is none.
func (l *loop) put(id programs.ProgramID, tenant programs.TenantID, tokens []engine.Token) {
	if len(tokens) == 0 {
		l.texts.Drop(id)
		return
	}
	l.texts.Put(tenant, id, tokens)
}

// forget drops what is known of a program's context.
func (l *loop) forget(id programs.ProgramID) {
	delete(l.contexts, id)
	l.texts.Drop(id)
}

// place orders the cells of a run to be moved, and notes it for the turn's result.
func (l *loop) place(e *core.Effect) {
	count := e.Cells - e.First
	l.order(call{kind: core.PlaceCells, seq: engine.Seq(e.Seq), from: engine.Seq(e.From), first: int(e.First), cells: int(count), at: int(e.At)})
	if t := l.running[engine.Seq(e.Seq)]; t != nil {
		l.moved[t] = append(l.moved[t], moved{from: e.Donor, tokens: count})
	}
}

// moved is cells that a turn has of another context, what is computed anew of them included.
type moved struct {
	from   programs.TurnID
	tokens programs.Tokens
}

// sources are what the program is told of them, of each turn together.
func sources(all []moved) (told []wire.Moved) {
	for _, m := range all {
		_, program, _ := strings.Cut(string(m.from.Program), "/") // its tenant is the turn's
		i := slices.IndexFunc(told, func(w wire.Moved) bool { return w.Program == program && w.Turn == int64(m.from.Turn) })
		if i < 0 {
			i = len(told)
			told = append(told, wire.Moved{Program: program, Turn: int64(m.from.Turn)})
		}
		told[i].Tokens += int(m.tokens)
	}
	return told
}

// spanned gives the tokens of parts of a context, and their positions.
func spanned(context []engine.Token, spans []core.Span) (tokens []engine.Token, at []int) {
	for _, s := range spans {
		for i := s.From; i < s.From+s.Count; i++ {
			tokens, at = append(tokens, context[i]), append(at, int(i))
		}
	}
	return tokens, at
}
