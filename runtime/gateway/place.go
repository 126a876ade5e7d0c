package gateway

import (
	"context"
	"strconv"

	"github.com/interlude-run/interlude/sdk"
)

// place is where a request belongs: a turn of a program, and what the turn says.
type place struct {
	spot
	parent   string
	mode     sdk.Mode
	messages []sdk.Message
	from     *spot // what stands before the messages, of another program; nil: nothing does

	before digest // the conversation that the turn goes on from
	asked  digest // with the request's messages behind it
	after  int64  // the turn that before stands behind; 0: none, or it does not matter
}

// fork is what the turn is told of from.
func (p *place) fork() *sdk.Spot {
	if p.from == nil {
		return nil
	}
	return &sdk.Spot{Program: p.from.program, Turn: p.from.turn}
}

// find decides which program a request goes on with. Without a name for one, it is the
// program whose conversation the request extends:
//
//   - it extends a last answer: the next turn, of what is new;
//   - it says the last question once more, or goes on from it with another answer, or from
//     the answer before: the next turn, which replaces the conversation;
//   - it goes on from further back: a program of its own, whose parent that one is, since
//     the old one may go on, too;
//   - it extends nothing: a new program.
func (l *ledger) find(ctx context.Context, a *ask) (place, error) {
	switch {
	case a.previous != nil:
		return l.behind(ctx, a)
	case a.named != "":
		return l.next(ctx, a)
	}
	chain := a.chain()
	end := len(a.messages)
	p := place{asked: chain[end], messages: a.messages, parent: a.parent}
	if a.apart || a.prompt != "" {
		return l.begin(ctx, a, p, spot{})
	}
	// What goes on from an answer is looked for first: most requests do.
	n := end - 1
	var gone spot // the turn behind that answer, which has been already
	for ; n > 0; n-- {
		if a.messages[n-1].Role != "assistant" {
			continue
		}
		s, ok, err := l.spot(ctx, a.tenant, answered, chain[n])
		if err != nil {
			return place{}, err
		}
		if !ok {
			continue
		}
		gone = spot{s.program, s.turn + 1}
		if last, err := l.last(ctx, a.tenant, s.program); err != nil || last <= s.turn {
			p.spot, p.mode, p.messages = gone, sdk.Append, a.messages[n:]
			p.before, p.after = chain[n], s.turn
			return p, err
		}
		break
	}
	// Else it may take the place of a turn: of the nearest one.
	for m := end; m >= max(n, 1); m-- {
		if m < end && a.messages[m].Role != "assistant" {
			continue
		}
		s, ok, err := l.spot(ctx, a.tenant, asked, chain[m])
		if err != nil {
			return place{}, err
		}
		if ok {
			return l.instead(ctx, a, p, s)
		}
	}
	if gone != (spot{}) {
		return l.instead(ctx, a, p, gone)
	}
	return l.begin(ctx, a, p, spot{})
}

// chain has the conversation after each of the request's messages, and before the first.
func (a *ask) chain() []digest {
	chain := []digest{beginning(a)}
	switch {
	case a.previous != nil:
		chain[0] = sum([]byte("behind"), a.tenant, a.previous.String())
	case a.named != "":
		chain[0] = sum([]byte("named"), a.tenant, a.named)
	case a.prompt != "":
		chain[0] = sum([]byte("prompt"), a.tenant, a.session, a.program, a.prompt)
	}
	for _, m := range a.messages {
		chain = append(chain, chain[len(chain)-1].then(m))
	}
	return chain
}

// instead says something else in the place of a turn.
func (l *ledger) instead(ctx context.Context, a *ask, p place, s spot) (place, error) {
	last, err := l.last(ctx, a.tenant, s.program)
	if err != nil {
		return place{}, err
	}
	if last > s.turn && a.program == "" {
		return l.begin(ctx, a, p, s)
	}
	p.spot, p.mode = spot{s.program, max(last, s.turn) + 1}, sdk.Replace
	return p, nil
}

// behind goes on from a turn that the client names: by the program's next turn, or, where the
// program went on from there, by a program of its own, a fork.
func (l *ledger) behind(ctx context.Context, a *ask) (place, error) {
	chain := a.chain()
	p := place{messages: a.messages, before: chain[0], asked: chain[len(a.messages)]}
	stands, failed, err := l.spot(ctx, a.tenant, answered, chain[0])
	if err != nil {
		return place{}, err
	}
	if !failed { // no turn behind it came to nothing
		stands = *a.previous
	}
	last, err := l.last(ctx, a.tenant, stands.program)
	if err != nil {
		return place{}, err
	}
	if last > stands.turn {
		p.from, p.parent = a.previous, a.previous.program
		return l.begin(ctx, a, p, *a.previous)
	}
	p.spot, p.mode, p.after = spot{stands.program, stands.turn + 1}, sdk.Append, stands.turn
	return p, nil
}

// next goes on with a conversation that the client names, by its next turn. Turns that came to
// nothing count as well: what was said before them stands.
func (l *ledger) next(ctx context.Context, a *ask) (place, error) {
	chain := a.chain()
	program := namedProgram(a.named)
	last, err := l.last(ctx, a.tenant, program)
	p := place{spot: spot{program, last + 1}, mode: sdk.Append, messages: a.messages, before: chain[0], asked: chain[len(a.messages)]}
	return p, err
}

// namedProgram is the program of a conversation that clients have a name for.
func namedProgram(conversation string) string {
	return "c-" + sum([]byte("conversation's name"), conversation).String()
}

// begin makes a new program, or begins the one that the client names anew. A new one's name
// follows from the request and from the turn that it branches off. So gateways that do not know
// of each other agree on it, and a turn that was accepted and then not noted, because a reply was
// lost or a gateway died, is found by whoever sends the request once more.
func (l *ledger) begin(ctx context.Context, a *ask, p place, off spot) (place, error) {
	if p.parent == "" {
		p.parent = off.program
	}
	if p.parent == "" && a.parentSession != "" {
		var err error
		if p.parent, err = l.mainOf(ctx, a.tenant, a.parentSession); err != nil {
			return place{}, err
		}
	}
	program := a.program
	if program == "" || p.from != nil {
		program = "h-" + sum([]byte("program"), a.requestDigest().String(), off.String(), strconv.FormatBool(a.apart)).String()
	}
	last, err := l.last(ctx, a.tenant, program)
	if err != nil {
		return place{}, err
	}
	p.spot, p.mode = spot{program, last + 1}, sdk.Replace // the name has been used where an answer to these words failed
	return p, nil
}

// requestDigest is what a retry is known by.
func (a *ask) requestDigest() digest {
	if a.key != "" {
		return sum([]byte("key"), a.tenant, a.key)
	}
	return a.digest()
}
