package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// This file is Anthropic's Messages API: POST /v1/messages. What its answers are made of is
// in messagestream.go.

// messagesRequest has the fields that mean something here. Others are left alone: thinking,
// context_management, service_tier, container and whatever comes next.
type messagesRequest struct {
	extras
	System        json.RawMessage    `json:"system"`
	Messages      []anthropicMessage `json:"messages"`
	Tools         []anthropicTool    `json:"tools"`
	ToolChoice    *anthropicChoice   `json:"tool_choice"`
	MCPServers    []json.RawMessage  `json:"mcp_servers"`
	CacheControl  *cacheControl      `json:"cache_control"`
	OutputFormat  *anthropicFormat   `json:"output_format"`
	MaxTokens     int                `json:"max_tokens"`
	Temperature   *float64           `json:"temperature"`
	TopP          float64            `json:"top_p"`
	TopK          int                `json:"top_k"`
	StopSequences []string           `json:"stop_sequences"`
	Stream        bool               `json:"stream"`
	OutputConfig  struct {
		Format *anthropicFormat `json:"format"`
	} `json:"output_config"`
}

type anthropicMessage struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// anthropicBlock is a part of a content, of any type.
type anthropicBlock struct {
	Type         string          `json:"type"`
	Text         string          `json:"text"`
	ID           string          `json:"id"`          // of a tool_use
	Name         string          `json:"name"`        // of a tool_use
	Input        json.RawMessage `json:"input"`       // of a tool_use
	ToolUseID    string          `json:"tool_use_id"` // of a tool_result
	Content      json.RawMessage `json:"content"`     // of a tool_result
	IsError      bool            `json:"is_error"`    // of a tool_result
	ToolName     string          `json:"tool_name"`   // of a tool_reference
	CacheControl *cacheControl   `json:"cache_control"`
}

// anthropicTool is one of the client's own, or one that Anthropic's servers run.
type anthropicTool struct {
	Type         string          `json:"type"`
	Name         string          `json:"name"`
	Description  string          `json:"description"`
	InputSchema  json.RawMessage `json:"input_schema"`
	Strict       bool            `json:"strict"`
	CacheControl *cacheControl   `json:"cache_control"`
}

type anthropicChoice struct {
	Type                   string `json:"type"`
	Name                   string `json:"name"`
	DisableParallelToolUse *bool  `json:"disable_parallel_tool_use"`
}

type anthropicFormat struct {
	Type   string          `json:"type"`
	Schema json.RawMessage `json:"schema"`
}

// cacheControl asks to keep the prompt up to where it stands. All of it is kept anyway, for
// as long as that pays; what was asked for decides how the usage is told.
type cacheControl struct {
	TTL string `json:"ttl"`
}

func (g *Gateway) messages(w http.ResponseWriter, r *http.Request, tenant string) error {
	if err := g.admit(); err != nil {
		return err
	}
	var q messagesRequest
	if err := read(r, &q); err != nil {
		return err
	}
	a, caching, err := g.messagesAsk(w.Header(), r, &q, tenant)
	if err != nil {
		return err
	}
	f, err := g.takeoff(r.Context(), a)
	if err != nil {
		return err
	}
	defer f.leave()
	told(w.Header(), f)
	m := messageAnswer{
		id: fmt.Sprintf("msg_%s-%d", f.program, f.turn), model: g.cfg.Model, caching: caching, stops: a.sampling.Stop,
		requestID: w.Header().Get("X-Request-Id"),
	}
	if q.Stream {
		return m.stream(r.Context(), w, f)
	}
	return m.whole(r.Context(), w, f)
}

