package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anthropics/anthropic-sdk-go/v2"
	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

var rewrite = flag.Bool("rewrite", false, "write the expected files anew")

// hopeless is after how long a test that waits for what does not come fails.
const hopeless = 20 * time.Second

// asking is a request of the official client.
func asking(messages ...anthropic.MessageParam) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{Model: "claude-opus-5-5", MaxTokens: 1000, Messages: messages}
}

func user(blocks ...anthropic.ContentBlockParamUnion) anthropic.MessageParam {
	return anthropic.NewUserMessage(blocks...)
}

func block(text string) anthropic.ContentBlockParamUnion { return anthropic.NewTextBlock(text) }

func readTool() []anthropic.ToolUnionParam {
	return []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{
		Name: "read", Description: anthropic.String("reads a file"), InputSchema: anthropic.ToolInputSchemaParam{Properties: map[string]any{"path": map[string]any{"type": "string"}}},
	}}}
}

// streamed is what the official client makes of a stream.
func streamed(t *testing.T, c *anthropic.Client, params anthropic.MessageNewParams) (m anthropic.Message, events []string, err error) {
	t.Helper()
	stream := c.Messages.NewStreaming(t.Context(), params)
	defer stream.Close()
	for stream.Next() {
		event := stream.Current()
		events = append(events, event.Type)
		if err := m.Accumulate(event); err != nil {
			t.Fatal(err)
		}
	}
	return m, events, stream.Err()
}

func TestMessagesAnswersWhole(t *testing.T) {
	answer := messagesScript{
		pieces: []wire.Piece{thoughtPiece("Hm."), textPiece("\n\nLet me look."), callPiece(0, "call1", "read", `{"path":"go.mod"}`)},
		usage:  wire.Usage{PromptTokens: 100, ReusedTokens: 60, RestoredTokens: 10, PrefilledTokens: 30, CompletionTokens: 7},
	}
	s := newMessagesRig(t, answer, answer)
	params := asking(user(block("Which version?")))
	params.System = []anthropic.TextBlockParam{{Text: "x-anthropic-billing-header: cch=1;"}, {Text: "You are terse."}, {Text: "Very."}}
	params.Tools = readTool()
	params.StopSequences = []string{"END"}
	params.Thinking = anthropic.ThinkingConfigParamOfEnabled(1024)
	m, err := s.client().Messages.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	if m.Type != "message" || m.Role != "assistant" || m.Model != "small" || !strings.HasPrefix(m.ID, "msg_") {
		t.Errorf("the message is %s", m.RawJSON())
	}
	if len(m.Content) != 3 {
		t.Fatalf("the content is %s", m.RawJSON())
	}
	if b := m.Content[0]; b.Type != "thinking" || b.Thinking != "Hm." || b.JSON.Signature.Raw() != `""` {
		t.Errorf("the first block is %s", b.RawJSON())
	}
	if b := m.Content[1]; b.Type != "text" || b.Text != "\n\nLet me look." {
		t.Errorf("the second block is %s", b.RawJSON())
	}
	if b := m.Content[2]; b.Type != "tool_use" || b.ID != "call1" || b.Name != "read" || string(b.Input) != `{"path":"go.mod"}` {
		t.Errorf("the third block is %s", b.RawJSON())
	}
	if m.StopReason != anthropic.StopReasonToolUse || m.JSON.StopSequence.Raw() != "null" {
		t.Errorf("it stopped as %q", m.StopReason)
	}
	if u := m.Usage; u.InputTokens != 30 || u.CacheReadInputTokens != 70 || u.CacheCreationInputTokens != 0 || u.OutputTokens != 7 {
		t.Errorf("the usage is %s", u.RawJSON())
	}

	turn := s.given()[0]
	want := []wire.Message{{Role: "system", Content: "You are terse.\n\nVery."}, {Role: "user", Content: "Which version?"}}
	if !reflect.DeepEqual(turn.Messages, want) {
		t.Errorf("the runner was given %+v", turn.Messages)
	}
	if turn.Sampling.MaxTokens != 1000 || turn.Sampling.Temperature != 1 || !reflect.DeepEqual(turn.Sampling.Stop, []string{"END"}) {
		t.Errorf("it samples by %+v", turn.Sampling)
	}
	if len(turn.Tools) != 1 || turn.Tools[0].Function.Name != "read" || turn.Tools[0].Function.Description != "reads a file" {
		t.Errorf("its tools are %+v", turn.Tools)
	}

	again, _, err := streamed(t, s.client(), params)
	if err != nil {
		t.Fatal(err)
	}
	if !sameContent(t, again, *m) || again.StopReason != m.StopReason || again.Usage.InputTokens != 30 || again.Usage.CacheReadInputTokens != 70 || again.Usage.OutputTokens != 7 {
		t.Errorf("streamed, it is %s", again.RawJSON())
	}
}

