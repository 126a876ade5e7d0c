package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/interlude-run/interlude/toolpredict/toolcall"
)

// formats are the kinds of lines that Recorded reads, by a field that only they have.
var formats = []struct {
	field string
	line  func() entry
}{
	{"messages", func() entry { return new(recording) }},
	{"session_id", func() entry { return new(session) }},
	{"turns", func() entry { return new(trace) }}, // sessions have turns, too, and come first
}

// entry is a run in a file's format.
type entry interface {
	run(l Limits, text *filler) (Run, error)
}

// parse reads a line.
func parse(data []byte, l Limits, text *filler) (Run, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return Run{}, fmt.Errorf("not a run in JSON: %w", err)
	}
	for _, f := range formats {
		if _, ok := fields[f.field]; !ok {
			continue
		}
		in := f.line()
		if err := json.Unmarshal(data, in); err != nil {
			return Run{}, err
		}
		return in.run(l, text)
	}
	return Run{}, errors.New(`neither a conversation with "messages", nor a session of agentic-bench with "session_id", nor a trace with "turns"`)
}

// session is a run of agentic-bench 0.2.0, in its schema abench-session-jsonl-v1. Its
// files come packed with zstd; unpack them first.
type session struct {
	ID     string `json:"session_id"`
	System string `json:"system_prompt"`
	Turns  []struct {
		Delta []struct {
			Role    string `json:"role"`
			Content string `json:"content"`
		} `json:"input_delta"` // messages added before the turn
		Text   string   `json:"assistant_text"`
		Output *int     `json:"output_tokens"`
		Gap    *float64 `json:"pre_gap_ms"` // the tool's time before the turn
	} `json:"turns"`
}

func (s *session) run(l Limits, _ *filler) (Run, error) {
	run := Run{ID: s.ID, System: clip(s.System, l.Chars)}
	for i := range s.Turns[:min(len(s.Turns), l.Turns)] {
		t := &s.Turns[i]
		var says []string
		for _, m := range t.Delta {
			switch m.Role {
			case "user", "tool":
				says = append(says, m.Content)
			case "system", "developer":
				if i == 0 && run.System == "" {
					run.System = clip(m.Content, l.Chars)
				}
			case "assistant": // the answer of the turn before, which is the replay's own
			default:
				return Run{}, fmt.Errorf("turn %d: input_delta has a message of role %q", i, m.Role)
			}
		}
		switch {
		case strings.Join(says, "") == "":
			return Run{}, fmt.Errorf("turn %d: input_delta has no text of a user or a tool", i)
		case t.Output == nil || *t.Output < 1:
			return Run{}, fmt.Errorf("turn %d: output_tokens is missing or not at least 1", i)
		}
		if i > 0 && t.Gap != nil {
			gap, err := l.gap(*t.Gap)
			if err != nil {
				return Run{}, fmt.Errorf("turn %d: pre_gap_ms: %w", i, err)
			}
			run.Turns[i-1].Gap = gap
		}
		turn := Turn{Says: clip(strings.Join(says, "\n"), l.Chars), Tokens: min(*t.Output, l.Tokens)}
		if call, ok := toolcall.FromText(t.Text); ok {
			turn.Tool, turn.Class = call.Tool, call.Class
		}
		run.Turns = append(run.Turns, turn)
	}
	return run.whole()
}

// trace is a run of which only numbers are kept: prompts are as long as they say, of a
// source tree's text. A turn's prefix does not count: the replay's context is what was
// said. A subagent is a run of its own.
type trace struct {
	ID    string `json:"id"`
	Turns []struct {
		Input  *int     `json:"input"`
		Output *int     `json:"output"`
		Tool   *string  `json:"tool"`
		ToolMS *float64 `json:"tool_ms"`
		Cmd    string   `json:"cmd"`
	} `json:"turns"`
}

func (t *trace) run(l Limits, text *filler) (Run, error) {
	run := Run{ID: t.ID, System: clip(lookThrough, l.Chars)}
	for i := range t.Turns[:min(len(t.Turns), l.Turns)] {
		of := &t.Turns[i]
		switch {
		case of.Input == nil || *of.Input < 0:
			return Run{}, fmt.Errorf("turn %d: input is missing or below 0", i)
		case of.Output == nil || *of.Output < 1:
			return Run{}, fmt.Errorf("turn %d: output is missing or not at least 1", i)
		case (of.Tool == nil) != (of.ToolMS == nil):
			return Run{}, fmt.Errorf("turn %d: it has one of tool and tool_ms, and needs both, or neither on the last turn", i)
		}
		says, err := text.next(min(min(max(*of.Input, 1), l.Chars)*bytesPerToken, l.Chars))
		if err != nil {
			return Run{}, err
		}
		turn := Turn{Says: says, Tokens: min(*of.Output, l.Tokens)}
		if of.Tool != nil {
			turn.Tool, turn.Class = *of.Tool, of.Cmd
			if turn.Gap, err = l.gap(*of.ToolMS); err != nil {
				return Run{}, fmt.Errorf("turn %d: tool_ms: %w", i, err)
			}
		}
		run.Turns = append(run.Turns, turn)
	}
	return run.whole()
}