// messagesAsk reads a request. caching is what it asks to be kept, by whatever it marked.
func (g *Gateway) messagesAsk(h http.Header, r *http.Request, q *messagesRequest, tenant string) (a *ask, caching *cacheControl, err error) {
	a = &ask{tenant: tenant}
	q.named(r, a)
	c := conversation{header: h, toolNames: map[string]string{}, caching: q.CacheControl}
	if len(q.Messages) == 0 {
		return nil, nil, invalid("messages", "there are no messages")
	}
	if err := c.system(q.System); err != nil {
		return nil, nil, err
	}
	for i, m := range q.Messages {
		if err := c.add(fmt.Sprintf("messages.%d", i), m); err != nil {
			return nil, nil, err
		}
	}
	if a.messages, err = g.prepare(c.messages, "messages"); err != nil {
		return nil, nil, err
	}
	if a.messages[len(a.messages)-1].Role == "assistant" {
		return nil, nil, invalid("messages", "the last message is the assistant's: an answer that the client has begun cannot be gone on with here")
	}
	a.tools = c.tools(q.Tools)
	if len(q.MCPServers) > 0 {
		warn(h, "mcp_servers are left out: no server is called from here")
	}
	if a.choice, err = q.ToolChoice.choice(); err != nil {
		return nil, nil, err
	}
	format := q.OutputConfig.Format
	if format == nil {
		format = q.OutputFormat
	}
	if a.format, err = format.format(); err != nil {
		return nil, nil, err
	}
	if q.MaxTokens < 0 {
		return nil, nil, invalid("max_tokens", "it is negative")
	}
	a.sampling = sdk.Sampling{
		MaxTokens: q.MaxTokens, Temperature: temperature(q.Temperature), TopP: q.TopP, TopK: q.TopK, Stop: q.StopSequences,
	}
	return a, c.caching, nil
}

// conversation makes messages of the wire from Anthropic's.
type conversation struct {
	header    http.Header // for warnings
	messages  []sdk.Message
	toolNames map[string]string // by the ID of the call
	caching   *cacheControl     // what was marked last
}

func (c *conversation) marked(mark *cacheControl) {
	if mark != nil {
		c.caching = mark
	}
}

func (c *conversation) system(content json.RawMessage) error {
	blocks, err := blocksOf("system", content)
	if err != nil {
		return err
	}
	for i, b := range blocks {
		if b.Type != "text" {
			return notText(fmt.Sprintf("system.%d", i), b)
		}
		c.marked(b.CacheControl)
		c.messages = append(c.messages, sdk.System(b.Text))
	}
	return nil
}

// add reads a message. Those of one role that follow one another are one message at
// Anthropic: what the assistant said is compared as a whole, and templates want roles to
// alternate.
func (c *conversation) add(where string, m anthropicMessage) error {
	blocks, err := blocksOf(where+".content", m.Content)
	if err != nil {
		return err
	}
	switch m.Role {
	case "assistant":
		return c.addAssistant(where, blocks)
	case "user", "system":
		return c.addUser(where, m.Role, blocks)
	}
	return invalid(where+".role", "%q is none of user, assistant and system", m.Role)
}

func (c *conversation) addAssistant(where string, blocks []anthropicBlock) error {
	if n := len(c.messages); n == 0 || c.messages[n-1].Role != "assistant" {
		c.messages = append(c.messages, sdk.Assistant(""))
	}
	m := &c.messages[len(c.messages)-1]
	for i, b := range blocks {
		c.marked(b.CacheControl)
		switch b.Type {
		case "text":
			m.Content += wire.Content(b.Text)
		case "thinking", "redacted_thinking": // a model is not told its past reasoning
		case "tool_use":
			where := fmt.Sprintf("%s.content.%d", where, i)
			arguments, ok := compactObject(b.Input)
			switch {
			case !ok:
				return invalid(where+".input", "it is no JSON object")
			case b.ID == "" || b.Name == "":
				return invalid(where, "a tool_use has an id and a name")
			}
			c.toolNames[b.ID] = b.Name
			m.ToolCalls = append(m.ToolCalls, sdk.ToolCall{ID: b.ID, Type: "function", Function: wire.FunctionCall{Name: b.Name, Arguments: string(arguments)}})
		default: // what another model had its servers do
			warn(c.header, "a block of type %q of the assistant's is left out: this model has nothing like it", clipped(b.Type))
		}
	}
	return nil
}