func sameContent(t testing.TB, a, b anthropic.Message) bool {
	t.Helper()
	var contents [2]any
	for i, m := range []anthropic.Message{a, b} {
		var body struct {
			Content any `json:"content"`
		}
		if err := json.Unmarshal([]byte(m.RawJSON()), &body); err != nil {
			t.Fatal(err)
		}
		contents[i] = body.Content
	}
	return reflect.DeepEqual(contents[0], contents[1])
}

// A conversation goes on in its program, by turns of only what is new, however the client
// writes again what was said.
func TestMessagesGoOnWithTheirProgram(t *testing.T) {
	s := newMessagesRig(t,
		messagesScript{pieces: []wire.Piece{thoughtPiece("Two files."), textPiece("I look. "), callPiece(0, "c1", "read", `{"path":"a","from":1}`), callPiece(1, "c2", "read", `{"path":"b"}`)}},
		messagesScript{pieces: []wire.Piece{textPiece("Both are empty.")}},
		saying("Yes."),
	)
	c := s.client()
	params := asking(user(block("What is in a and b?")))
	params.Tools = readTool()
	first, events, err := streamed(t, c, params)
	if err != nil {
		t.Fatal(err)
	}
	if first.StopReason != anthropic.StopReasonToolUse || len(first.Content) != 4 {
		t.Fatalf("the first answer is %s", first.RawJSON())
	}
	if got := strings.Join(events, " "); strings.Count(got, "content_block_stop") != 4 || !strings.HasSuffix(got, "message_delta message_stop") {
		t.Errorf("the events are %s", got)
	}

	// Reasoning is dropped, keys are in another order, and the text is trimmed.
	params.Messages = append(params.Messages,
		anthropic.NewAssistantMessage(
			block("I look."),
			anthropic.NewToolUseBlock("c1", json.RawMessage(`{ "from": 1, "path": "a" }`), "read"),
			anthropic.NewToolUseBlock("c2", json.RawMessage(`{ "path": "b" }`), "read")),
		user(anthropic.NewToolResultBlock("c1", "", false), anthropic.NewToolResultBlock("c2", "no such file", true), block("Be brief.")))
	second, err := c.Messages.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	// And as the client's own helper writes it, thinking included.
	params.Messages[1] = first.ToParam()
	params.Messages = append(params.Messages, second.ToParam(), user(block("Sure?")))
	if _, _, err := streamed(t, c, params); err != nil {
		t.Fatal(err)
	}

	given := s.given()
	if len(given) != 3 {
		t.Fatalf("there were %d turns", len(given))
	}
	for i, turn := range given {
		if turn.Program != given[0].Program || turn.Turn != int64(i+1) {
			t.Errorf("turn %d is %s/%d, in the program %s", i+1, turn.Program, turn.Turn, given[0].Program)
		}
	}
	want := []wire.Message{
		{Role: "tool", ToolCallID: "c1", Name: "read"},
		{Role: "tool", ToolCallID: "c2", Name: "read", Content: "The call failed.\nno such file"},
		{Role: "user", Content: "Be brief."},
	}
	if given[1].Mode != wire.ModeAppend || !reflect.DeepEqual(given[1].Messages, want) {
		t.Errorf("the second turn is %s of %+v", given[1].Mode, given[1].Messages)
	}
	if given[2].Mode != wire.ModeAppend || !reflect.DeepEqual(given[2].Messages, []wire.Message{{Role: "user", Content: "Sure?"}}) {
		t.Errorf("the third turn is %s of %+v", given[2].Mode, given[2].Messages)
	}
}

