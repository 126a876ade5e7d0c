package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// responseAnswer builds a response out of the pieces of an answer, and tells each step as an
// event where somebody watches. The streamed answer and the whole one are built alike, so
// they say the same.
//
//	begin   response.created, response.in_progress
//	piece   output_item.added, content_part.added, a delta …; the done events when the item is over
//	end     response.completed, .incomplete or .failed; or error, where nobody knows how it ends
//
// It has one user.
type responseAnswer struct {
	response
	suffix string   // of its items' IDs
	tools  *toolset // that the client offered; nil: not known any longer
	open   *outputItem
	index  int // of the open item's call, among the answer's calls

	events *events // nil: nobody watches
	number int     // of the next event
	after  int     // events up to this one are known to who watches; -1: none is
}

// stream sends the events behind a number, until the end.
func (a *responseAnswer) stream(ctx context.Context, e *events, f *flight, after int) {
	a.events, a.after = e, after
	a.begin()
	// Whoever reads a response has the same events with the same numbers, however fast it
	// reads: so pieces are not joined.
	_ = followEach(ctx, e, f, a.piece)
	if e.failed == nil && ctx.Err() == nil { // somebody is there
		a.end(f.shown())
	}
}

// whole is the response at its end.
func (a *responseAnswer) whole(r *sdk.Result) *response {
	for _, p := range r.Parts() {
		a.piece(p)
	}
	var err error
	if r.Outcome != wire.Completed {
		err = failure(r)
	}
	a.end(r, err)
	return &a.response
}

// soFar is the response while it is under way.
func (a *responseAnswer) soFar(f *flight) *response {
	pieces, over, _ := f.look(0)
	for _, p := range pieces {
		a.piece(p)
	}
	switch {
	case over:
		a.end(f.shown())
	case len(pieces) == 0:
		a.Status = statusQueued
	}
	return &a.response
}

func (a *responseAnswer) begin() {
	a.emit("response.created", fields{"response": &a.response})
	a.emit("response.in_progress", fields{"response": &a.response})
}

// piece adds what has come. A call's end is told at once: the client can run it.
func (a *responseAnswer) piece(p sdk.Piece) {
	if p.Text == "" && p.Kind != wire.PieceToolCall {
		return
	}
	if a.open != nil && (a.open.kind != p.Kind || a.index != p.Index) {
		a.close(statusCompleted)
	}
	if a.open == nil {
		a.begun(p)
	}
	if p.Text != "" {
		a.open.text += p.Text
		a.emit(a.open.event()+".delta", a.within(fields{"delta": p.Text}))
	}
	if p.Done {
		a.open.whole = true
		a.close(statusCompleted)
	}
}

// begun opens an item. It is told empty: clients add what follows to it.
func (a *responseAnswer) begun(p sdk.Piece) {
	n := len(a.Output)
	a.index = p.Index
	a.open = &outputItem{kind: p.Kind, id: fmt.Sprintf("%s%s-%d", itemPrefixes[p.Kind], a.suffix, n), status: statusInProgress}
	if p.Kind == wire.PieceToolCall {
		a.open.callID, a.open.name = p.ID, a.tools.named(p.Name)
	}
	a.Output = append(a.Output, a.open)
	a.emit("response.output_item.added", fields{"output_index": n, "item": a.open})
	if p.Kind != wire.PieceToolCall {
		a.emit("response.content_part.added", a.within(fields{"part": a.open.part()}))
		a.open.parted = true
	}
}

// close ends the open item. A call that is not whole is incomplete in any case.
func (a *responseAnswer) close(status string) {
	it := a.open
	if it == nil {
		return
	}
	if it.kind == wire.PieceToolCall {
		if !it.whole {
			status = statusIncomplete
		}
		a.emit(it.event()+".done", a.within(fields{"arguments": it.text, "name": it.name.name}))
	} else {
		a.emit(it.event()+".done", a.within(fields{"text": it.text}))
		a.emit("response.content_part.done", a.within(fields{"part": it.part()}))
	}
	it.status = status
	a.emit("response.output_item.done", fields{"output_index": len(a.Output) - 1, "item": it})
	a.open = nil
}