// addUser puts what tools gave before what the user says beside it, as templates want it.
func (c *conversation) addUser(where, role string, blocks []anthropicBlock) error {
	var texts []string
	results := false
	for i, b := range blocks {
		where := fmt.Sprintf("%s.content.%d", where, i)
		c.marked(b.CacheControl)
		switch {
		case b.Type == "text":
			texts = append(texts, b.Text)
		case b.Type == "tool_result" && role == "user":
			text, err := c.resultText(where, b)
			if err != nil {
				return err
			}
			m := sdk.ToolResult(b.ToolUseID, text)
			m.Name = c.toolNames[b.ToolUseID]
			c.messages = append(c.messages, m)
			results = true
		case b.Type == "thinking" || b.Type == "redacted_thinking":
		default:
			return notText(where, b)
		}
	}
	if len(texts) == 0 && results {
		return nil
	}
	text := wire.Content(strings.Join(texts, "\n\n"))
	if n := len(c.messages); n > 0 && role == "user" && c.messages[n-1].Role == role {
		c.messages[n-1].Content += "\n\n" + text
		return nil
	}
	c.messages = append(c.messages, sdk.Message{Role: role, Content: text})
	return nil
}

// failedCall begins what a tool said that failed: the wire has no field for that.
const failedCall = "The call failed.\n"

func (c *conversation) resultText(where string, b anthropicBlock) (string, error) {
	if b.ToolUseID == "" {
		return "", invalid(where+".tool_use_id", "a tool_result must say which call it answers")
	}
	blocks, err := blocksOf(where+".content", b.Content)
	if err != nil {
		return "", err
	}
	var texts []string
	for i, part := range blocks {
		c.marked(part.CacheControl)
		switch part.Type {
		case "text":
			texts = append(texts, part.Text)
		case "tool_reference": // a search for tools has found one, which is among the tools
			texts = append(texts, part.ToolName)
		default:
			return "", notText(fmt.Sprintf("%s.content.%d", where, i), part)
		}
	}
	text := strings.Join(texts, "\n\n")
	if b.IsError {
		text = failedCall + text
	}
	return text, nil
}

// blocksOf reads a content: a text is one block, and null is none.
func blocksOf(where string, content json.RawMessage) (blocks []anthropicBlock, err error) {
	content = bytes.TrimSpace(content)
	switch {
	case len(content) == 0 || bytes.Equal(content, []byte("null")):
		return nil, nil
	case content[0] == '"':
		var text string
		if err := json.Unmarshal(content, &text); err != nil {
			return nil, invalid(where, "%v", err)
		}
		return []anthropicBlock{{Type: "text", Text: text}}, nil
	case content[0] == '[':
		if err := json.Unmarshal(content, &blocks); err != nil {
			return nil, invalid(where, "%v", err)
		}
		return blocks, nil
	}
	return nil, invalid(where, "it is neither a text nor a list of blocks")
}

func notText(where string, b anthropicBlock) error {
	return invalid(where, "a block of type %q cannot stand here: this model reads text alone", clipped(b.Type))
}

