package workload

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/interlude-run/interlude/programs"
)

// record is a program as a line of a trace file has it. Other fields are not
// needed here.
type record struct {
	ID           string       `json:"id"`
	Source       string       `json:"source"`
	Parent       *string      `json:"parent"`
	ParentTurn   *int         `json:"parent_turn"`
	Async        bool         `json:"async"`
	SharedPrefix int64        `json:"shared_prefix"`
	ToolTokens   int64        `json:"tool_tokens"`
	Turns        []turnRecord `json:"turns"`
}

// turnRecord is a turn of a record. What is a pointer must be there, and a tool
// and its time must be null or absent on the last turn.
type turnRecord struct {
	Prefix *int64   `json:"prefix"`
	Input  *int64   `json:"input"`
	Output *int64   `json:"output"`
	Tool   *string  `json:"tool"`
	ToolMS *float64 `json:"tool_ms"`
	Cmd    string   `json:"cmd"`
	Human  bool     `json:"human"`
	Reset  bool     `json:"reset"`
}

// parse reads a line.
func parse(line []byte) (*record, error) {
	rec := new(record)
	if err := json.Unmarshal(line, rec); err != nil {
		return nil, fmt.Errorf("not a program in JSON: %w", err)
	}
	switch {
	case rec.ID == "":
		return nil, errors.New("a program has no id")
	case rec.Source == "":
		return nil, fmt.Errorf("program %s has no source", rec.ID)
	}
	return rec, nil
}

// shared gives the leading tokens that the program shares, and a key for those
// who share them: programs of one source whose tools have the same size, where
// that is recorded, and who share as much.
func (r *record) shared() (programs.Tokens, string) {
	if r.SharedPrefix == 0 {
		return 0, ""
	}
	return programs.Tokens(r.SharedPrefix), fmt.Sprintf("%s/%d/%d", r.Source, r.ToolTokens, r.SharedPrefix)
}

// turn gives the turn.
func (r *turnRecord) turn() (Turn, error) {
	for _, count := range []struct {
		name  string
		value *int64
	}{{"prefix", r.Prefix}, {"input", r.Input}, {"output", r.Output}} {
		if count.value == nil {
			return Turn{}, fmt.Errorf("it has no %s", count.name)
		}
	}
	t := Turn{
		Prefix: programs.Tokens(*r.Prefix),
		Input:  programs.Tokens(*r.Input),
		Output: programs.Tokens(*r.Output),
		Class:  r.Cmd,
		Human:  r.Human,
		Reset:  r.Reset,
	}
	switch {
	case (r.Tool == nil) != (r.ToolMS == nil):
		return Turn{}, errors.New("it has one of tool and tool_ms, and needs both, or neither on the last turn")
	case r.Tool == nil:
		return t, nil
	case *r.Tool == "":
		return Turn{}, errors.New("its tool has no name")
	}
	t.Tool, t.Gap = *r.Tool, programs.Seconds(*r.ToolMS/1000)
	return t, nil
}