func TestMessagesTellErrors(t *testing.T) {
	tooLong := wire.Error{Code: wire.CodeContextTooLong, Message: "9000 tokens, more than 8192"}
	busy := wire.Error{Code: wire.CodeOverloaded, Message: "there is no room", Retryable: true, RetryAfterMS: 1}
	broken := wire.Error{Code: wire.CodeInternal, Message: "the device is gone"}
	hi := asking(user(block("Hi")))
	for name, test := range map[string]struct {
		script messagesScript
		params anthropic.MessageNewParams
		status int // of the whole answer
		kind   string
		says   string
	}{
		"no messages": {params: asking(), status: 400, kind: "invalid_request_error", says: "messages: there are no messages"},
		"an image": {
			params: asking(user(block("Look:"), anthropic.NewImageBlockBase64("image/png", "AAAA"))), status: 400, kind: "invalid_request_error",
			says: `messages.0.content.1: a block of type "image" cannot stand here: this model reads text alone`,
		},
		"an answer begun": {params: asking(user(block("Hi")), anthropic.NewAssistantMessage(block("Well"))), status: 400, kind: "invalid_request_error", says: "the last message is the assistant's"},
		"a long prompt":   {script: failing(tooLong), params: hi, status: 400, kind: "invalid_request_error", says: "prompt is too long: 9000 tokens"},
		"no room":         {script: failing(busy), params: hi, status: 429, kind: "rate_limit_error", says: "there is no room"},
		"a defect":        {script: failing(broken), params: hi, status: 500, kind: "api_error", says: "the device is gone"},
		"a defect midway": {script: messagesScript{pieces: []wire.Piece{textPiece("Well, ")}, failed: &broken}, params: hi, status: 500, kind: "api_error", says: "the device is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMessagesRig(t, test.script, test.script)
			_, err := s.client().Messages.New(t.Context(), test.params)
			checkError(t, err, test.status, test.kind, test.says)
			m, _, err := streamed(t, s.client(), test.params)
			if test.script.pieces == nil {
				checkError(t, err, test.status, test.kind, test.says)
				return
			}
			checkError(t, err, http.StatusOK, test.kind, test.says)
			if len(m.Content) != 1 || m.Content[0].Text != "Well, " || m.StopReason != "" {
				t.Errorf("what came before is %s", m.RawJSON())
			}
		})
	}
}

func checkError(t *testing.T, err error, status int, kind, says string) {
	t.Helper()
	var e *anthropic.Error
	switch {
	case !errors.As(err, &e):
		t.Errorf("the error is %T: %v", err, err)
	case e.StatusCode != status, string(e.Type()) != kind, !strings.Contains(e.RawJSON(), jsonPart(says)):
		t.Errorf("the error is %d %s: %s", e.StatusCode, e.Type(), e.RawJSON())
	case e.RequestID == "":
		t.Errorf("the error has no request_id: %v", e)
	}
}

// jsonPart is a text as it stands within JSON.
func jsonPart(text string) string {
	data, _ := json.Marshal(text)
	return strings.Trim(string(data), `"`)
}

