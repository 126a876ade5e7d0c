package node

import (
	"context"
	"errors"
	"iter"

	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/sdk/wire"
)

// Count tells how many tokens the prompt of a turn would have, which has been validated.
// Nothing is kept of it, and the engine has no part in it. history is of the turns before; an
// error is a *wire.Error, or history's. Any number may call it at once.
func (n *Node) Count(ctx context.Context, w *wire.Turn, history func(ctx context.Context) (iter.Seq2[*wire.Turn, *wire.Result], error)) (int, error) {
	k, err := n.recall(ctx, w, nil, history)
	if err != nil {
		return 0, refusedMessages(err)
	}
	p, err := k.conversation.Prepare(said(w))
	if err != nil {
		return 0, refusedMessages(err)
	}
	n.stats.counted.Add(1)
	return len(p.Tokens), nil
}

func refusedMessages(err error) error {
	if !errors.Is(err, chat.ErrMessages) {
		return err
	}
	return &wire.Error{Code: wire.CodeInvalidMessages, Message: err.Error(), Hint: "send messages that the model's chat template takes"}
}
