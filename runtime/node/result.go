package node

import (
	"errors"
	"fmt"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/sdk/wire"
)

// This file writes the result of a turn.

// result is what the program is told of how its turn ended; nil when the job is
// to be handed back.
func (n *Node) result(t *turn, text string, end *ending) *wire.Result {
	switch {
	case errors.Is(end.fault, engine.ErrGrammar):
		return n.rejected(t, wire.CodeInvalidGrammar, end.fault)
	case errors.Is(end.fault, errHandBack):
		return nil
	case end.rejection != nil:
		return n.notTakenIn(t, *end.rejection, end.retry)
	}
	r := n.blank(t)
	r.Text = text
	for _, token := range end.tokens {
		r.Tokens = append(r.Tokens, int32(token))
	}
	r.Usage = wire.Usage{
		PromptTokens:     t.context,
		ReusedTokens:     int(end.usage.Reused),
		RestoredTokens:   int(end.usage.Restored),
		MovedTokens:      int(end.usage.Moved),
		PrefilledTokens:  int(end.usage.Prefilled),
		CompletionTokens: int(end.usage.Generated),
	}
	if end.logprobs != nil {
		r.Logprobs = end.logprobs.all
	}
	r.Moved, r.Strayed = sources(end.moved), end.strayed
	r.Miss = missOf(end.missed, t.edited)
	stamp(&r.Timing, end.timing)
	if !t.last {
		r.Pin = pinOf(end.pin)
	}
	switch {
	case end.fault != nil || end.outcome == programs.Failed:
		n.log(t).Error("the turn failed", "error", end.fault)
		r.Outcome = wire.Failed
		r.Error = refusal(wire.CodeEngine, fmt.Sprintf("the engine could not go on with the turn: %v", end.fault))
		r.Error.Retryable = true
	case end.outcome == programs.Cancelled:
		r.Outcome = wire.Cancelled
		r.Error = refusal(wire.CodeCancelled, "the turn was cancelled")
	case end.outcome == programs.TimedOut:
		r.Outcome = wire.DeadlineExceeded
		r.Error = refusal(wire.CodeDeadlineExceeded, fmt.Sprintf("the turn was not answered within its %d ms", t.patience().Milliseconds()))
	case end.outcome == programs.Length:
		r.Outcome, r.FinishReason = wire.Completed, wire.FinishLength
	case end.stopped:
		r.Outcome, r.FinishReason = wire.Completed, wire.FinishStopString
	default:
		r.Outcome, r.FinishReason = wire.Completed, wire.FinishStop
	}
	return r
}

// notTakenIn is the result of a turn that the core rejected; nil when it is not the turn's
// fault, and another node may take it in, or this one later.
func (n *Node) notTakenIn(t *turn, reason programs.Rejection, retry programs.Duration) *wire.Result {
	g := n.cfg.Engine.Geometry()
	switch reason {
	case programs.Empty:
		return n.rejected(t, wire.CodeInvalidTurn, errors.New("the prompt has no tokens"))
	case programs.TooLong:
		return n.rejected(t, wire.CodeContextTooLong,
			fmt.Errorf("the prompt has %d tokens, and the model's context %d", t.context, g.MaxContext))
	case programs.TooLarge:
		return n.rejected(t, wire.CodeContextTooLong,
			fmt.Errorf("the prompt has %d tokens, and the node's KV pool holds %d", t.context, g.PoolBytes/g.CellBytes))
	case programs.Overloaded:
		n.stats.shed.Add(1)
		r := n.blank(t)
		r.Outcome = wire.Failed
		r.Error = refusal(wire.CodeOverloaded, "the node could not promise the turn its first token within the bound on waits: as much as its tenant's part gets through in that time waits already")
		r.Error.Retryable = true
		r.Error.RetryAfterMS = milliseconds(retry) + 1
		return r
	}
	return nil
}

var hints = map[wire.Code]string{
	wire.CodeInvalidTurn:      "correct the turn and send it as the next one",
	wire.CodeInvalidMessages:  "correct the messages and send them as the next turn",
	wire.CodeInvalidGrammar:   "send the next turn with a GBNF grammar whose start symbol is root",
	wire.CodeContextTooLong:   "shorten the conversation with a turn of mode replace",
	wire.CodeCancelled:        "the program can go on with the next turn",
	wire.CodeDeadlineExceeded: "send it as the next turn with a longer timeout_ms, or when the node is less busy",
	wire.CodeOverloaded:       "send it as the next turn after retry_after_ms, or with class background",
	wire.CodeEngine:           "send it as the next turn; if it fails again, tell the node's operator",
}

func (n *Node) rejected(t *turn, code wire.Code, err error) *wire.Result {
	r := n.blank(t)
	r.Outcome = wire.Rejected
	r.Error = refusal(code, err.Error())
	return r
}

func refusal(code wire.Code, message string) *wire.Error {
	return &wire.Error{Code: code, Message: message, Hint: hints[code]}
}

// blank is a result with what all have.
func (n *Node) blank(t *turn) *wire.Result {
	id := t.job.ID()
	return &wire.Result{
		Version: wire.Version, Tenant: id.Tenant, Program: id.Program, Turn: id.Turn,
		Timing: wire.Timing{AcceptedAt: t.job.AcceptedAt()},
		Node:   n.cfg.Name, Attempt: t.job.Attempt(),
	}
}

// patience is how long the turn was to take at most.
func (t *turn) patience() time.Duration {
	at, _ := t.job.Deadline()
	return at.Sub(t.job.AcceptedAt())
}

// stamp writes the turn's milestones as milliseconds since its arrival.
func stamp(w *wire.Timing, t core.Timing) {
	since := func(milestone programs.Time) float64 {
		if milestone == 0 {
			return 0
		}
		return float64(milestone.Sub(t.Arrived)) / float64(programs.Millisecond)
	}
	w.ScheduledMS, w.TTFTMS, w.TotalMS = since(t.Started), since(t.First), since(t.Finished)
}

func milliseconds(d programs.Duration) int64 { return int64(d / programs.Millisecond) }