// clipped bounds what is repeated to a client.
func clipped(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// compactObject is a JSON object without white space; one that is left out has no fields.
func compactObject(data json.RawMessage) (json.RawMessage, bool) {
	var b bytes.Buffer
	if len(data) == 0 || bytes.Equal(data, []byte("null")) {
		return json.RawMessage("{}"), true
	}
	if json.Compact(&b, data) != nil || b.Bytes()[0] != '{' {
		return nil, false
	}
	return b.Bytes(), true
}

// tools are those that the client calls itself. Those of Anthropic's servers, and those whose
// schema only its models know, are left out with a warning.
func (c *conversation) tools(from []anthropicTool) []sdk.Tool {
	tools := []sdk.Tool{}
	for _, t := range from {
		c.marked(t.CacheControl)
		schema := t.InputSchema
		if bytes.Equal(bytes.TrimSpace(schema), []byte("null")) {
			schema = nil
		}
		if schema == nil && t.Type != "" && t.Type != "custom" {
			warn(c.header, "a tool of type %q is left out: it has no input_schema, and cannot be called here", clipped(t.Type))
			continue
		}
		tools = append(tools, sdk.Tool{Type: "function", Function: sdk.Function{
			Name: t.Name, Description: t.Description, Parameters: schema, Strict: t.Strict,
		}})
	}
	return tools
}

func (t *anthropicChoice) choice() (c sdk.Choice, err error) {
	if t == nil {
		return c, nil
	}
	c.Single = t.DisableParallelToolUse != nil && *t.DisableParallelToolUse || t.DisableParallelToolUse == nil && t.Type == "any" // as toolChoice
	switch t.Type {
	case "auto":
		c.Mode = wire.ToolsAuto
	case "any":
		c.Mode = wire.ToolsRequired
	case "none":
		c.Mode = wire.ToolsNone
	case "tool":
		if t.Name == "" {
			return c, invalid("tool_choice.name", "the type tool goes with a tool's name")
		}
		c.Mode, c.Name, c.Single = wire.ToolsRequired, t.Name, true
	default:
		return c, invalid("tool_choice.type", "%q is none of auto, any, tool and none", clipped(t.Type))
	}
	return c, nil
}

// format is strict: at Anthropic, an answer always holds to its schema.
func (f *anthropicFormat) format() (sdk.Format, error) {
	switch {
	case f == nil:
		return sdk.Format{}, nil
	case f.Type != "json_schema":
		return sdk.Format{}, invalid("output_config.format.type", "%q is not json_schema", clipped(f.Type))
	case len(f.Schema) == 0:
		return sdk.Format{}, invalid("output_config.format.schema", "there is none")
	}
	return sdk.Format{Kind: wire.FormatSchema, Schema: f.Schema, Strict: true}, nil
}

// messageAnswer writes answers in Anthropic's shape.
type messageAnswer struct {
	id, model string
	requestID string
	caching   *cacheControl
	stops     []string
}

// messageBody is a whole answer, or what is known when one begins.
type messageBody struct {
	ID           string         `json:"id"`
	Type         string         `json:"type"`
	Role         string         `json:"role"`
	Model        string         `json:"model"`
	Content      []*answerBlock `json:"content"`
	StopReason   *string        `json:"stop_reason"`
	StopSequence *string        `json:"stop_sequence"`
	Usage        messageUsage   `json:"usage"`
}

type messageUsage struct {
	Input         int `json:"input_tokens"`
	CacheCreation int `json:"cache_creation_input_tokens"`
	CacheRead     int `json:"cache_read_input_tokens"`
	ByLife        struct {
		FiveMinutes int `json:"ephemeral_5m_input_tokens"`
		Hour        int `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
	Output int `json:"output_tokens"`
}

// begun is the message before anything of it has come. Nothing is known of its usage: nodes
// tell it with the result.
func (m *messageAnswer) begun() *messageBody {
	return &messageBody{ID: m.id, Type: "message", Role: "assistant", Model: m.model, Content: []*answerBlock{}}
}

// usage counts every token of the prompt once: as read from the cache, or as computed. What
// was computed is told as written to the cache where the client asked for that.
func (m *messageAnswer) usage(x sdk.Usage) (u messageUsage) {
	u.Output = x.CompletionTokens
	u.CacheRead = min(cachedTokens(x), x.PromptTokens)
	computed := x.PromptTokens - u.CacheRead
	switch {
	case m.caching == nil:
		u.Input = computed
	case m.caching.TTL == "1h":
		u.CacheCreation, u.ByLife.Hour = computed, computed
	default:
		u.CacheCreation, u.ByLife.FiveMinutes = computed, computed
	}
	return u
}

// stopped is why an answer ended, and by which stop sequence. A node does not tell which it
// was, so it is known where the request has one.
func (m *messageAnswer) stopped(r *sdk.Result) (reason, sequence *string) {
	why := "end_turn"
	switch {
	case r.FinishReason == wire.FinishLength:
		why = "max_tokens"
	case len(r.ToolCalls()) > 0:
		why = "tool_use"
	case r.FinishReason == wire.FinishStopString:
		why = "stop_sequence"
		if stops := slices.Compact(slices.Sorted(slices.Values(m.stops))); len(stops) == 1 {
			sequence = &stops[0]
		}
	}
	return &why, sequence
}

func (m *messageAnswer) whole(ctx context.Context, w http.ResponseWriter, f *flight) error {
	r, err := f.wait(ctx)
	if err != nil {
		return err
	}
	pinned(w.Header(), r)
	message := m.begun()
	b := blockBuilder{sink: (*wholeBlocks)(message)}
	for _, p := range r.Parts() {
		b.add(p)
	}
	b.end()
	message.StopReason, message.StopSequence = m.stopped(r)
	message.Usage = m.usage(r.Usage)
	writeJSON(w, http.StatusOK, message)
	return nil
}
