package wire

// Piece is a part of an answer as its reader understands it: text to show, reasoning that
// leads to it, or a call of a tool. How a model writes them is its own; the node takes its
// markers out.
//
// While an answer comes, a piece is what is new of it: pieces with the same kind and index
// that follow one another belong together. A result has them joined.
//
//	{"kind":"text","text":"Let me look."}
//	{"kind":"tool_call","id":"x7Gk2pQ9a","name":"read","text":"{\"path\":"}
//	{"kind":"tool_call","text":"\"go.mod\"}","done":true}
type Piece struct {
	Kind  PieceKind `json:"kind"`
	Index int       `json:"index,omitempty"` // of a tool call: which of the answer's, from 0
	ID    string    `json:"id,omitempty"`    // of a tool call: with its first piece
	Name  string    `json:"name,omitempty"`  // of a tool call: with its first piece
	Text  string    `json:"text,omitempty"`  // of a tool call: of its arguments, a JSON object
	Done  bool      `json:"done,omitempty"`  // of a tool call: its arguments are complete
}

// PieceKind tells what a piece is.
type PieceKind string

// The kinds.
const (
	PieceText      PieceKind = "text"
	PieceReasoning PieceKind = "reasoning"
	PieceToolCall  PieceKind = "tool_call"
)

// Join adds a piece to those of an answer that have come so far.
func Join(pieces []Piece, p Piece) []Piece {
	if n := len(pieces); n > 0 {
		last := &pieces[n-1]
		if last.Kind == p.Kind && last.Index == p.Index && !last.Done {
			last.Text += p.Text
			last.Done = p.Done
			return pieces
		}
	}
	return append(pieces, p)
}

// Parts are the answer's pieces. An answer without any is its text.
func (r *Result) Parts() []Piece {
	if r.Pieces == nil && r.Text != "" {
		return []Piece{{Kind: PieceText, Text: r.Text}}
	}
	return r.Pieces
}

// ToolCalls are the calls of the answer that are complete.
func (r *Result) ToolCalls() (calls []ToolCall) {
	for _, p := range r.Parts() {
		if p.Kind == PieceToolCall && p.Done {
			calls = append(calls, ToolCall{ID: p.ID, Type: "function", Function: FunctionCall{Name: p.Name, Arguments: p.Text}})
		}
	}
	return calls
}

// Said is the text of the answer without reasoning and calls.
func (r *Result) Said() string { return joined(r.Parts(), PieceText) }

// Reasoning is what the model thought before or between.
func (r *Result) Reasoning() string { return joined(r.Parts(), PieceReasoning) }

func joined(pieces []Piece, kind PieceKind) (text string) {
	for _, p := range pieces {
		if p.Kind == kind {
			text += p.Text
		}
	}
	return text
}
