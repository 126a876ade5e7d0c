package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// client is OpenAI's own, over HTTP.
func (r *rig) client(opts ...option.RequestOption) *openai.Client {
	s := httptest.NewServer(judged(r.t, r.gateway))
	r.t.Cleanup(s.Close)
	c := openai.NewClient(append([]option.RequestOption{option.WithBaseURL(s.URL + "/v1"), option.WithAPIKey("none")}, opts...)...)
	return &c
}

// streaming answers with pieces, as a node streams them.
func streaming(job *turns.Job, finish wire.FinishReason, pieces ...wire.Piece) wire.Result {
	var all []wire.Piece
	text := ""
	for _, p := range pieces {
		all = wire.Join(all, p)
		text += p.Text
		_ = job.Stream(wire.Chunk{Text: p.Text, Pieces: []wire.Piece{p}})
	}
	return wire.Result{Text: text, Pieces: all, FinishReason: finish, Usage: wire.Usage{PromptTokens: 12, ReusedTokens: 8, PrefilledTokens: 4, CompletionTokens: 5}}
}

func twoCalls(_ context.Context, job *turns.Job, _ *wire.Turn) wire.Result {
	return streaming(job, wire.FinishStop,
		wire.Piece{Kind: wire.PieceReasoning, Text: "Which"},
		wire.Piece{Kind: wire.PieceText, Text: "Let "},
		wire.Piece{Kind: wire.PieceText, Text: "me."},
		wire.Piece{Kind: wire.PieceToolCall, ID: "aaaaaaaaa", Name: "read", Text: `{"a":`},
		wire.Piece{Kind: wire.PieceToolCall, Text: `1}`, Done: true},
		wire.Piece{Kind: wire.PieceToolCall, Index: 1, ID: "bbbbbbbbb", Name: "list", Text: `{}`, Done: true},
	)
}

// TestOpenAIClientStreams: its own accumulator makes of the stream what the whole answer says.
func TestOpenAIClientStreams(t *testing.T) {
	r := newRig(t)
	r.answer = twoCalls
	c := r.client()
	params := openai.ChatCompletionNewParams{
		Model: "m", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("go")},
		StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
		Tools: []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name: "read", Parameters: openai.FunctionParameters{"type": "object"},
		})},
	}
	stream := c.Chat.Completions.NewStreaming(t.Context(), params)
	var sum openai.ChatCompletionAccumulator
	for stream.Next() {
		if !sum.AddChunk(stream.Current()) {
			t.Error("the accumulator refuses a chunk")
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	params.StreamOptions = openai.ChatCompletionStreamOptionsParam{}
	whole, err := c.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]openai.ChatCompletion{"streamed": sum.ChatCompletion, "whole": *whole} {
		m := got.Choices[0].Message
		if m.Content != "Let me." || got.Choices[0].FinishReason != "tool_calls" || len(m.ToolCalls) != 2 {
			t.Fatalf("%s: %+v", name, got.Choices)
		}
		for i, want := range []struct{ id, name, arguments string }{{"aaaaaaaaa", "read", `{"a":1}`}, {"bbbbbbbbb", "list", `{}`}} {
			if call := m.ToolCalls[i]; call.ID != want.id || call.Function.Name != want.name || call.Function.Arguments != want.arguments || call.Type != "function" {
				t.Errorf("%s: call %d is %+v", name, i, call)
			}
		}
		if u := got.Usage; u.PromptTokens != 12 || u.CompletionTokens != 5 || u.TotalTokens != 17 || u.PromptTokensDetails.CachedTokens != 8 {
			t.Errorf("%s: usage %+v", name, u)
		}
	}
}

