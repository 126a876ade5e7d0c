package gateway

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/interlude-run/interlude/sdk"
)

// This file is what requests say of a program's life beyond their answer:
//
//	ours     X-Interlude-Last, interlude.last                    no turn follows
//	         interlude.tool_hint, remaining_turns, reuse, class, timeout_ms
//	Dynamo   nvext.agent_hints.priority below 0                  nobody waits: class background
//	         X-Dynamo-Session-Final                              the session's end, see ends.go
//
// All of it helps to predict, and promises nothing. What else such fields say (an expected
// length of the answer, tiers of a router) nothing here goes by.

// agentHints are Dynamo's. What cannot be read is no hint, and no reason to refuse a turn.
type agentHints struct {
	Priority float64 `json:"priority"` // 0 is everybody's; what is higher goes before
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *agentHints) UnmarshalJSON(data []byte) error {
	type plain agentHints
	var p plain
	if json.Unmarshal(data, &p) == nil {
		*h = agentHints(p)
	}
	return nil
}

// hint fills in what the request says.
func (e *extras) hint(header http.Header, a *ask) {
	own := &e.Interlude
	a.last = own.Last || isTrue(header, "X-Interlude-Last")
	a.hint, a.left, a.reuse = own.ToolHint, own.RemainingTurns, own.Reuse
	a.timeout = time.Duration(own.TimeoutMS) * time.Millisecond
	a.class = own.Class
	if a.class == "" && e.NVExt.AgentHints.Priority < 0 {
		a.class = sdk.Background
	}
}

func isTrue(header http.Header, name string) bool {
	return strings.EqualFold(strings.TrimSpace(header.Get(name)), "true")
}