func TestMessagesAreCancelledByLeaving(t *testing.T) {
	for name, body := range map[string]string{
		"whole":    `{"max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}`,
		"streamed": `{"max_tokens":9,"messages":[{"role":"user","content":"Hi"}],"stream":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newMessagesRig(t, messagesScript{pieces: []wire.Piece{textPiece("So")}, hangs: true})
			ctx, leave := context.WithTimeout(t.Context(), hopeless)
			defer leave()
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/messages", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				if answer, err := http.DefaultClient.Do(r); err == nil {
					_, _ = bufio.NewReader(answer.Body).ReadString(0) // ends with the connection
					answer.Body.Close()
				}
			}()
			<-s.started
			leave()
			<-gone
			select {
			case <-s.dropped:
			case <-time.After(hopeless):
				t.Error("the turn goes on")
			}
		})
	}
}

// A request that is sent once more while its turn runs, or after it, is that turn.
func TestMessagesSentOnceMore(t *testing.T) {
	const body = `{"max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}`
	s := newMessagesRig(t, saying("Hello."))
	var answers, programs [3]string
	for i := range answers {
		r := s.post(t, t.Context(), body, "X-Stainless-Retry-Count", string(rune('0'+i)), "Anthropic-Version", "2026-10-21", "Anthropic-Beta", "new-1,new-2")
		var b bytes.Buffer
		if _, err := b.ReadFrom(r.Body); err != nil {
			t.Fatal(err)
		}
		answers[i], programs[i] = b.String(), r.Header.Get("X-Interlude-Program")
	}
	if n := len(s.given()); n != 1 || programs[0] == "" || programs[1] != programs[0] || answers[1] != answers[0] || answers[2] != answers[0] {
		t.Errorf("%d turns, of the programs %q, answered\n%s", n, programs, strings.Join(answers[:], ""))
	}
	s.add(saying("Hello again."))
	s.post(t, t.Context(), body)
	if n := len(s.given()); n != 2 {
		t.Errorf("the same request anew made %d turns", n)
	}
}

// TestMessagesEvents compares a stream with testdata/messages.events; go test -rewrite writes
// it anew.
func TestMessagesEvents(t *testing.T) {
	steps := make(chan struct{})
	pieces := []struct {
		piece wire.Piece
		until string // of what it causes, the last
	}{
		{thoughtPiece("The file"), `"The file"`},
		{thoughtPiece(" <go.mod>."), `go.mod`},
		{textPiece("\n\n"), ``},
		{textPiece("Let me"), `Let me`},
		{textPiece(" look."), ` look.`},
		{wire.Piece{Kind: wire.PieceToolCall, ID: "c1", Name: "read", Text: `{"path":`}, `path`},
		{wire.Piece{Kind: wire.PieceToolCall, Text: `"go.mod"}`, Done: true}, `content_block_stop`},
		{callPiece(1, "c2", "list", `{}`), `content_block_stop`},
	}
	answer := messagesScript{steps: steps, usage: wire.Usage{PromptTokens: 20, ReusedTokens: 5, PrefilledTokens: 15, CompletionTokens: 12}}
	for _, p := range pieces {
		answer.pieces = append(answer.pieces, p.piece)
	}
	s := newMessagesRig(t, answer)
	go func() { steps <- struct{}{} }() // the stream begins with the first piece
	const body = `{"max_tokens":99,"stream":true,"cache_control":{"type":"ephemeral","ttl":"1h"},"messages":[{"role":"user","content":"Which version?"}],
		"tools":[{"name":"read","input_schema":{"type":"object"}},{"name":"list","input_schema":{"type":"object"}}]}`
	ctx, cancel := context.WithTimeout(t.Context(), hopeless)
	defer cancel()
	lines := bufio.NewScanner(s.post(t, ctx, body, "X-Interlude-Program", "golden").Body)
	var got strings.Builder
	read := func(until string) {
		seen := until == ""
		for !seen && lines.Scan() {
			got.WriteString(lines.Text() + "\n")
			seen = strings.HasPrefix(lines.Text(), "data:") && strings.Contains(lines.Text(), until)
		}
	}
	for i, p := range pieces {
		if i > 0 {
			steps <- struct{}{}
		}
		read(p.until)
	}
	steps <- struct{}{}
	read("never")
	const golden = "testdata/messages.events"
	if *rewrite {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the events are (go test -rewrite accepts them)\n%s\nwant\n%s", got.String(), want)
	}
}

func TestMessagesPingWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlight(func() {})
		go func() {
			time.Sleep(3*idle + idle/2)
			f.change(func() { f.pieces = append(f.pieces, textPiece("Well.")) })
			time.Sleep(idle + idle/2)
			f.end(&sdk.Result{Pieces: f.pieces, Outcome: wire.Completed}, nil)
		}()
		w := httptest.NewRecorder()
		m := messageAnswer{}
		if err := m.stream(t.Context(), w, f); err != nil {
			t.Fatal(err)
		}
		var events []string
		for line := range strings.Lines(w.Body.String()) {
			if name, ok := strings.CutPrefix(line, "event: "); ok {
				events = append(events, strings.TrimSpace(name))
			}
		}
		want := "message_start ping ping content_block_start content_block_delta ping content_block_stop message_delta message_stop"
		if got := strings.Join(events, " "); got != want {
			t.Errorf("the events are\n%s\nwant\n%s", got, want)
		}
		if got := strings.Count(w.Body.String(), ": "+unknownStanding+"\n\nevent: ping\n"); got != 3 {
			t.Errorf("%d pings come with where the turn stands:\n%s", got, w.Body)
		}
	})
}