// TestStreamInChatsShape is what compatible servers get wrong: nulls, types, indexes, IDs once.
func TestStreamInChatsShape(t *testing.T) {
	r := newRig(t)
	r.answer = twoCalls
	w := r.post("/v1/chat/completions", object{"messages": dialogue("u1"), "stream": true})
	var got []string
	for s := bufio.NewScanner(w.Body); s.Scan(); {
		data, ok := strings.CutPrefix(s.Text(), "data: ")
		if !ok || data == "[DONE]" {
			if ok {
				got = append(got, data)
			}
			continue
		}
		var chunk struct {
			Choices []json.RawMessage `json:"choices"`
			Usage   any               `json:"usage"`
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil || len(chunk.Choices) != 1 || chunk.Usage != nil {
			t.Fatalf("chunk %s: %v", data, err)
		}
		got = append(got, string(chunk.Choices[0]))
	}
	// Pieces that came faster than they were written are joined, so the text may be one.
	joined := strings.Join(got, "\n")
	for _, want := range []string{
		`{"delta":{"content":"","role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}`,
		`"reasoning":"Which","reasoning_content":"Which"`,
		`"id":"aaaaaaaaa","index":0,"type":"function"`,
		`"id":"bbbbbbbbb","index":1,"type":"function"`,
		`{"delta":{},"finish_reason":"tool_calls","index":0,"logprobs":null}` + "\n[DONE]",
	} {
		if strings.Count(joined, want) != 1 {
			t.Errorf("the stream has %s %d times:\n%s", want, strings.Count(joined, want), joined)
		}
	}
	if w.Header().Get("Content-Type") != "text/event-stream; charset=utf-8" || w.Header().Get("X-Request-Id") == "" {
		t.Errorf("headers %v", w.Header())
	}
}

func TestFinishReasons(t *testing.T) {
	call := wire.Piece{Kind: wire.PieceToolCall, ID: "aaaaaaaaa", Name: "read", Text: `{"a":1}`, Done: true}
	half := wire.Piece{Kind: wire.PieceToolCall, ID: "aaaaaaaaa", Name: "read", Text: `{"a":`}
	tools := []object{{"type": "function", "function": object{"name": "read"}}}
	for name, c := range map[string]struct {
		body   object
		finish wire.FinishReason
		piece  wire.Piece
		want   string
	}{
		"text":                        {object{}, wire.FinishStop, wire.Piece{Kind: wire.PieceText, Text: "a"}, "stop"},
		"a stop string":               {object{"stop": "x"}, wire.FinishStopString, wire.Piece{Kind: wire.PieceText, Text: "a"}, "stop"},
		"too long":                    {object{"max_tokens": 1}, wire.FinishLength, wire.Piece{Kind: wire.PieceText, Text: "a"}, "length"},
		"a call":                      {object{"tools": tools}, wire.FinishStop, call, "tool_calls"},
		"a call that is required":     {object{"tools": tools, "tool_choice": "required"}, wire.FinishStop, call, "tool_calls"},
		"a call of a named tool":      {object{"tools": tools, "tool_choice": object{"type": "function", "function": object{"name": "read"}}}, wire.FinishStop, call, "stop"},
		"a call that did not end":     {object{"tools": tools}, wire.FinishLength, half, "length"},
		"a call that ended, and more": {object{"tools": tools}, wire.FinishLength, call, "length"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.answer = func(_ context.Context, job *turns.Job, _ *wire.Turn) wire.Result {
				return streaming(job, c.finish, c.piece)
			}
			c.body["messages"] = dialogue("u1")
			w := r.post("/v1/chat/completions", c.body)
			var got struct {
				Choices []struct {
					FinishReason string `json:"finish_reason"`
				} `json:"choices"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || got.Choices[0].FinishReason != c.want {
				t.Errorf("%d %s, want %s", w.Code, w.Body, c.want)
			}
		})
	}
}

// TestWhatIsAsked: what a request says reaches the turn.
func TestWhatIsAsked(t *testing.T) {
	r := newRig(t)
	w := r.post("/v1/chat/completions", []byte(`{
		"model": "anything", "messages": [
			{"role": "system", "content": "x-anthropic-billing-header: cc_version=1; cch=abc;\nBe kind."},
			{"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
			{"role": "user", "content": "hi", "name": "ann"}],
		"tools": [{"type": "function", "function": {"name": "read", "description": "d", "parameters": {"type": "object", "$schema": "x"}, "strict": true}}, {"type": "web_search"}],
		"tool_choice": {"type": "function", "function": {"name": "read"}}, "parallel_tool_calls": false,
		"max_tokens": 5, "max_completion_tokens": 7, "temperature": 0.5, "top_p": 0.9, "seed": 3, "stop": "END", "logit_bias": {"5": -2},
		"frequency_penalty": 0.1, "presence_penalty": 0.2, "user": "u", "metadata": {"a": "b"}, "store": true, "stream_options": null,
		"reasoning_effort": "low", "prompt_cache_options": {"mode": "implicit", "ttl": "30m"}, "unknown": {"deep": [1]},
		"interlude": {"class": "background", "remaining_turns": 4, "tool_hint": {"name": "read", "expected_ms": 50}, "reuse": "off", "timeout_ms": 9000}
	}`))
	if w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	turn := r.last()
	turn.Tenant, turn.Program, turn.AcceptedAt = "", "", time.Time{}
	got, err := json.Marshal(turn)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"v":1,"turn":1,"mode":"replace","class":"background","messages":[{"role":"system","content":"Be kind.\n\nBe brief."},{"role":"user","content":"hi","name":"ann"}],` +
		`"tools":[{"type":"function","function":{"name":"read","description":"d","parameters":{"type":"object","$schema":"x"},"strict":true}}],` +
		`"tool_choice":{"mode":"required","name":"read","single":true},` +
		`"sampling":{"max_tokens":7,"temperature":0.5,"top_p":0.9,"frequency_penalty":0.1,"presence_penalty":0.2,"seed":3,"stop":["END"],"logit_bias":{"5":-2}},` +
		`"lifecycle":{"tool_hint":{"name":"read","expected_ms":50},"reuse":"off","remaining_turns":4},"timeout_ms":9000}`
	if string(got) != want {
		t.Errorf("the turn is\n%s\nwant\n%s", got, want)
	}
	if !strings.Contains(w.Header().Get("X-Interlude-Warning"), "web_search") {
		t.Error("nothing is said of the tool that was left out")
	}
}

// TestRefusals: each in OpenAI's shape, with what official clients obey.
func TestRefusals(t *testing.T) {
	u1 := dialogue("u1")
	for name, c := range map[string]struct {
		body   any
		result *wire.Error
		status int
		says   string
		retry  string
	}{
		"no JSON":                     {[]byte(`{`), nil, 400, `"code":"invalid_json"`, "false"},
		"no messages":                 {object{}, nil, 400, `"param":"messages"`, "false"},
		"a role":                      {object{"messages": []object{message("robot", "x")}}, nil, 400, `"param":"messages[0].role"`, "false"},
		"a tool without its call":     {object{"messages": []object{message("tool", "x")}}, nil, 400, `messages[0].tool_call_id`, "false"},
		"an image":                    {object{"messages": []object{{"role": "user", "content": []object{{"type": "image_url"}}}}}, nil, 400, "image_url", "false"},
		"a type":                      {object{"messages": u1, "max_tokens": "many"}, nil, 400, `"param":"max_tokens"`, "false"},
		"too many answers":            {object{"messages": u1, "n": 99}, nil, 400, `"param":"n"`, "false"},
		"too many logprobs":           {object{"messages": u1, "logprobs": true, "top_logprobs": 21}, nil, 400, `"param":"top_logprobs"`, "false"},
		"top_logprobs alone":          {object{"messages": u1, "top_logprobs": 2}, nil, 400, `"param":"top_logprobs"`, "false"},
		"a temperature":               {object{"messages": u1, "temperature": 99}, nil, 400, "sampling.temperature", "false"},
		"a tool that is not there":    {object{"messages": u1, "tool_choice": "required"}, nil, 400, "tool_choice", "false"},
		"a format":                    {object{"messages": u1, "response_format": object{"type": "xml"}}, nil, 400, `"param":"response_format"`, "false"},
		"a context that is too long":  {object{"messages": u1}, &wire.Error{Code: wire.CodeContextTooLong, Message: "9000 tokens of 8192"}, 400, `"code":"context_length_exceeded"`, "false"},
		"an engine that has failed":   {object{"messages": u1}, &wire.Error{Code: wire.CodeEngine, Message: "x", Retryable: true}, 500, `"type":"server_error"`, "true"},
		"a node with too much to do":  {object{"messages": u1}, &wire.Error{Code: wire.CodeOverloaded, Message: "x", Retryable: true, RetryAfterMS: 1500}, 429, `"type":"rate_limit_error"`, "true"},
		"a turn that took too long":   {object{"messages": u1}, &wire.Error{Code: wire.CodeDeadlineExceeded, Message: "x"}, 504, "deadline_exceeded", "false"},
		"messages the model does not": {object{"messages": u1}, &wire.Error{Code: wire.CodeInvalidMessages, Message: "x"}, 400, "invalid_messages", "false"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.answer = func(context.Context, *turns.Job, *wire.Turn) wire.Result {
				if c.result == nil {
					return wire.Result{Text: "yes"}
				}
				return wire.Result{Outcome: wire.Failed, Error: c.result}
			}
			w := r.post("/v1/chat/completions", c.body)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) || w.Header().Get("X-Should-Retry") != c.retry {
				t.Errorf("%d %s, retry %q", w.Code, w.Body, w.Header().Get("X-Should-Retry"))
			}
			if c.result != nil && c.result.RetryAfterMS > 0 && (w.Header().Get("Retry-After-Ms") != "1500" || w.Header().Get("Retry-After") != "2") {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
}

// TestAnErrorEndsAStream: a stream that just ended would be taken for a success.
func TestAnErrorEndsAStream(t *testing.T) {
	r := newRig(t)
	r.answer = func(_ context.Context, job *turns.Job, _ *wire.Turn) wire.Result {
		_ = job.Stream(wire.Chunk{Text: "half"})
		return wire.Result{Outcome: wire.Failed, Text: "half", Error: &wire.Error{Code: wire.CodeEngine, Message: "broken"}}
	}
	stream := r.client(option.WithMaxRetries(0)).Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{
		Model: "m", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("go")},
	})
	for stream.Next() {
	}
	if err := stream.Err(); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("the client has error %v", err)
	}
}

// TestRetriesAreOneTurn: the same request, sent once more, is answered by the turn that it was.
func TestRetriesAreOneTurn(t *testing.T) {
	body := object{"messages": dialogue("u1")}
	for name, headers := range map[string][2][]string{
		"a client's retry":   {nil, {"X-Stainless-Retry-Count", "1"}},
		"an idempotency key": {{"Idempotency-Key", "k"}, {"Idempotency-Key", "k"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			first := r.post("/v1/chat/completions", body, headers[0]...)
			again := r.post("/v1/chat/completions", body, headers[1]...)
			if r.ran() != 1 || first.Header().Get("X-Interlude-Program") != again.Header().Get("X-Interlude-Program") || again.Code != http.StatusOK {
				t.Errorf("%d turns; %d %s", r.ran(), again.Code, again.Body)
			}
		})
	}
	t.Run("neither", func(t *testing.T) {
		r := newRig(t)
		r.post("/v1/chat/completions", body)
		r.post("/v1/chat/completions", body)
		if r.ran() != 2 {
			t.Errorf("%d turns", r.ran())
		}
	})
	t.Run("while the first is under way", func(t *testing.T) {
		r := newRig(t)
		begun, goOn := make(chan struct{}), make(chan struct{})
		r.answer = func(_ context.Context, job *turns.Job, _ *wire.Turn) wire.Result {
			_ = job.Stream(wire.Chunk{Text: "Hel"})
			close(begun)
			<-goOn
			_ = job.Stream(wire.Chunk{Text: "lo"})
			return wire.Result{Text: "Hello"}
		}
		answers := make(chan *httptest.ResponseRecorder, 2)
		body := object{"messages": dialogue("u1"), "stream": true}
		go func() { answers <- r.post("/v1/chat/completions", body) }()
		<-begun
		go func() { answers <- r.post("/v1/chat/completions", body) }()
		for !r.gateway.read(2) {
			time.Sleep(time.Millisecond)
		}
		close(goOn)
		for range 2 {
			w := <-answers
			text := ""
			for line := range strings.Lines(w.Body.String()) {
				var chunk struct {
					Choices []struct{ Delta struct{ Content string } }
				}
				if json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &chunk) == nil && len(chunk.Choices) > 0 {
					text += chunk.Choices[0].Delta.Content
				}
			}
			if text != "Hello" {
				t.Errorf("an answer is %q:\n%s", text, w.Body)
			}
		}
	})
}

// read tells whether a flight has so many readers.
func (g *Gateway) read(readers int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, f := range g.flights {
		f.mu.Lock()
		n := f.readers
		f.mu.Unlock()
		if n == readers {
			return true
		}
	}
	return false
}

// TestWhoGoesAwayCancels: the turn of a client that is gone is cancelled.
func TestWhoGoesAwayCancels(t *testing.T) {
	r := newRig(t)
	cancelled := make(chan struct{})
	begun := make(chan struct{})
	r.answer = func(ctx context.Context, job *turns.Job, _ *wire.Turn) wire.Result {
		close(begun)
		<-job.Cancelled()
		close(cancelled)
		return wire.Result{Outcome: wire.Cancelled}
	}
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-begun; leave() }()
	_, err := r.client().Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
		Model: "m", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("go")},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	<-cancelled
}

func TestSeveralAnswers(t *testing.T) {
	r := newRig(t)
	answer, err := r.client().Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{
		Model: "m", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("go")}, N: openai.Int(3), Seed: openai.Int(1),
	})
	if err != nil {
		t.Fatal(err)
	}
	seeds := map[uint32]bool{}
	for _, turn := range r.turns {
		seeds[*turn.Sampling.Seed] = true
	}
	if len(answer.Choices) != 3 || r.ran() != 3 || len(seeds) != 3 {
		t.Errorf("%d answers of %d turns with %d seeds", len(answer.Choices), r.ran(), len(seeds))
	}
}