// end is how the response ended. Where there is no result, the turn may go on elsewhere.
func (a *responseAnswer) end(r *sdk.Result, err error) {
	if r == nil {
		a.lost(refused(err))
		return
	}
	switch {
	case err != nil:
		a.close(statusIncomplete)
		if r.Outcome == wire.Cancelled {
			a.Status = statusCancelled
			break
		}
		a.Status, a.Error = statusFailed, newResponseError(refused(err))
	case r.FinishReason == wire.FinishLength:
		a.close(statusIncomplete)
		a.Status, a.IncompleteDetails = statusIncomplete, &incompleteDetails{"max_output_tokens"}
	default:
		a.close(statusCompleted)
		if !a.says() { // clients look for a text
			a.begun(sdk.Piece{Kind: wire.PieceText})
			a.close(statusCompleted)
		}
		at := max(a.CreatedAt, r.Timing.AcceptedAt.Add(time.Duration(r.Timing.TotalMS*float64(time.Millisecond))).Unix())
		a.Status, a.CompletedAt = statusCompleted, &at
	}
	a.Usage = newResponseUsage(r.Usage)
	a.last("response."+endings[a.Status], fields{"response": &a.response})
}

// endings are the events that end a stream. There is none for a cancelled response.
var endings = map[string]string{
	statusCompleted: "completed", statusIncomplete: "incomplete", statusFailed: "failed", statusCancelled: "failed",
}

// says tells whether the answer has more than reasoning.
func (a *responseAnswer) says() bool {
	for _, it := range a.Output {
		if it.kind != wire.PieceReasoning {
			return true
		}
	}
	return false
}

// lost ends a stream with an error. OpenAI has its fields beside the type, the Open Responses
// specification in an object, which is what clients look for.
func (a *responseAnswer) lost(r *refusal) {
	a.last("error", fields{
		"code": orNull(r.code), "message": r.message, "param": orNull(r.param),
		"error": fields{"type": r.openAIType(), "code": orNull(r.code), "message": r.message, "param": orNull(r.param), "headers": nil},
	})
}

// fields are an event's.
type fields map[string]any

// within says which part of the open item an event is about.
func (a *responseAnswer) within(f fields) fields {
	f["item_id"], f["output_index"] = a.open.id, len(a.Output)-1
	if a.open.kind != wire.PieceToolCall {
		f["content_index"] = 0
	}
	if a.open.kind == wire.PieceText && f["part"] == nil {
		f["logprobs"] = []any{}
	}
	return f
}

func (a *responseAnswer) emit(event string, f fields) {
	n := a.number
	a.number++
	if a.events == nil || n <= a.after {
		return
	}
	f["type"], f["sequence_number"] = event, n
	a.events.send(event, f)
}

// last is the event that ends the stream, which is sent whatever the reader has seen.
func (a *responseAnswer) last(event string, f fields) {
	a.number = max(a.number, a.after+1)
	a.emit(event, f)
}

// outputItem is a part of the output: a message, reasoning, or a call.
type outputItem struct {
	kind   wire.PieceKind
	id     string
	status string
	text   string // of a call: its arguments
	parted bool   // its content is begun

	callID string
	name   toolName
	whole  bool // the call's arguments are
}

// itemPrefixes are what IDs of items begin with.
var itemPrefixes = map[wire.PieceKind]string{wire.PieceText: "msg_", wire.PieceReasoning: "rs_", wire.PieceToolCall: "fc_"}

// event is what the events of its text begin with. For reasoning the Open Responses
// specification has response.reasoning, which no client reads: this is what OpenAI sends.
func (it *outputItem) event() string {
	switch it.kind {
	case wire.PieceReasoning:
		return "response.reasoning_text"
	case wire.PieceToolCall:
		return "response.function_call_arguments"
	}
	return "response.output_text"
}

// part is its content's one part.
func (it *outputItem) part() any {
	if it.kind == wire.PieceReasoning {
		return fields{"type": "reasoning_text", "text": it.text}
	}
	return fields{"type": "output_text", "text": it.text, "annotations": []any{}, "logprobs": []any{}}
}

// MarshalJSON implements json.Marshaler.
func (it *outputItem) MarshalJSON() ([]byte, error) {
	content := []any{}
	if it.parted {
		content = append(content, it.part())
	}
	switch it.kind {
	case wire.PieceToolCall:
		f := fields{"type": "function_call", "id": it.id, "status": it.status, "call_id": it.callID, "name": it.name.name, "arguments": it.text}
		if it.name.namespace != "" {
			f["namespace"] = it.name.namespace
		}
		return json.Marshal(f)
	case wire.PieceReasoning:
		return json.Marshal(fields{"type": "reasoning", "id": it.id, "status": it.status, "summary": []any{}, "content": content, "encrypted_content": nil})
	}
	return json.Marshal(fields{"type": "message", "id": it.id, "status": it.status, "role": "assistant", "content": content})
}