// However an answer comes in pieces, the official client makes of the stream what the whole
// answer says, and neither has a block without words.
func TestMessagesStreamedAsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pieces []wire.Piece
		index := 0
		for range rapid.IntRange(0, 8).Draw(t, "parts") {
			words := rapid.SliceOfN(rapid.SampledFrom([]string{"a", " ", "\n\n", "é<", "bc"}), 1, 4).Draw(t, "words")
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				for _, w := range words {
					pieces = append(pieces, textPiece(w))
				}
			case 1:
				for _, w := range words {
					pieces = append(pieces, thoughtPiece(w))
				}
			default:
				arguments, _ := json.Marshal(map[string]string{"x": strings.Join(words, "")})
				letters := []rune(string(arguments))
				cut := rapid.IntRange(0, len(letters)).Draw(t, "cut")
				first, second := callPiece(index, "c", "read", string(letters[:cut])), callPiece(index, "", "", string(letters[cut:]))
				first.Done, second.Done = false, rapid.IntRange(0, 3).Draw(t, "complete") > 0
				pieces = append(pieces, first, second)
				index++
			}
		}
		if n := len(pieces); n > 0 && rapid.Bool().Draw(t, "cut short") {
			pieces[n-1].Text, pieces[n-1].Done = "", false
		}
		r := &sdk.Result{Outcome: wire.Completed, FinishReason: wire.FinishStop}
		for _, p := range pieces {
			r.Pieces = wire.Join(r.Pieces, p)
		}
		m := messageAnswer{id: "msg_x"}
		whole := httptest.NewRecorder()
		if err := m.whole(t.Context(), whole, landed(spot{"p", 1}, r)); err != nil {
			t.Fatal(err)
		}
		f := newFlight(func() {})
		f.pieces, f.result, f.over = pieces, r, true
		stream := httptest.NewRecorder()
		b := blockBuilder{sink: &streamBlocks{events: newEvents(stream)}}
		for _, p := range pieces { // each for itself, unlike follow
			b.add(p)
		}
		b.end()

		var want anthropic.Message
		if err := json.Unmarshal(whole.Body.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		got := anthropic.Message{}
		for line := range strings.Lines(`data: {"type":"message_start","message":{"content":[]}}` + "\n" + stream.Body.String() + `data: {"type":"message_stop"}`) {
			data, ok := strings.CutPrefix(line, "data: ")
			if !ok {
				continue
			}
			var event anthropic.MessageStreamEventUnion
			if err := json.Unmarshal([]byte(data), &event); err != nil {
				t.Fatal(err)
			}
			if err := got.Accumulate(event); err != nil {
				t.Fatal(err)
			}
		}
		if len(got.Content) != len(want.Content) {
			t.Fatalf("streamed\n%s\nwhole\n%s", stream.Body, whole.Body)
		}
		var words, reasoning string
		var inputs []string
		for i := range got.Content {
			a, b := got.Content[i], want.Content[i]
			words += b.Text
			reasoning += b.Thinking
			if b.Type == "tool_use" {
				inputs = append(inputs, string(b.Input))
			}
			if !json.Valid(a.Input) { // as the client does with a call that was cut short
				a.Input = b.Input
				if string(b.Input) != "{}" && b.Type == "tool_use" {
					t.Errorf("a call that was cut short is %s", b.Input)
				}
			}
			if a.Type != b.Type || a.Text != b.Text || a.Thinking != b.Thinking || a.ID != b.ID || a.Name != b.Name || string(a.Input) != string(b.Input) {
				t.Errorf("block %d: streamed\n%s\nwhole\n%s", i, stream.Body, whole.Body)
			}
			if b.Type == "text" && strings.TrimSpace(b.Text) == "" {
				t.Errorf("a block of white space: %s", whole.Body)
			}
		}
		var called []string
		for _, p := range r.Pieces {
			switch {
			case p.Kind == wire.PieceToolCall && json.Valid([]byte(p.Text)):
				called = append(called, p.Text)
			case p.Kind == wire.PieceToolCall:
				called = append(called, "{}")
			}
		}
		if strings.TrimSpace(words) != strings.TrimSpace(r.Said()) || reasoning != r.Reasoning() || !slices.Equal(inputs, called) {
			t.Errorf("of %+v\nthe whole answer is\n%s", r.Pieces, whole.Body)
		}
	})
}

