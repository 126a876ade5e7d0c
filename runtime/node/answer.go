package node

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/grammar"
	"github.com/interlude-run/interlude/sdk/wire"
)

// This file says what an answer must be, and takes it apart while it comes: text, reasoning,
// tool calls.

// parts takes the text of one answer apart.
type parts struct {
	turn   programs.TurnID
	reader *chat.Reader // nil: all of it is text
	all    []wire.Piece // so far, joined
}

// read takes what the model has written next, marks included, and gives what it adds. plain
// is true where that is just text.
func (p *parts) read(marked, text string, ended bool) (pieces []wire.Piece, plain bool) {
	if p.reader == nil {
		return nil, true
	}
	came := p.reader.Write(marked)
	if ended {
		came = append(came, p.reader.Close()...)
	}
	pieces = make([]wire.Piece, 0, len(came))
	for _, c := range came {
		piece := wire.Piece{Kind: pieceKinds[c.Kind], Index: c.Index, Name: c.Name, Text: c.Text, Done: c.Done}
		if c.Kind == chat.PieceCall && c.Name != "" {
			piece.ID = callID(p.turn, c.Index)
		}
		pieces = append(pieces, piece)
		p.all = wire.Join(p.all, piece)
	}
	return pieces, len(pieces) == 1 && pieces[0] == wire.Piece{Kind: wire.PieceText, Text: text}
}

var pieceKinds = map[chat.PieceKind]wire.PieceKind{
	chat.PieceText: wire.PieceText, chat.PieceReasoning: wire.PieceReasoning, chat.PieceCall: wire.PieceToolCall,
}

// joined are the answer's pieces; nil where all of it is text.
func (p *parts) joined(text string) []wire.Piece {
	if len(p.all) == 1 && p.all[0] == (wire.Piece{Kind: wire.PieceText, Text: text}) {
		return nil
	}
	return p.all
}

// callID names a call: the same wherever, and however often, the turn runs. It has nine
// letters and digits, as the strictest templates want it.
func callID(turn programs.TurnID, index int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	hash := sha256.Sum256(fmt.Appendf(nil, "%s/%d/%d", turn.Program, turn.Turn, index))
	n := binary.LittleEndian.Uint64(hash[:])
	var id [9]byte
	for i := range id {
		id[i] = letters[n%uint64(len(letters))]
		n /= uint64(len(letters))
	}
	return string(id[:])
}

// shape is what a turn asks of its answer.
type shape struct {
	reader   *chat.Reader // nil: all of it is text
	grammar  string       // that holds it; empty: none
	loosened []string     // what of a schema the grammar does not hold
}

// shape reads what the turn asks of its answer. An error is the turn's.
func (n *Node) shape(w *wire.Turn, p *chat.Prompt) (s shape, err error) {
	format := n.cfg.Template.Format()
	tools := p.Tools()
	if w.ToolChoice.Mode == wire.ToolsNone {
		tools = nil
	}
	if w.Prompt == "" && (len(tools) > 0 || format.Reasons()) {
		s.reader = format.ReaderOf(tools)
	}
	if w.ToolChoice.Mode != wire.ToolsRequired && w.Format.Kind != wire.FormatJSON && w.Format.Kind != wire.FormatSchema {
		return s, nil
	}
	b := grammar.New()
	b.Closed = true
	var rule string
	switch {
	case w.ToolChoice.Mode == wire.ToolsRequired:
		if w.ToolChoice.Name != "" {
			tools = only(tools, w.ToolChoice.Name)
		}
		if len(tools) == 0 {
			return s, errors.New("a call is required, and there is no tool that could be called")
		}
		rule, err = format.CallGrammar(b, tools, w.ToolChoice.Single)
	case w.Format.Kind == wire.FormatJSON:
		rule = b.Object()
	default:
		rule, s.loosened, err = b.Schema(w.Format.Schema, w.Format.Strict)
	}
	if err != nil {
		return s, err
	}
	s.grammar = b.Grammar(rule)
	return s, nil
}

func only(tools []chat.Tool, name string) (kept []chat.Tool) {
	for _, t := range tools {
		if t.Name == name {
			kept = append(kept, t)
		}
	}
	return kept
}

// write takes a sampled token into the answer: text that is certain, to the answer, and with
// the marks that the model has set, to its reader. stopped is true from a stop string on.
func (p *prompt) write(token engine.Token, vocabulary chat.Tokenizer) (text, marked string, stopped bool) {
	if marker := p.format.Spell(token); marker != "" {
		text = p.output.Cut()
		return text, text + marker, false
	}
	text, stopped = p.output.Write(vocabulary.Piece(token))
	return text, text, stopped
}
