package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// This file makes Anthropic's content blocks of an answer's pieces, at once or while they come:
//
//	pieces ──▶ blockBuilder ──▶ wholeBlocks    the content of a message
//	                        ╰─▶ streamBlocks   its events
//
// One builder decides what a block is, so that a streamed answer and a whole one have the
// same blocks.

// answerBlock is a content block. What its type does not have is nil.
type answerBlock struct {
	Type      string          `json:"type"`
	Text      *string         `json:"text,omitempty"`
	Thinking  *string         `json:"thinking,omitempty"`
	Signature *string         `json:"signature,omitempty"` // nobody checks one here: it is empty
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`
}

// blockSink takes blocks, one after another: its start, what it says, and its end.
type blockSink interface {
	start(b *answerBlock)
	delta(kind wire.PieceKind, text string)
	stop()
}

// blockBuilder tells where blocks begin and end.
type blockBuilder struct {
	sink blockSink
	open bool
	kind wire.PieceKind // of the open block, or the last
	call int            // which tool call it is
	held string         // white space that may have a text behind it
}

// add takes the next piece. A text block begins with its first word: clients refuse to send
// back blocks of white space, which models like to write around calls and reasoning.
func (b *blockBuilder) add(p sdk.Piece) {
	text := p.Text
	if p.Kind != b.kind || p.Index != b.call {
		b.end()
	}
	if p.Kind == wire.PieceText && !b.open {
		text = b.held + text
		if strings.TrimSpace(text) == "" {
			b.held = text
			return
		}
		b.held = ""
	}
	if !b.open {
		b.open, b.kind, b.call = true, p.Kind, p.Index
		b.sink.start(newBlock(p))
	}
	if text != "" {
		b.sink.delta(p.Kind, text)
	}
	if p.Done {
		b.end()
	}
}

// end closes the block that is open.
func (b *blockBuilder) end() {
	if b.open {
		b.sink.stop()
	}
	b.open = false
}

// newBlock is a piece's block, with nothing in it.
func newBlock(p sdk.Piece) *answerBlock {
	switch p.Kind {
	case wire.PieceReasoning:
		return &answerBlock{Type: "thinking", Thinking: new(string), Signature: new(string)}
	case wire.PieceToolCall:
		return &answerBlock{Type: "tool_use", ID: p.ID, Name: p.Name, Input: json.RawMessage("{}")}
	}
	return &answerBlock{Type: "text", Text: new(string)}
}

// wholeBlocks puts blocks into a message.
type wholeBlocks messageBody

func (w *wholeBlocks) start(b *answerBlock) {
	if b.Type == "tool_use" {
		b.Input = nil
	}
	w.Content = append(w.Content, b)
}

func (w *wholeBlocks) delta(kind wire.PieceKind, text string) {
	b := w.Content[len(w.Content)-1]
	switch kind {
	case wire.PieceReasoning:
		*b.Thinking += text
	case wire.PieceToolCall:
		b.Input = append(b.Input, text...)
	default:
		*b.Text += text
	}
}

// stop checks a call's input: one that max_tokens has cut short is no JSON, and is empty then,
// as official clients take it from a stream.
func (w *wholeBlocks) stop() {
	b := w.Content[len(w.Content)-1]
	if b.Type != "tool_use" {
		return
	}
	input, ok := compactObject(b.Input)
	if !ok {
		input = json.RawMessage("{}")
	}
	b.Input = input
}

// streamBlocks sends blocks as events.
type streamBlocks struct {
	events *events
	index  int // of the block
}

type blockStart struct {
	Type  string       `json:"type"`
	Index int          `json:"index"`
	Block *answerBlock `json:"content_block"`
}

type blockDelta struct {
	Type  string        `json:"type"`
	Index int           `json:"index"`
	Delta anthropicPart `json:"delta"`
}

type anthropicPart struct {
	Type        string `json:"type"`
	Text        string `json:"text,omitempty"`
	Thinking    string `json:"thinking,omitempty"`
	PartialJSON string `json:"partial_json,omitempty"`
}

type blockStop struct {
	Type  string `json:"type"`
	Index int    `json:"index"`
}

func (s *streamBlocks) start(b *answerBlock) {
	s.events.send("content_block_start", blockStart{"content_block_start", s.index, b})
}

func (s *streamBlocks) delta(kind wire.PieceKind, text string) {
	part := anthropicPart{Type: "text_delta", Text: text}
	switch kind {
	case wire.PieceReasoning:
		part = anthropicPart{Type: "thinking_delta", Thinking: text}
	case wire.PieceToolCall:
		part = anthropicPart{Type: "input_json_delta", PartialJSON: text}
	}
	s.events.send("content_block_delta", blockDelta{"content_block_delta", s.index, part})
}

func (s *streamBlocks) stop() {
	s.events.send("content_block_stop", blockStop{"content_block_stop", s.index})
	s.index++
}

type messageStart struct {
	Type    string       `json:"type"`
	Message *messageBody `json:"message"`
}

type messageDelta struct {
	Type  string `json:"type"`
	Delta struct {
		StopReason   *string `json:"stop_reason"`
		StopSequence *string `json:"stop_sequence"`
	} `json:"delta"`
	Usage messageUsage `json:"usage"`
}

// bareEvent is an event that says nothing but its type.
type bareEvent struct {
	Type string `json:"type"`
}

// stream sends the answer while it comes. A turn that fails before anything of it has come is
// an ordinary error: clients decide by its status whether to shorten the prompt or to come
// again.
func (m *messageAnswer) stream(ctx context.Context, w http.ResponseWriter, f *flight) error {
	if err := f.begins(ctx, idle); err != nil {
		return err
	}
	e := newEvents(w)
	e.idle = func(stands string) {
		e.comment(stands)
		e.send("ping", bareEvent{"ping"})
	}
	e.send("message_start", messageStart{"message_start", m.begun()})
	b := blockBuilder{sink: &streamBlocks{events: e}}
	err := follow(ctx, e, f, b.add)
	var r *sdk.Result
	if err == nil {
		r, err = f.outcome()
	}
	if err != nil {
		e.send("error", refused(err).anthropic(m.requestID)) // clients take a stream that just ends for a success
		return nil
	}
	b.end()
	end := messageDelta{Type: "message_delta", Usage: m.usage(r.Usage)}
	end.Delta.StopReason, end.Delta.StopSequence = m.stopped(r)
	e.send("message_delta", end)
	e.send("message_stop", bareEvent{"message_stop"})
	return nil
}
