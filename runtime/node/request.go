package node

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/sdk/wire"
	"github.com/interlude-run/interlude/toolpredict/toolcall"
)

// This file reads what a turn's message asks for.

func turnID(w *wire.Turn) programs.TurnID {
	return programs.TurnID{Program: programID(w.Tenant, w.Program), Turn: programs.TurnNumber(w.Turn)}
}

// programID is the name of a program among those of all tenants: neither part
// has a slash.
func programID(tenant, program string) programs.ProgramID {
	return programs.ProgramID(tenant + "/" + program)
}

// openingID is the name of a text that the tenant's programs begin with, which is no
// program's: it has no slash. Tenants do not share, so that none can tell from the time to
// its first token what another's agents are told.
func openingID(tenant string, text []engine.Token) programs.ProgramID {
	if len(text) == 0 {
		return ""
	}
	b := make([]byte, 0, 4*len(text))
	for _, token := range text {
		b = binary.LittleEndian.AppendUint32(b, uint32(token))
	}
	sum := sha256.Sum256(b)
	return programs.ProgramID(tenant + ":" + hex.EncodeToString(sum[:16]))
}

// said is what the turn adds to the conversation.
func said(w *wire.Turn) chat.Turn {
	turn := chat.Turn{Replace: w.Mode == wire.ModeReplace && w.From == nil, Prompt: w.Prompt}
	for _, m := range w.Messages {
		message := chat.Message{Role: m.Role, Content: string(m.Content), Name: m.Name, ToolCallID: m.ToolCallID}
		for _, c := range m.ToolCalls {
			message.Calls = append(message.Calls, chat.Call{ID: c.ID, Name: c.Function.Name, Arguments: c.Function.Arguments})
		}
		turn.Messages = append(turn.Messages, message)
	}
	if w.Tools != nil {
		turn.Tools = []string{}
		for _, tool := range w.Tools {
			turn.Tools = append(turn.Tools, spelled(tool))
		}
	}
	return turn
}

// spelled is the tool as JSON, with < and & as they are: templates show it.
func spelled(tool wire.Tool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(tool); err != nil {
		panic(fmt.Sprintf("node: a validated tool is no JSON: %v", err)) // its parameters were checked to be an object
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// options is how a turn is to be generated.
type options struct {
	sampling  engine.Sampling
	maxTokens int
	stops     []string
	parent    programs.ProgramID
	uncached  bool
}

// options refuses what only this model can tell to be wrong.
func (n *Node) options(w *wire.Turn) (options, error) {
	s := w.Sampling
	o := options{
		sampling: engine.Sampling{
			Grammar:          s.Grammar,
			RepeatPenalty:    float32(s.RepeatPenalty),
			FrequencyPenalty: float32(s.FrequencyPenalty),
			PresencePenalty:  float32(s.PresencePenalty),
			PenaltyWindow:    s.PenaltyWindow,
			TopK:             s.TopK,
			TopP:             float32(s.TopP),
			MinP:             float32(s.MinP),
			Temperature:      float32(s.Temperature),
			IgnoreEOS:        s.IgnoreEOS,
		},
		maxTokens: otherwise(s.MaxTokens, n.cfg.MaxTokens),
		stops:     s.Stop,
		uncached:  w.Lifecycle.Reuse == wire.ReuseOff,
	}
	if s.Seed != nil {
		o.sampling.Seed = *s.Seed
	}
	if w.Lifecycle.Parent != "" {
		o.parent = programID(w.Tenant, w.Lifecycle.Parent)
	}
	if len(s.LogitBias) > 0 {
		o.sampling.Bias = map[engine.Token]float32{}
	}
	for token, bias := range s.LogitBias {
		if !n.inVocabulary(token) {
			return options{}, fmt.Errorf("sampling.logit_bias names token %d; this model's are 0 to %d", token, n.cfg.Engine.Geometry().Vocab-1)
		}
		o.sampling.Bias[engine.Token(token)] = float32(bias)
	}
	return o, nil
}

// class is who waits for the turn.
func class(c wire.Class) programs.Class {
	if c == wire.ClassBackground {
		return programs.Background
	}
	return programs.Interactive
}

// next is what the program says that it will call.
func next(h *wire.ToolHint) core.Call {
	if h == nil {
		return core.Call{}
	}
	c := toolcall.Call{Tool: h.Name, Human: h.Human}
	if h.Arguments != "" {
		c = toolcall.FromFunction(h.Name, []byte(h.Arguments))
	}
	if h.Class != "" {
		c.Class = h.Class
	}
	return core.Call{
		Tool: c.Tool, Class: c.Class, Human: c.Human || h.Human,
		Expected: programs.Duration(h.ExpectedMS) * programs.Millisecond,
	}
}

// deadline is when the turn has taken too long; 0 for never.
func (n *Node) deadline(w *wire.Turn) programs.Time {
	at, ok := w.Deadline()
	if !ok {
		return 0
	}
	return n.clock.at(at)
}

func (n *Node) inVocabulary(token int32) bool {
	return token >= 0 && int(token) < n.cfg.Engine.Geometry().Vocab
}

// ours are the tokens of a stored answer, if this model can have sampled them; a
// node with another model may have. Without them the answer's text is tokenised.
func (n *Node) ours(stored []int32) []engine.Token {
	tokens := make([]engine.Token, len(stored))
	for i, token := range stored {
		if !n.inVocabulary(token) {
			return nil
		}
		tokens[i] = engine.Token(token)
	}
	return tokens
}
