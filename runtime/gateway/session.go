package gateway

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/interlude-run/interlude/sdk"
)

// extras are what a body says beyond its API: our own fields, and what frameworks and other
// servers have agreed on for sessions.
type extras struct {
	Interlude struct {
		Program        string        `json:"program"`
		Parent         string        `json:"parent"`
		Session        string        `json:"session"`
		Last           bool          `json:"last"`
		ToolHint       *sdk.ToolHint `json:"tool_hint"`
		RemainingTurns int           `json:"remaining_turns"`
		Reuse          sdk.Reuse     `json:"reuse"`
		Class          sdk.Class     `json:"class"`
		TimeoutMS      int64         `json:"timeout_ms"`
	} `json:"interlude"`

	PromptCacheKey string `json:"prompt_cache_key"`
	SessionID      string `json:"session_id"` // OpenRouter
	ProgramID      string `json:"program_id"` // ThunderAgent
	AgentHint      struct {
		SessionID       string `json:"session_id"`
		ParentSessionID string `json:"parent_session_id"`
	} `json:"agent_hint"` // vLLM's proposal
	NVExt struct {
		AgentContext struct {
			SessionID       string `json:"session_id"`
			ParentSessionID string `json:"parent_session_id"`
		} `json:"agent_context"`
		AgentHints agentHints `json:"agent_hints"`
	} `json:"nvext"` // Dynamo
	Metadata json.RawMessage `json:"metadata"`
}

// sessionHeaders are what clients name their sessions by, the surest first, with the header
// that names the session which started it.
var sessionHeaders = []struct{ session, parent string }{
	{"X-Dynamo-Session-Id", "X-Dynamo-Parent-Session-Id"},
	{"X-Claude-Code-Agent-Id", "X-Claude-Code-Parent-Agent-Id"}, // a session's first agent has no ID, and its children none of a parent
	{"X-Claude-Code-Session-Id", ""},
	{"Thread-Id", "X-Codex-Parent-Thread-Id"},
	{"X-Session-Affinity", "X-Parent-Session-Id"},
	{"X-Session-Id", "X-Parent-Session-Id"},
	{"X-Litellm-Session-Id", ""},
	{"Session-Id", ""},
	{"Session_id", ""},
	{"X-Interlude-Session", ""}, // of interlude launch, for clients that name none of their own
}

// named fills in what a request says about where it belongs.
//
// A session is not a program: in one, clients ask for titles and summaries beside what the
// agent does. It only keeps conversations apart that begin alike, and ends as a whole (ends.go).
// What our own header or field names is a program.
func (e *extras) named(r *http.Request, a *ask) {
	own := &e.Interlude
	a.program = safeName(cmp.Or(r.Header.Get("X-Interlude-Program"), own.Program))
	a.parent = safeName(cmp.Or(r.Header.Get("X-Interlude-Parent"), own.Parent))
	a.session, a.parentSession = e.sessions(r.Header)
	a.key = r.Header.Get("Idempotency-Key")
	a.retry = cmp.Or(r.Header.Get("X-Stainless-Retry-Count"), "0") != "0"
	e.hint(r.Header, a)
}

// sessions are what a client groups its requests by, and the group that started that one; empty
// where it says nothing.
func (e *extras) sessions(header http.Header) (session, parent string) {
	for _, h := range sessionHeaders {
		if session = header.Get(h.session); session == "" {
			continue
		}
		if h.parent != "" {
			parent = header.Get(h.parent)
		}
		if h.session == "X-Claude-Code-Agent-Id" {
			parent = cmp.Or(parent, header.Get("X-Claude-Code-Session-Id"))
		}
		return session, parent
	}
	var metadata struct {
		SessionID string          `json:"session_id"`
		UserID    json.RawMessage `json:"user_id"`
	}
	_ = json.Unmarshal(e.Metadata, &metadata) // whatever else it is
	session = cmp.Or(e.Interlude.Session, e.NVExt.AgentContext.SessionID, e.AgentHint.SessionID, e.SessionID, e.ProgramID,
		metadata.SessionID, sessionOfUser(metadata.UserID), e.PromptCacheKey)
	return session, cmp.Or(e.NVExt.AgentContext.ParentSessionID, e.AgentHint.ParentSessionID)
}

// sessionOfUser reads Claude Code's metadata.user_id: a JSON text with a session_id.
func sessionOfUser(userID json.RawMessage) string {
	var text string
	if json.Unmarshal(userID, &text) != nil {
		return ""
	}
	var user struct {
		SessionID string `json:"session_id"`
	}
	if json.Unmarshal([]byte(text), &user) != nil {
		return ""
	}
	return user.SessionID
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// safeName is a name that a program can have: the text itself, or its hash.
func safeName(text string) string {
	if text == "" || plainName.MatchString(text) {
		return text
	}
	h := sha256.Sum256([]byte(text))
	return "x-" + hex.EncodeToString(h[:16])
}

// volatile are the beginnings of lines that a client writes into its system prompt and
// changes with every request, which makes all behind them new to the cache.
var volatile = []string{"x-anthropic-"}

// withoutVolatile takes such lines out of a system prompt.
func withoutVolatile(text string) (kept string, stripped bool) {
	if !strings.Contains(text, volatile[0]) {
		return text, false
	}
	lines := strings.SplitAfter(text, "\n")
	for _, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), volatile[0]) {
			stripped = true
			continue
		}
		kept += line
	}
	return kept, stripped
}
