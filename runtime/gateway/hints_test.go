package gateway

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/interlude-run/interlude/sdk"
)

// TestHints tells what of a program's life each field and header becomes.
func TestHints(t *testing.T) {
	for name, c := range map[string]struct {
		body    string
		headers []string
		session string
		parent  string // session
		last    bool
		class   sdk.Class
		left    int
		tool    string
	}{
		"nothing":                       {body: `{}`},
		"the last turn, in a header":    {body: `{}`, headers: []string{"X-Interlude-Last", "true"}, last: true},
		"the last turn, in a field":     {body: `{"interlude":{"last":true}}`, last: true},
		"a word that is not true":       {body: `{}`, headers: []string{"X-Interlude-Last", "no"}},
		"our own fields":                {body: `{"interlude":{"session":"s","remaining_turns":3,"class":"background","tool_hint":{"name":"pytest"}}}`, session: "s", class: sdk.Background, left: 3, tool: "pytest"},
		"Dynamo: low priority":          {body: `{"nvext":{"agent_hints":{"priority":-1,"osl":1024}}}`, class: sdk.Background},
		"Dynamo: high priority":         {body: `{"nvext":{"agent_hints":{"priority":5,"strict_priority":1,"speculative_prefill":true}}}`},
		"Dynamo: no priority":           {body: `{"nvext":{"agent_hints":{"priority":"low"}}}`},
		"Dynamo: no hints":              {body: `{"nvext":{"agent_hints":[]}}`},
		"our class before Dynamo's":     {body: `{"interlude":{"class":"interactive"},"nvext":{"agent_hints":{"priority":-1}}}`, class: sdk.Interactive},
		"Dynamo: headers":               {body: `{"nvext":{"agent_context":{"session_id":"x","parent_session_id":"y"}}}`, headers: []string{"X-Dynamo-Session-Id", "s", "X-Dynamo-Parent-Session-Id", "p"}, session: "s", parent: "p"},
		"Dynamo: fields":                {body: `{"nvext":{"agent_context":{"session_id":"s","parent_session_id":"p"}}}`, session: "s", parent: "p"},
		"vLLM's proposal":               {body: `{"agent_hint":{"session_id":"s","parent_session_id":"p"}}`, session: "s", parent: "p"},
		"ThunderAgent":                  {body: `{"program_id":"s"}`, session: "s"},
		"Codex: a child":                {body: `{"prompt_cache_key":"k"}`, headers: []string{"Thread-Id", "s", "X-Codex-Parent-Thread-Id", "p"}, session: "s", parent: "p"},
		"Codex: the first thread":       {body: `{"prompt_cache_key":"s"}`, headers: []string{"Thread-Id", "s"}, session: "s"},
		"Claude Code: the main agent":   {body: `{}`, headers: []string{"X-Claude-Code-Session-Id", "s"}, session: "s"},
		"Claude Code: its child":        {body: `{}`, headers: []string{"X-Claude-Code-Session-Id", "p", "X-Claude-Code-Agent-Id", "s"}, session: "s", parent: "p"},
		"Claude Code: a child's child":  {body: `{}`, headers: []string{"X-Claude-Code-Session-Id", "r", "X-Claude-Code-Agent-Id", "s", "X-Claude-Code-Parent-Agent-Id", "p"}, session: "s", parent: "p"},
		"Claude Code: in the user's ID": {body: `{"metadata":{"user_id":"{\"session_id\":\"s\"}"}}`, session: "s"},
		"opencode":                      {body: `{}`, headers: []string{"X-Session-Affinity", "s", "X-Session-Id", "s", "X-Parent-Session-Id", "p"}, session: "s", parent: "p"},
		"OpenAI's key of a cache":       {body: `{"prompt_cache_key":"s","user":"u","safety_identifier":"v"}`, session: "s"},
	} {
		var e extras
		if err := json.Unmarshal([]byte(c.body), &e); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r, err := http.NewRequest(http.MethodPost, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		var a ask
		e.named(r, &a)
		tool := ""
		if a.hint != nil {
			tool = a.hint.Name
		}
		if a.session != c.session || a.parentSession != c.parent || a.last != c.last || a.class != c.class || a.left != c.left || tool != c.tool {
			t.Errorf("%s: session %q of %q, last %v, class %q, %d left, tool %q", name, a.session, a.parentSession, a.last, a.class, a.left, tool)
		}
	}
}

// TestParentSession: a child's first program has the session's main program for its parent.
func TestParentSession(t *testing.T) {
	r := newRig(t)
	first := r.post("/v1/chat/completions", object{"messages": []any{message("user", "u1")}}, "Thread-Id", "boss")
	boss := first.Header().Get("X-Interlude-Program")
	r.post("/v1/chat/completions", object{"messages": []any{message("user", "u1"), message("assistant", "re: u1"), message("user", "u2")}}, "Thread-Id", "boss")
	r.post("/v1/chat/completions", object{"messages": []any{message("user", "a title")}}, "Thread-Id", "boss")
	if r.last().Lifecycle.Parent != "" {
		t.Errorf("the title's parent is %q", r.last().Lifecycle.Parent)
	}
	r.post("/v1/chat/completions", object{"messages": []any{message("user", "do this")}}, "Thread-Id", "child", "X-Codex-Parent-Thread-Id", "boss")
	if got := r.last().Lifecycle.Parent; got != boss {
		t.Errorf("the parent is %q, not %q", got, boss)
	}
	r.post("/v1/chat/completions", object{"messages": []any{message("user", "do that")}}, "Thread-Id", "other", "X-Codex-Parent-Thread-Id", "nobody")
	if got := r.last().Lifecycle.Parent; got != "" {
		t.Errorf("the parent is %q", got)
	}
}
