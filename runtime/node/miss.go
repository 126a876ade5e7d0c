package node

import (
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/sdk/wire"
)

// This file puts together what each layer knows of context that is not found: chat how the
// prompt departs from the past, the talk who computed that, and the core, which gets both
// with the turn and gives the reason with its end, what cells there were.

// origin is where the tokens of a conversation come from, by its last completed turn.
type origin struct {
	known    bool // there is one
	node     string
	uncached bool // it was to leave nothing
}

// from notes a turn that was completed.
func (o *origin) from(result *wire.Result, uncached bool) {
	*o = origin{known: true, node: result.Node, uncached: uncached}
}

// absent is why this node may have no cells of the conversation, or may not know that it
// had.
func (o origin) absent(node string) programs.Miss {
	switch {
	case !o.known:
		return programs.NoMiss
	case o.uncached:
		return programs.Uncached
	case o.node != node:
		return programs.OtherNode
	}
	return programs.Forgotten
}

var changes = map[chat.Change]programs.Miss{
	chat.Unchanged: programs.NoMiss,
	chat.Edited:    programs.HistoryEdited,
	chat.Retooled:  programs.ToolsChanged,
	chat.Reworded:  programs.TemplateRewrote,
}

// past is what the core is told of the turns before.
func (n *Node) past(p chat.Past, from origin) core.Past {
	return core.Past{
		Tokens: programs.Tokens(p.Tokens), Same: programs.Tokens(p.Same),
		Changed: changes[p.Change], Message: p.Message,
		Absent: from.absent(n.cfg.Name),
	}
}

// missOf is what the program is told of what its turn did not find; edited is the message
// at which its client changed the history, nil where it did not.
func missOf(m programs.Missed, edited *int) *wire.Miss {
	w := &wire.Miss{Reason: wire.MissReason(m.Why.String()), Tokens: int(m.Tokens)}
	if m.Why == programs.HistoryEdited {
		w.Message = edited
	}
	return w
}
