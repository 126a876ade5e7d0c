package main

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/runtime/grammar"
)

// constrainedCase is a kind of answer that clients ask for.
type constrainedCase struct {
	name      string
	schema    []byte // none: any object
	system    string
	questions []string
}

// constrainedTools are 20 tools as agents have them.
//
//go:embed constrainedtools.json
var constrainedTools []byte

// constrainedCases are a call of the first of the tools, a call of any of them, and a JSON object.
func constrainedCases() ([]constrainedCase, error) {
	var tools []struct {
		Name       string          `json:"name"`
		Parameters json.RawMessage `json:"parameters"`
	}
	var told []json.RawMessage
	for _, into := range []any{&tools, &told} {
		if err := json.Unmarshal(constrainedTools, into); err != nil {
			return nil, fmt.Errorf("the tools: %w", err)
		}
	}
	var calls []json.RawMessage
	for _, t := range tools {
		calls = append(calls, fmt.Appendf(nil,
			`{"type":"object","properties":{"name":{"const":%q},"arguments":%s},"required":["name","arguments"],"additionalProperties":false}`, t.Name, t.Parameters))
	}
	anyCall, err := json.Marshal(map[string]any{"anyOf": calls})
	if err != nil {
		return nil, err
	}
	const call = `Answer with a call of a tool, {"name": …, "arguments": {…}}, and nothing else. The tools:`
	return []constrainedCase{
		{"tool_call", calls[0], fmt.Sprintf("%s\n%s", call, told[0]), []string{
			"I want to fly from Rome to Lisbon on 3 May 2026, with my two children, economy.",
			"A business seat from Oslo to Tokyo on 2026-11-20, please; I can stop in Helsinki or Seoul.",
			"Zurich to New York, 1 June 2026, any cabin, my dates are flexible.",
			"Is there a flight for four from Madrid to Berlin on Christmas Eve 2026?",
		}},
		{"twenty_tools", anyCall, fmt.Sprintf("%s\n%s", call, constrainedTools), []string{
			"Find where the function parseHeader is used in the Go files of the folder server.",
			"Write to anna@example.com and bob@example.com that the meeting moves to Friday at ten.",
			"Which ten customers paid the most last year? The table is orders.",
			"File an issue in the project gateway: streams stop after a minute when the client reads slowly.",
		}},
		{"json_object", nil, "Answer with a JSON object and nothing else.", []string{
			"Describe a house for sale: place, rooms, price, garden, what is near.",
			"List the planets of the solar system with their diameters and numbers of moons.",
			"Write a recipe for pancakes with its ingredients and steps.",
			"Make a configuration for a web server with two virtual hosts.",
		}},
	}, nil
}

// grammar is what an answer is held to: made as a node makes it of a turn's format.
func (c *constrainedCase) grammar() (string, error) {
	b := grammar.New()
	b.Closed = true
	if c.schema == nil {
		return b.Grammar(b.Object()), nil
	}
	rule, _, err := b.Schema(c.schema, false)
	if err != nil {
		return "", err
	}
	return b.Grammar(rule), nil
}

// constrainedChoice is a way in which tokens are chosen.
type constrainedChoice struct {
	name     string
	sampling engine.Sampling
}

// constrainedChoices are the likeliest token, and a draw as it is for clients that say nothing.
var constrainedChoices = []constrainedChoice{
	{"greedy", engine.Sampling{}},
	{"temperature 1", engine.Sampling{Temperature: 1, Seed: 1}},
}