func TestMessagesRead(t *testing.T) {
	g := &Gateway{cfg: Config{Log: slog.New(slog.DiscardHandler)}}
	const hi = `"messages":[{"role":"user","content":"Hi"}]`
	asks := func(body string) (*ask, *cacheControl, http.Header, error) {
		var q messagesRequest
		r := httptest.NewRequest(http.MethodPost, "/v1/messages", strings.NewReader(body))
		if err := read(r, &q); err != nil {
			return nil, nil, nil, err
		}
		h := http.Header{}
		a, caching, err := g.messagesAsk(h, r, &q, "t")
		return a, caching, h, err
	}
	call := func(id string) sdk.Message {
		m := sdk.Assistant("")
		m.ToolCalls = []sdk.ToolCall{{ID: id, Type: "function", Function: wire.FunctionCall{Name: "f", Arguments: "{}"}}}
		return m
	}
	result := func(id, name, text string) sdk.Message {
		m := sdk.ToolResult(id, text)
		m.Name = name
		return m
	}
	for name, test := range map[string]struct {
		body string
		want []sdk.Message
	}{
		"text":           {`{"system":"S",` + hi + `}`, []sdk.Message{sdk.System("S"), sdk.User("Hi")}},
		"blocks":         {`{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}`, []sdk.Message{sdk.User("a\n\nb")}},
		"user in two":    {`{"messages":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"text","text":"b"}]}]}`, []sdk.Message{sdk.User("a\n\nb")}},
		"system between": {`{"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"},{"role":"user","content":"c"}]}`, []sdk.Message{sdk.User("a"), sdk.System("b"), sdk.User("c")}},
		"volatile lines": {`{"system":[{"type":"text","text":"x-anthropic-a: 1\nS"},{"type":"text","text":"x-anthropic-b: 2"}],` + hi + `}`, []sdk.Message{sdk.System("S"), sdk.User("Hi")}},
		"assistant in two": {
			`{"messages":[{"role":"assistant","content":[{"type":"redacted_thinking","data":"x"},{"type":"text","text":"a"}]},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}`,
			[]sdk.Message{sdk.Assistant("ab"), sdk.User("c")},
		},
		"results": {
			`{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f"}]},{"role":"user","content":[{"type":"text","text":"t"},
				{"type":"tool_result","tool_use_id":"1","content":[{"type":"text","text":"a"},{"type":"tool_reference","tool_name":"g"}]},{"type":"tool_result","tool_use_id":"2"}]}]}`,
			[]sdk.Message{call("1"), result("1", "f", "a\n\ng"), result("2", "", ""), sdk.User("t")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, _, _, err := asks(test.body)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(a.messages, test.want) {
				t.Errorf("the messages are %+v\nwant %+v", a.messages, test.want)
			}
		})
	}

	for body, want := range map[string]string{
		`{}`:                      "messages: there are no messages",
		`{"system":"S"}`:          "messages: there are no messages",
		`{"messages":"Hi"}`:       "messages: a string is no []gateway.anthropicMessage",
		`{"messages":[],"x":`:     "the request is not JSON: unexpected end of JSON input",
		`{"system":7,` + hi + `}`: "system: it is neither a text nor a list of blocks",
		`{"system":[{"type":"image"}],` + hi + `}`:                                                                         `system.0: a block of type "image" cannot stand here: this model reads text alone`,
		`{"messages":[{"role":"tool","content":"x"}]}`:                                                                     `messages.0.role: "tool" is none of user, assistant and system`,
		`{"messages":[{"role":"user","content":[7]}]}`:                                                                     "messages.0.content: json: cannot unmarshal number into Go value of type gateway.anthropicBlock",
		`{"messages":[{"role":"user","content":[{"type":"tool_result","content":"x"}]}]}`:                                  "messages.0.content.0.tool_use_id: a tool_result must say which call it answers",
		`{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[{"type":"image"}]}]}]}`: `messages.0.content.0.content.0: a block of type "image" cannot stand here: this model reads text alone`,
		`{"messages":[{"role":"user","content":[{"type":"document"}]}]}`:                                                   `messages.0.content.0: a block of type "document" cannot stand here: this model reads text alone`,
		`{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":"x"}]}]}`:              "messages.0.content.0.input: it is no JSON object",
		`{"messages":[{"role":"assistant","content":[{"type":"tool_use","name":"f","input":{}}]}]}`:                        "messages.0.content.0: a tool_use has an id and a name",
		`{"messages":[{"role":"assistant","content":"a"}]}`:                                                                "messages: the last message is the assistant's: an answer that the client has begun cannot be gone on with here",
		`{"max_tokens":-1,` + hi + `}`:                                                                                     "max_tokens: it is negative",
		`{"tool_choice":{"type":"tool"},` + hi + `}`:                                                                       "tool_choice.name: the type tool goes with a tool's name",
		`{"tool_choice":{"type":"x"},` + hi + `}`:                                                                          `tool_choice.type: "x" is none of auto, any, tool and none`,
		`{"output_config":{"format":{"type":"json_schema"}},` + hi + `}`:                                                   "output_config.format.schema: there is none",
		`{"output_format":{"type":"xml","schema":{}},` + hi + `}`:                                                          `output_config.format.type: "xml" is not json_schema`,
	} {
		_, _, _, err := asks(body)
		if err == nil {
			t.Errorf("%s is taken", body)
			continue
		}
		told, _ := json.Marshal(refused(err).anthropic("r"))
		if !strings.Contains(string(told), jsonPart(want)+`"`) || !strings.Contains(string(told), "invalid_request_error") {
			t.Errorf("%s is refused with %s, want %s", body, told, want)
		}
	}

	a, caching, h, err := asks(`{` + hi + `,"temperature":0,"top_p":0.5,"top_k":7,"max_tokens":5,"stop_sequences":["x"],
		"tools":[{"type":"custom","name":"f","strict":true,"defer_loading":true,"input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}},
			{"type":"web_search_20250305","name":"web_search"},{"type":"bash_20250124","name":"bash","input_schema":null},{"type":"new_1","name":"h","input_schema":{}}],
		"tool_choice":{"type":"any","disable_parallel_tool_use":true},"output_format":{"type":"json_schema","schema":{"type":"object"}},
		"mcp_servers":[{"type":"url"}],"thinking":{"type":"enabled","budget_tokens":1,"display":"summarized"},"context_management":{"edits":[]},
		"service_tier":"auto","container":null,"metadata":{"user_id":"{\"session_id\":\"s\"}"},"something":"new"}`)
	if err != nil {
		t.Fatal(err)
	}
	if want := (sdk.Sampling{MaxTokens: 5, TopP: 0.5, TopK: 7, Stop: []string{"x"}}); !reflect.DeepEqual(a.sampling, want) {
		t.Errorf("it samples by %+v", a.sampling)
	}
	if len(a.tools) != 2 || a.tools[0].Function.Name != "f" || !a.tools[0].Function.Strict || a.tools[1].Function.Name != "h" {
		t.Errorf("the tools are %+v", a.tools)
	}
	if a.choice != (sdk.Choice{Mode: wire.ToolsRequired, Single: true}) || a.format.Kind != wire.FormatSchema || !a.format.Strict || a.session != "s" {
		t.Errorf("the ask is %+v", a)
	}
	if caching == nil || caching.TTL != "" {
		t.Errorf("it asks to keep %+v", caching)
	}
	if warnings := h.Values("X-Interlude-Warning"); len(warnings) != 3 || !strings.Contains(warnings[0], "web_search_20250305") || !strings.Contains(warnings[1], "bash_20250124") {
		t.Errorf("it warns %q", warnings)
	}
	for choice, want := range map[string]sdk.Choice{
		`{"type":"auto"}`:            {Mode: wire.ToolsAuto},
		`{"type":"none"}`:            {Mode: wire.ToolsNone},
		`{"type":"tool","name":"f"}`: {Mode: wire.ToolsRequired, Name: "f", Single: true},
		`null`:                       {},
	} {
		if a, _, _, err := asks(`{` + hi + `,"tool_choice":` + choice + `}`); err != nil || a.choice != want {
			t.Errorf("%s is read as %+v, %v", choice, a.choice, err)
		}
	}
}

func TestMessagesStop(t *testing.T) {
	read := wire.Piece{Kind: wire.PieceToolCall, ID: "c", Name: "read", Text: "{}", Done: true}
	for name, test := range map[string]struct {
		result   sdk.Result
		stops    []string
		reason   string
		sequence string
	}{
		"by itself":            {sdk.Result{FinishReason: wire.FinishStop}, []string{"x"}, "end_turn", ""},
		"too long":             {sdk.Result{FinishReason: wire.FinishLength}, nil, "max_tokens", ""},
		"too long with a call": {sdk.Result{FinishReason: wire.FinishLength, Pieces: []wire.Piece{read}}, nil, "max_tokens", ""},
		"a call":               {sdk.Result{FinishReason: wire.FinishStop, Pieces: []wire.Piece{read}}, nil, "tool_use", ""},
		"the stop sequence":    {sdk.Result{FinishReason: wire.FinishStopString}, []string{"x", "x"}, "stop_sequence", "x"},
		"one of two":           {sdk.Result{FinishReason: wire.FinishStopString}, []string{"x", "y"}, "stop_sequence", ""},
	} {
		m := messageAnswer{stops: test.stops}
		reason, sequence := m.stopped(&test.result)
		if *reason != test.reason || (sequence == nil) != (test.sequence == "") || sequence != nil && *sequence != test.sequence {
			t.Errorf("%s: it stopped by %s", name, *reason)
		}
	}
}

func TestMessagesUsage(t *testing.T) {
	x := sdk.Usage{PromptTokens: 100, ReusedTokens: 50, RestoredTokens: 20, PrefilledTokens: 30, CompletionTokens: 4}
	five, hour := messageUsage{CacheCreation: 30, CacheRead: 70, Output: 4}, messageUsage{CacheCreation: 30, CacheRead: 70, Output: 4}
	five.ByLife.FiveMinutes, hour.ByLife.Hour = 30, 30
	for name, test := range map[string]struct {
		caching *cacheControl
		want    messageUsage
	}{
		"unmarked": {nil, messageUsage{Input: 30, CacheRead: 70, Output: 4}},
		"marked":   {&cacheControl{}, five},
		"an hour":  {&cacheControl{TTL: "1h"}, hour},
	} {
		m := messageAnswer{caching: test.caching}
		if got := m.usage(x); got != test.want {
			t.Errorf("%s: the usage is %+v", name, got)
		}
	}
	again := sdk.Usage{PromptTokens: 10, ReusedTokens: 8, RestoredTokens: 8, PrefilledTokens: 10}
	if got := (&messageAnswer{}).usage(again); got.Input != 0 || got.CacheRead != 10 {
		t.Errorf("of a turn that was computed twice, the usage is %+v", got)
	}
}

// Whatever is sent, it is refused, or becomes a turn that the wire takes in what it says.
func FuzzMessagesRead(f *testing.F) {
	f.Add(`{"system":[{"type":"text","text":"x-anthropic-"}],"messages":[{"role":"user","content":"Hi"}]}`)
	f.Add(`{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{"a":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[]}]}]}`)
	f.Add(`{"messages":[{"role":"system","content":"x-anthropic-"}],"tools":[{}],"tool_choice":{"type":"any"}}`)
	g := &Gateway{cfg: Config{Log: slog.New(slog.DiscardHandler)}}
	f.Fuzz(func(t *testing.T, body string) {
		var q messagesRequest
		r := httptest.NewRequest(http.MethodPost, "/v1/messages", strings.NewReader(body))
		if read(r, &q) != nil {
			return
		}
		a, _, err := g.messagesAsk(http.Header{}, r, &q, "t")
		if err != nil {
			if status := refused(err).status; status != http.StatusBadRequest {
				t.Errorf("it is refused with %d: %v", status, err)
			}
			return
		}
		turn := wire.Turn{Tenant: "t", Program: "p", Turn: 1, Messages: a.messages}
		if err := turn.Validate(); err != nil && len(a.messages) < 4096 {
			t.Errorf("the messages are no turn's: %v", err)
		}
		if _, err := wire.Encode(&turn); err != nil {
			t.Error(err)
		}
	})
}
