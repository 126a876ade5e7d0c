package gateway

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/packages/ssestream"
	"github.com/openai/openai-go/v3/responses"
	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

var update = flag.Bool("update-responses", false, "write testdata anew")

// post sends a body as it is, and gives the answer.
func post(t *testing.T, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(data)
}

func input(text string) responses.ResponseNewParamsInputUnion {
	return responses.ResponseNewParamsInputUnion{OfString: param.NewOpt(text)}
}

func items(list ...responses.ResponseInputItemUnionParam) responses.ResponseNewParamsInputUnion {
	return responses.ResponseNewParamsInputUnion{OfInputItemList: list}
}

func userItem(text string) responses.ResponseInputItemUnionParam {
	return responses.ResponseInputItemParamOfMessage(text, responses.EasyInputMessageRoleUser)
}

func assistantItem(text string) responses.ResponseInputItemUnionParam {
	return responses.ResponseInputItemParamOfMessage(text, responses.EasyInputMessageRoleAssistant)
}

// status is the HTTP status and the code of a client's error.
func status(t *testing.T, err error) (int, string) {
	t.Helper()
	var e *openai.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no error of the API", err)
	}
	return e.StatusCode, e.Code
}

func TestResponsesText(t *testing.T) {
	script, client, _ := serveResponses(t, map[string]scriptedAnswer{"Name a colour.": text("Tur", "quoise."), "Another.": text("Ochre.")})
	first, err := client.Responses.New(t.Context(), responses.ResponseNewParams{
		Model: "scripted", Input: input("Name a colour."), Instructions: param.NewOpt("Be brief."), MaxOutputTokens: param.NewOpt[int64](64),
	})
	if err != nil {
		t.Fatal(err)
	}
	if first.OutputText() != "Turquoise." || first.Status != "completed" || first.Instructions.OfString != "Be brief." || first.MaxOutputTokens != 64 {
		t.Errorf("got %s", first.RawJSON())
	}
	u := first.Usage
	if u.InputTokens != 20 || u.InputTokensDetails.CachedTokens != 8 || u.InputTokensDetails.CacheWriteTokens != 12 || u.OutputTokens != 4 || u.TotalTokens != 24 {
		t.Errorf("usage %s", u.RawJSON())
	}

	// The client sends the whole conversation; the node hears only what is new.
	second, err := client.Responses.New(t.Context(), responses.ResponseNewParams{
		Instructions: param.NewOpt("Be brief."),
		Input:        items(userItem("Name a colour."), assistantItem(" Turquoise. "), userItem("Another.")),
	})
	if err != nil {
		t.Fatal(err)
	}
	if second.OutputText() != "Ochre." {
		t.Errorf("got %s", second.RawJSON())
	}
	taken := script.taken()
	want := []sdk.Message{sdk.System("Be brief."), sdk.User("Name a colour.")}
	if got := taken[0]; !reflect.DeepEqual(got.Messages, want) || got.Mode != wire.ModeReplace || got.Sampling.MaxTokens != 64 || got.Sampling.Temperature != 1 {
		t.Errorf("turn 1: %+v", got)
	}
	want = []sdk.Message{sdk.User("Another.")}
	if got := taken[1]; got.Program != taken[0].Program || got.Turn != 2 || got.Mode != wire.ModeAppend || !reflect.DeepEqual(got.Messages, want) {
		t.Errorf("turn 2: %+v", got)
	}
}

// Each field of the Open Responses specification's object that is required is there.
func TestResponsesObjectHasAllFields(t *testing.T) {
	required := strings.Fields(`id object created_at completed_at status incomplete_details model previous_response_id instructions
		output error tools tool_choice truncation parallel_tool_calls text top_p presence_penalty frequency_penalty top_logprobs
		temperature reasoning user usage max_output_tokens max_tool_calls store background service_tier metadata
		safety_identifier prompt_cache_key`)
	_, _, url := serveResponses(t, map[string]scriptedAnswer{"hi": text("Hello.")})
	_, body := post(t, url+"/v1/responses", `{"input":"hi"}`)
	var got map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range required {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is not there", name)
		}
	}
	null := map[string]bool{"incomplete_details": true, "previous_response_id": true, "instructions": true, "error": true, "reasoning": true,
		"user": true, "max_output_tokens": true, "max_tool_calls": true, "safety_identifier": true, "prompt_cache_key": true}
	for _, name := range required {
		if (string(got[name]) == "null") != null[name] {
			t.Errorf("%s is %s", name, got[name])
		}
	}
}

func TestResponsesTools(t *testing.T) {
	answer := scriptedAnswer{pieces: slices.Concat(
		[]wire.Piece{{Kind: wire.PieceReasoning, Text: "Two files."}, {Kind: wire.PieceText, Text: "Let me look."}},
		call("call_a", "read", `{"path":`, ` "a"}`),
		[]wire.Piece{{Kind: wire.PieceToolCall, Index: 1, ID: "call_b", Name: "read", Text: `{"path":"b"}`, Done: true}},
	)}
	script, client, _ := serveResponses(t, map[string]scriptedAnswer{"Compare a and b.": answer, "B's text": text("They differ.")})
	tools := []responses.ToolUnionParam{responses.ToolParamOfFunction("read", map[string]any{"type": "object"}, true)}
	first, err := client.Responses.New(t.Context(), responses.ResponseNewParams{Input: input("Compare a and b."), Tools: tools})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, item := range first.Output {
		kinds = append(kinds, item.Type)
	}
	if want := []string{"reasoning", "message", "function_call", "function_call"}; !slices.Equal(kinds, want) {
		t.Fatalf("items %q, not %q", kinds, want)
	}
	a, b := first.Output[2].AsFunctionCall(), first.Output[3].AsFunctionCall()
	if a.CallID != "call_a" || a.Name != "read" || a.Arguments != `{"path": "a"}` || a.Status != "completed" || b.CallID != "call_b" {
		t.Errorf("calls %s and %s", a.RawJSON(), b.RawJSON())
	}

	// A client that writes arguments anew, and gives one output as parts.
	output := responses.ResponseInputItemParamOfFunctionCallOutput(responses.ResponseFunctionCallOutputItemListParam{
		{OfInputText: &responses.ResponseInputTextContentParam{Text: "B's "}}, {OfInputText: &responses.ResponseInputTextContentParam{Text: "text"}},
	})
	output.OfFunctionCallOutput.CallID = param.NewOpt("call_b")
	outputA := responses.ResponseInputItemParamOfFunctionCallOutput("A's text")
	outputA.OfFunctionCallOutput.CallID = param.NewOpt("call_a")
	second, err := client.Responses.New(t.Context(), responses.ResponseNewParams{Tools: tools, Input: items(
		userItem("Compare a and b."),
		responses.ResponseInputItemParamOfReasoning("rs_1", []responses.ResponseReasoningItemSummaryParam{}),
		assistantItem("Let me look."),
		responses.ResponseInputItemParamOfFunctionCall(`{"path":"a"}`, "call_a", "read"),
		responses.ResponseInputItemParamOfFunctionCall(`{ "path": "b" }`, "call_b", "read"),
		outputA, output,
	)})
	if err != nil {
		t.Fatal(err)
	}
	if second.OutputText() != "They differ." {
		t.Errorf("got %s", second.RawJSON())
	}
	taken := script.taken()
	want := []sdk.Message{sdk.ToolResult("call_a", "A's text"), sdk.ToolResult("call_b", "B's text")}
	if got := taken[1]; got.Program != taken[0].Program || got.Turn != 2 || got.Mode != wire.ModeAppend || !reflect.DeepEqual(got.Messages, want) {
		t.Errorf("turn 2: %+v", got)
	}
	if f := taken[0].Tools[0].Function; f.Name != "read" || !f.Strict || string(f.Parameters) != `{"type":"object"}` {
		t.Errorf("tool %+v", f)
	}
}

// A client that names items by their IDs, as the AI SDK does, goes on like one that sends them.
func TestResponsesItemReferences(t *testing.T) {
	script, client, url := serveResponses(t, map[string]scriptedAnswer{
		"look":  {pieces: slices.Concat([]wire.Piece{{Kind: wire.PieceReasoning, Text: "Hm."}, {Kind: wire.PieceText, Text: "Let me look."}}, call("c1", "ls", "{}"))},
		"a.txt": text("One file."),
	})
	tools := []responses.ToolUnionParam{responses.ToolParamOfFunction("ls", map[string]any{}, false)}
	first, err := client.Responses.New(t.Context(), responses.ResponseNewParams{Input: input("look"), Tools: tools})
	if err != nil {
		t.Fatal(err)
	}
	list := []responses.ResponseInputItemUnionParam{userItem("look")}
	for _, item := range first.Output {
		list = append(list, responses.ResponseInputItemParamOfItemReference(item.ID))
	}
	output := responses.ResponseInputItemParamOfFunctionCallOutput("a.txt")
	output.OfFunctionCallOutput.CallID = param.NewOpt("c1")
	if _, err := client.Responses.New(t.Context(), responses.ResponseNewParams{Input: items(append(list, output)...), Tools: tools}); err != nil {
		t.Fatal(err)
	}
	want := []sdk.Message{sdk.ToolResult("c1", "a.txt")}
	if got := script.taken()[1]; got.Turn != 2 || got.Mode != wire.ModeAppend || !reflect.DeepEqual(got.Messages, want) {
		t.Errorf("turn 2: %+v", got)
	}
	program := script.taken()[0].Program
	for _, id := range []string{"", "x", "msg_1", "msg_nobody-1-0", "msg_" + program + "-1-3", "msg_" + program + "-1-2", "msg_" + program + "-1--1", "msg_" + program + "-9-0"} {
		a, body := post(t, url+"/v1/responses", fmt.Sprintf(`{"input":[{"type":"item_reference","id":%q}]}`, id))
		if a.StatusCode != 400 || !strings.Contains(body, `"param":"input[0]"`) {
			t.Errorf("%s: %d %s", id, a.StatusCode, body)
		}
	}
}

// collected reads a stream to its end with the official accumulator.
func collected(t *testing.T, stream *ssestream.Stream[responses.ResponseStreamEventUnion]) (*responses.Response, responses.ResponseAccumulatorSnapshot) {
	t.Helper()
	var acc responses.ResponseAccumulator
	var before responses.ResponseAccumulatorSnapshot
	for stream.Next() {
		before = acc.Snapshot()
		var e responses.ResponsesServerEventUnion
		if err := json.Unmarshal([]byte(stream.Current().RawJSON()), &e); err != nil {
			t.Fatal(err)
		}
		if err := acc.AddEvent(e); err != nil {
			t.Fatalf("%s: %v", e.Type, err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	r, err := acc.ReconstructedResponse()
	if err != nil {
		t.Fatal(err)
	}
	return r, before
}

func TestResponsesStreaming(t *testing.T) {
	long := text("so far")
	long.finish = wire.FinishLength
	_, client, _ := serveResponses(t, map[string]scriptedAnswer{
		"look": {pieces: slices.Concat([]wire.Piece{{Kind: wire.PieceReasoning, Text: "Hm."}, {Kind: wire.PieceText, Text: "Let me "}, {Kind: wire.PieceText, Text: "look."}}, call("c1", "ls", "{", "}"))},
		"long": long, "nothing": {},
		"half": {pieces: []wire.Piece{
			{Kind: wire.PieceToolCall, ID: "c1", Name: "ls"}, {Kind: wire.PieceToolCall, Text: `{"pa`},
			{Kind: wire.PieceToolCall, Index: 1, ID: "c2", Name: "ls", Text: `{"`}, {Kind: wire.PieceText, Text: "th"},
		}},
		"fail": {pieces: text("half").pieces, err: &wire.Error{Code: wire.CodeEngine, Message: "it broke"}},
		"big":  {err: &wire.Error{Code: wire.CodeContextTooLong, Message: "9000 tokens, and 8192 fit"}},
	})
	stream := func(text string) (*responses.Response, responses.ResponseAccumulatorSnapshot) {
		return collected(t, client.Responses.NewStreaming(t.Context(), responses.ResponseNewParams{Input: input(text)}))
	}

	r, before := stream("look")
	if r.Status != "completed" || r.OutputText() != "Let me look." || len(r.Output) != 3 || r.Output[2].AsFunctionCall().Arguments != "{}" {
		t.Errorf("look: %s", r.RawJSON())
	}
	if before.OutputText() != "Let me look." || before.Output[2].Arguments != "{}" || before.Output[2].CallID != "c1" || before.Output[2].Name != "ls" {
		t.Errorf("before the end: %+v", before)
	}
	if r, _ := stream("long"); r.Status != "incomplete" || r.IncompleteDetails.Reason != "max_output_tokens" || r.Output[0].Status != "incomplete" || r.JSON.CompletedAt.Valid() {
		t.Errorf("long: %s", r.RawJSON())
	}
	if r, _ := stream("nothing"); r.Status != "completed" || len(r.Output) != 1 || r.Output[0].Content[0].Type != "output_text" {
		t.Errorf("nothing: %s", r.RawJSON())
	}
	// A call that is not whole is never told as one that can be run.
	if r, _ := stream("half"); r.Status != "completed" || len(r.Output) != 3 || r.Output[0].Status != "incomplete" || r.Output[0].AsFunctionCall().Arguments != `{"pa` ||
		r.Output[1].AsFunctionCall().CallID != "c2" || r.Output[1].Status != "incomplete" || r.Output[2].Status != "completed" {
		t.Errorf("half: %s", r.RawJSON())
	}
	if r, _ := stream("fail"); r.Status != "failed" || r.Error.Code != "server_error" || r.Error.Message != "it broke" || r.OutputText() != "half" {
		t.Errorf("fail: %s", r.RawJSON())
	}
	if r, _ := stream("big"); r.Status != "failed" || string(r.Error.Code) != "context_length_exceeded" {
		t.Errorf("big: %s", r.RawJSON())
	}
}

func TestResponsesPrevious(t *testing.T) {
	script, client, _ := serveResponses(t, map[string]scriptedAnswer{
		"one": text("1"), "two": text("2"), "three": text("3"), "fail": {err: &wire.Error{Code: wire.CodeEngine, Message: "it broke"}},
	})
	ask := func(previous, instructions, said string) (*responses.Response, error) {
		q := responses.ResponseNewParams{Input: input(said)}
		if previous != "" {
			q.PreviousResponseID = param.NewOpt(previous)
		}
		if instructions != "" {
			q.Instructions = param.NewOpt(instructions)
		}
		return client.Responses.New(t.Context(), q)
	}
	first, err := ask("", "Count.", "one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(first.ID, "Count.", "fail"); err == nil {
		t.Fatal("it did not fail")
	}
	// What failed is as if it had not been said: the response before can be gone on from.
	second, err := ask(first.ID, "Count.", "two")
	if err != nil {
		t.Fatal(err)
	}
	if second.PreviousResponseID != first.ID {
		t.Errorf("previous_response_id is %q", second.PreviousResponseID)
	}
	if _, err := ask(second.ID, "Count backwards.", "fail"); err == nil {
		t.Fatal("it did not fail")
	}
	third, err := ask(second.ID, "Count backwards.", "three")
	if err != nil {
		t.Fatal(err)
	}
	taken := script.taken()
	for i, want := range [][]sdk.Message{
		{sdk.System("Count."), sdk.User("one")},
		{sdk.User("fail")}, // the instructions stand in the conversation
		{sdk.User("two")},
		{sdk.System("Count backwards."), sdk.User("fail")},
		{sdk.System("Count backwards."), sdk.User("three")}, // what failed did not say them
	} {
		got := taken[i]
		if !reflect.DeepEqual(got.Messages, want) || got.Program != taken[0].Program || got.Turn != int64(i+1) || (got.Mode == wire.ModeAppend) != (i > 0) {
			t.Errorf("turn %d: %+v", i+1, got)
		}
	}

	for _, id := range []string{"resp_nobody-1", "resp_" + taken[0].Program + "-9", "resp_", "x", "resp_a.b-1", "resp_a-01", "resp_a-0"} {
		_, err := ask(id, "", "two")
		if code, kind := status(t, err); code != 404 || kind != "previous_response_not_found" {
			t.Errorf("%s: %v", id, err)
		}
	}
	if third.OutputText() != "3" {
		t.Errorf("got %s", third.RawJSON())
	}
}

// A program that was begun anew has none of the instructions that it had before.
func TestResponsesInstructionsOfAProgramBegunAnew(t *testing.T) {
	script, _, url := serveResponses(t, map[string]scriptedAnswer{"one": text("1"), "two": text("2")})
	for _, body := range []string{
		`{"input":"one","instructions":"Count."}`, `{"input":"one"}`, `{"input":"two","previous_response_id":"resp_named-2","instructions":"Count."}`,
	} {
		if a, answer := post(t, url+"/v1/responses", body, "X-Interlude-Program", "named"); a.StatusCode != 200 {
			t.Fatalf("%s: %s", body, answer)
		}
	}
	want := []sdk.Message{sdk.System("Count."), sdk.User("two")}
	if got := script.taken()[2]; got.Turn != 3 || !reflect.DeepEqual(got.Messages, want) {
		t.Errorf("turn 3: %+v", got)
	}
}

func TestResponsesRetrieveCancelDelete(t *testing.T) {
	held := text("Thin", "king")
	held.hold = make(chan struct{})
	later := text("Done.")
	later.hold = make(chan struct{})
	_, client, url := serveResponses(t, map[string]scriptedAnswer{"now": text("Here."), "held": held, "later": later})
	background := func(text string) *responses.Response {
		r, err := client.Responses.New(t.Context(), responses.ResponseNewParams{Input: input(text), Background: param.NewOpt(true)})
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != "queued" && r.Status != "in_progress" {
			t.Errorf("%s: %s", text, r.RawJSON())
		}
		if !r.Background {
			t.Errorf("%s: not in the background", text)
		}
		return r
	}

	// Nobody reads, and it goes on; a reader that comes later sees all of it.
	r := background("later")
	stream := client.Responses.GetStreaming(t.Context(), r.ID, responses.ResponseGetParams{})
	if !stream.Next() || stream.Current().Type != "response.created" {
		t.Fatalf("the stream does not begin: %v", stream.Err())
	}
	for other := client.Responses.GetStreaming(t.Context(), r.ID, responses.ResponseGetParams{}); other.Next(); {
		if other.Current().Type == "response.output_text.delta" {
			_ = other.Close()
			break
		}
	}
	if got, err := client.Responses.Get(t.Context(), r.ID, responses.ResponseGetParams{}); err != nil || got.Status != "in_progress" || got.OutputText() != "Done." {
		t.Errorf("under way: %v, %v", got, err)
	}
	close(later.hold)
	if got, _ := collected(t, stream); got.OutputText() != "Done." || got.Status != "completed" {
		t.Errorf("the later reader: %s", got.RawJSON())
	}
	got, err := client.Responses.Get(t.Context(), r.ID, responses.ResponseGetParams{})
	if err != nil || got.OutputText() != "Done." || got.Status != "completed" || got.ID != r.ID {
		t.Errorf("retrieved: %v, %v", got, err)
	}

	// A cancelled one says so, to who reads it as well.
	r = background("held")
	reader := client.Responses.GetStreaming(t.Context(), r.ID, responses.ResponseGetParams{})
	if !reader.Next() {
		t.Fatal(reader.Err())
	}
	if got, err := client.Responses.Cancel(t.Context(), r.ID); err != nil || got.Status != "cancelled" || got.JSON.Error.Valid() {
		t.Errorf("cancelled: %v, %v", got, err)
	}
	if got, _ := collected(t, reader); got.Status != "cancelled" {
		t.Errorf("a cancelled one's reader: %s", got.RawJSON())
	}

	// What is over stays as it is.
	r, err = client.Responses.New(t.Context(), responses.ResponseNewParams{Input: input("now")})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := client.Responses.Cancel(t.Context(), r.ID); err != nil || got.Status != "completed" {
		t.Errorf("cancelled too late: %v, %v", got, err)
	}
	got, err = client.Responses.Get(t.Context(), r.ID, responses.ResponseGetParams{})
	if err != nil || !reflect.DeepEqual(raw(got.Output), raw(r.Output)) || got.Usage.RawJSON() != r.Usage.RawJSON() {
		t.Errorf("retrieved %v, which was %s: %v", got, r.RawJSON(), err)
	}
	if err := client.Responses.Delete(t.Context(), r.ID); err != nil {
		t.Error(err)
	}

	for name, err := range map[string]error{
		"get":    second(client.Responses.Get(t.Context(), "resp_nobody-1", responses.ResponseGetParams{})),
		"cancel": second(client.Responses.Cancel(t.Context(), "resp_nobody-1")),
		"delete": client.Responses.Delete(t.Context(), "resp_nobody-1"),
		"stream": client.Responses.GetStreaming(t.Context(), "resp_nobody-1", responses.ResponseGetParams{}).Err(),
		"odd":    second(client.Responses.Get(t.Context(), "odd", responses.ResponseGetParams{})),
	} {
		if code, kind := status(t, err); code != 404 || kind != "response_not_found" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a, _ := post(t, url+"/v1/responses/compact", `{}`); a.StatusCode != 501 || a.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("compact: %v", a)
	}
}

func raw(items []responses.ResponseOutputItemUnion) (all []string) {
	for _, item := range items {
		all = append(all, item.RawJSON())
	}
	return all
}

func second[T any](_ T, err error) error { return err }

// A client that goes away cancels its response, unless it is in the background.
func TestResponsesClientGoesAway(t *testing.T) {
	for _, background := range []bool{false, true} {
		held := text("Think", "ing")
		held.hold = make(chan struct{})
		script, client, _ := serveResponses(t, map[string]scriptedAnswer{"held": held})
		ctx, cancel := context.WithCancel(t.Context())
		stream := client.Responses.NewStreaming(ctx, responses.ResponseNewParams{Input: input("held"), Background: param.NewOpt(background)})
		var id string
		for stream.Next() {
			id = cmp.Or(id, stream.Current().Response.ID)
			if stream.Current().Type == "response.output_text.delta" {
				break
			}
		}
		cancel()
		_ = stream.Close()
		<-script.handled // the gateway knows that it is gone

		want := "cancelled"
		if background {
			want = "completed"
			close(held.hold)
		}
		got, _ := collected(t, client.Responses.GetStreaming(t.Context(), id, responses.ResponseGetParams{}))
		if string(got.Status) != want || background && got.OutputText() != "Thinking" {
			t.Errorf("background %v: %s", background, got.RawJSON())
		}
	}
}

func TestFlightThatWasGivenUpHasNoMoreReaders(t *testing.T) {
	cancelled := 0
	f := newFlight(func() { cancelled++ })
	if !f.join(false) {
		t.Fatal("a flight with a reader takes no other")
	}
	f.leave()
	if cancelled != 0 {
		t.Fatal("given up while somebody reads")
	}
	f.leave()
	if cancelled != 1 || f.join(false) {
		t.Error("nobody reads, and it can be joined")
	}
	f = newFlight(func() { cancelled++ })
	f.join(true)
	f.leave()
	f.leave()
	if cancelled != 1 || !f.join(false) {
		t.Error("it does not go on alone")
	}
}

// The same request again, when the first was just given up, is not answered with its end.
func TestResponsesAgainAfterGivingUp(t *testing.T) {
	held := text("Think", "ing")
	held.hold = make(chan struct{})
	script, client, _ := serveResponses(t, map[string]scriptedAnswer{"held": held})
	ctx, cancel := context.WithCancel(t.Context())
	stream := client.Responses.NewStreaming(ctx, responses.ResponseNewParams{Input: input("held")})
	if !stream.Next() {
		t.Fatal(stream.Err())
	}
	cancel()
	_ = stream.Close()
	<-script.handled
	close(held.hold)
	got, err := client.Responses.New(t.Context(), responses.ResponseNewParams{Input: input("held")})
	if err != nil || got.Status != "completed" {
		t.Errorf("again: %v, %v", got, err)
	}
}

// OpenAI's clients send once more what failed and may succeed. It is then tried once more.
func TestResponsesRetryAfterAFailure(t *testing.T) {
	flaky := text("Now.")
	flaky.once = &wire.Error{Code: wire.CodeOverloaded, Message: "too much waits", Retryable: true, RetryAfterMS: 1}
	script, client, _ := serveResponses(t, map[string]scriptedAnswer{"go": flaky})
	r, err := client.Responses.New(t.Context(), responses.ResponseNewParams{Input: input("go")}, option.WithMaxRetries(1))
	if err != nil || r.OutputText() != "Now." {
		t.Errorf("got %v, %v", r, err)
	}
	if n := len(script.taken()); n != 2 {
		t.Errorf("%d turns", n)
	}
	// What succeeded is not computed twice.
	again, err := client.Responses.New(t.Context(), responses.ResponseNewParams{Input: input("go")}, option.WithHeader("X-Stainless-Retry-Count", "1"))
	if err != nil || again.ID != r.ID || len(script.taken()) != 2 {
		t.Errorf("once more: %v, %v", again, err)
	}
}

func TestResponsesErrors(t *testing.T) {
	_, client, url := serveResponses(t, map[string]scriptedAnswer{
		"big":  {err: &wire.Error{Code: wire.CodeContextTooLong, Message: "9000 tokens, and 8192 fit"}},
		"fail": {err: &wire.Error{Code: wire.CodeEngine, Message: "it broke", Retryable: true, RetryAfterMS: 20}},
	})
	_, err := client.Responses.New(t.Context(), responses.ResponseNewParams{Input: input("big")})
	if code, kind := status(t, err); code != 400 || kind != "context_length_exceeded" {
		t.Errorf("too long: %v", err)
	}
	_, err = client.Responses.New(t.Context(), responses.ResponseNewParams{Input: input("fail")})
	if code, kind := status(t, err); code != 500 || kind != "engine" {
		t.Errorf("failed: %v", err)
	}
	for name, c := range map[string]struct{ body, param string }{
		"no input":      {`{}`, "input"},
		"odd input":     {`{"input":7}`, "input"},
		"no items":      {`{"input":[]}`, "input"},
		"odd item":      {`{"input":[7]}`, "input[0]"},
		"reference":     {`{"input":[{"type":"item_reference","id":"msg_1"}]}`, "input[0]"},
		"image":         {`{"input":[{"role":"user","content":[{"type":"input_image","image_url":"x"}]}]}`, "input[0].content"},
		"output, whose": {`{"input":[{"type":"function_call_output","output":"x"}]}`, "input[0].call_id"},
		"odd output":    {`{"input":[{"type":"function_call_output","call_id":"a","output":7}]}`, "input[0].output"},
		"role":          {`{"input":[{"role":"narrator","content":"x"}]}`, "input[0].role"},
		"conversation":  {`{"input":"x","conversation":7}`, "conversation"},
		"nameless":      {`{"input":"x","conversation":{"id":""}}`, "conversation"},
		"two names":     {`{"input":"x","conversation":"c","previous_response_id":"resp_x-1"}`, "conversation"},
		"prompt":        {`{"input":"x","prompt":{"id":"p"}}`, "prompt"},
		"length":        {`{"input":"x","max_output_tokens":0}`, "max_output_tokens"},
		"logprobs":      {`{"input":"x","top_logprobs":3}`, "top_logprobs"},
		"format":        {`{"input":"x","text":{"format":{"type":"poem"}}}`, "text.format"},
		"odd text":      {`{"input":"x","text":7}`, "text"},
		"odd format":    {`{"input":"x","text":{"format":7}}`, "text.format"},
		"choice":        {`{"input":"x","tool_choice":{"type":"web_search"}}`, "tool_choice"},
	} {
		a, body := post(t, url+"/v1/responses", c.body)
		var e struct{ Error struct{ Param, Type string } }
		if err := json.Unmarshal([]byte(body), &e); err != nil || a.StatusCode != 400 || e.Error.Param != c.param || e.Error.Type != "invalid_request_error" {
			t.Errorf("%s: %d %s", name, a.StatusCode, body)
		}
	}
}

// What the request said is in the answer, with the fields that are there in any case.
func TestResponsesSayTheRequestAgain(t *testing.T) {
	_, _, url := serveResponses(t, map[string]scriptedAnswer{"hi": text("{}")})
	for _, c := range []struct{ body, text, reasoning, metadata string }{
		{`{"store":true}`, `{"format":{"type":"text"}}`, `null`, `{}`},
		{`{"text":null,"reasoning":null,"metadata":null}`, `{"format":{"type":"text"}}`, `null`, `{}`},
		{`{"text":{"verbosity":"low"},"reasoning":{"effort":"low"},"metadata":{"a":"b"}}`,
			`{"format":{"type":"text"},"verbosity":"low"}`, `{"effort":"low","summary":null}`, `{"a":"b"}`},
		{`{"text":{"format":{"type":"json_schema","name":"n","schema":{},"strict":true}}}`,
			`{"format":{"description":null,"name":"n","schema":{},"strict":true,"type":"json_schema"}}`, `null`, `{}`},
		{`{"text":{"format":{"type":"json_object"}}}`, `{"format":{"type":"json_object"}}`, `null`, `{}`},
	} {
		_, body := post(t, url+"/v1/responses", `{"input":"hi",`+strings.TrimPrefix(c.body, "{"))
		var got struct{ Text, Reasoning, Metadata json.RawMessage }
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if string(got.Text) != c.text || string(got.Reasoning) != c.reasoning || string(got.Metadata) != c.metadata {
			t.Errorf("%s: %s", c.body, body)
		}
	}
}

// Whatever Codex and the SDKs send by themselves is taken.
func TestResponsesTolerates(t *testing.T) {
	script, _, url := serveResponses(t, map[string]scriptedAnswer{"hi": {pieces: call("c", "agents__spawn", "{}")}})
	a, body := post(t, url+"/v1/responses", `{"model":"gpt-x","store":false,"stream":false,"include":["reasoning.encrypted_content"],
		"reasoning":{"effort":"high","summary":"auto"},"truncation":"auto","prompt_cache_key":"k","client_metadata":{"a":"b"},"user":"me",
		"metadata":{"m":"1"},"stream_options":{"include_obfuscation":false},"service_tier":"auto","context_management":null,"text":{"verbosity":"low"},
		"temperature":null,"top_p":null,"max_output_tokens":null,"conversation":null,"parallel_tool_calls":false,"tool_choice":"auto","instructions":"You code.",
		"tools":[{"type":"function","name":"spawn","parameters":null},{"type":"web_search"},{"type":"custom","name":"patch"},
			{"type":"namespace","name":"agents","description":"d","tools":[{"type":"function","name":"spawn"},{"type":"function","name":"wait","description":"w"},{"type":"custom","name":"x"}]}],
		"input":[{"type":"message","id":"msg_0","role":"developer","content":[{"type":"input_text","text":"Careful."}]},
			{"type":"reasoning","summary":[],"encrypted_content":"x"},{"type":"web_search_call","id":"ws"},{"type":"web_search_call","id":"ws2"},
			{"type":"function_call","call_id":"a","namespace":"agents","name":"spawn","arguments":"{}"},
			{"type":"function_call","call_id":"b","namespace":"agents","name":"wait","arguments":"{}"},
			{"type":"function_call","call_id":"d","namespace":"gone","name":"old","arguments":"{}"},
			{"role":"user","content":"hi"}]}`)
	if a.StatusCode != 200 {
		t.Fatalf("%d %s", a.StatusCode, body)
	}
	if got := len(a.Header.Values("X-Interlude-Warning")); got != 4 { // truncation, two types of tools, one type of item
		t.Errorf("%d warnings: %q", got, a.Header.Values("X-Interlude-Warning"))
	}
	var r struct {
		Output     []map[string]any
		Tools      []map[string]any
		Reasoning  map[string]any
		Store      bool
		Metadata   map[string]string
		Truncation string
		Text       json.RawMessage
		Parallel   bool   `json:"parallel_tool_calls"`
		Key        string `json:"prompt_cache_key"`
	}
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatal(err)
	}
	if r.Store || r.Parallel || r.Key != "k" || r.Metadata["m"] != "1" || r.Reasoning["effort"] != "high" || r.Truncation != "disabled" || len(r.Tools) != 2 {
		t.Errorf("said again: %s", body)
	}
	if it := r.Output[0]; it["name"] != "spawn" || it["namespace"] != "agents" {
		t.Errorf("the call: %v", it)
	}
	turn := script.taken()[0]
	var names []string
	for _, tool := range turn.Tools {
		names = append(names, tool.Function.Name)
	}
	if want := []string{"spawn", "agents__spawn", "wait"}; !slices.Equal(names, want) {
		t.Errorf("tools %q, not %q", names, want)
	}
	if m := turn.Messages[0]; m.Role != "system" || m.Content != "You code.\n\nCareful." {
		t.Errorf("the system's message: %+v", m)
	}
	var called []string
	for _, c := range turn.Messages[1].ToolCalls {
		called = append(called, c.Function.Name)
	}
	if want := []string{"agents__spawn", "wait", "gone__old"}; !slices.Equal(called, want) {
		t.Errorf("calls %q, not %q", called, want)
	}
	if !turn.ToolChoice.Single {
		t.Error("parallel_tool_calls is not heard")
	}
}

// The events on the wire, in their order and with all their fields.
func TestResponsesEventsGolden(t *testing.T) {
	_, _, url := serveResponses(t, map[string]scriptedAnswer{"look": {pieces: slices.Concat(
		[]wire.Piece{{Kind: wire.PieceReasoning, Text: "Hm."}, {Kind: wire.PieceText, Text: "Let me "}, {Kind: wire.PieceText, Text: "look."}},
		call("c1", "ls", `{"path":`, `"."}`),
		[]wire.Piece{{Kind: wire.PieceToolCall, Index: 1, ID: "c2", Name: "pwd", Text: "{}", Done: true}},
	)}})
	a, body := post(t, url+"/v1/responses", `{"input":"look","stream":true}`, "X-Interlude-Program", "golden")
	if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/event-stream") {
		t.Errorf("Content-Type %q", got)
	}
	got := regexp.MustCompile(`"(created_at|completed_at)":\d+`).ReplaceAllString(body, `"$1":0`)
	const path = "testdata/responses.sse"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the events are others than in %s:\n%s", path, got)
	}
}

// sent is an event as it went over the wire.
type sent struct {
	Type   string `json:"type"`
	Number int    `json:"sequence_number"`
	Index  int    `json:"output_index"`
	ItemID string `json:"item_id"`
	Delta  string `json:"delta"`
	Item   struct {
		ID, Type, Status, Arguments string
		Content                     []struct{ Text string }
	} `json:"item"`
	Part      struct{ Text string } `json:"part"`
	Text      string                `json:"text"`
	Arguments string                `json:"arguments"`
	Response  json.RawMessage       `json:"response"`
}

func wireEvents(t interface{ Fatalf(string, ...any) }, body string) (all []sent) {
	s := bufio.NewScanner(strings.NewReader(body))
	s.Buffer(nil, 1<<20)
	for name := ""; s.Scan(); {
		if n, ok := strings.CutPrefix(s.Text(), "event: "); ok {
			name = n
		}
		if data, ok := strings.CutPrefix(s.Text(), "data: "); ok {
			var e sent
			if err := json.Unmarshal([]byte(data), &e); err != nil || e.Type != name {
				t.Fatalf("event %s: %s: %v", name, data, err)
			}
			all = append(all, e)
		}
	}
	return all
}

// pieces are an answer's, as they may come.
var anyPieces = rapid.Custom(func(t *rapid.T) (all []wire.Piece) {
	calls := 0
	for range rapid.IntRange(0, 5).Draw(t, "parts") {
		texts := rapid.SliceOfN(rapid.StringMatching(`[a-c ]{0,3}`), 1, 3).Draw(t, "texts")
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0, 1:
			kind := rapid.SampledFrom([]wire.PieceKind{wire.PieceText, wire.PieceReasoning}).Draw(t, "which")
			for _, text := range texts {
				all = append(all, wire.Piece{Kind: kind, Text: text})
			}
		default:
			for i, text := range texts {
				p := wire.Piece{Kind: wire.PieceToolCall, Index: calls, Text: text}
				if i == 0 {
					p.ID, p.Name = fmt.Sprintf("call%d", calls), "f"
				}
				p.Done = i == len(texts)-1 && rapid.IntRange(0, 4).Draw(t, "whole") > 0
				all = append(all, p)
			}
			calls++
		}
	}
	return all
})

// What a client adds up from the events, the response at their end, and the response that is
// not streamed are one.
func TestResponsesStreamSaysWhatTheWholeSays(t *testing.T) {
	g := &Gateway{}
	rapid.Check(t, func(t *rapid.T) {
		pieces := anyPieces.Draw(t, "pieces")
		r := &sdk.Result{Outcome: wire.Completed, FinishReason: rapid.SampledFrom([]wire.FinishReason{wire.FinishStop, wire.FinishLength}).Draw(t, "finish"), Pieces: []wire.Piece{}}
		for _, p := range pieces {
			r.Pieces = wire.Join(r.Pieces, p)
		}
		at := time.Unix(1000, 0)
		whole, err := json.Marshal(g.responseOf(spot{"p", 1}, at).whole(r))
		if err != nil {
			t.Fatal(err)
		}

		recorder := httptest.NewRecorder()
		answer := g.responseOf(spot{"p", 1}, at)
		answer.events, answer.after = newEvents(recorder), -1
		answer.begin()
		for _, p := range pieces {
			answer.piece(p)
		}
		answer.end(r, nil)
		all := wireEvents(t, recorder.Body.String())

		type item struct{ id, kind, text string }
		var added []item
		for i, e := range all {
			if e.Number != i {
				t.Fatalf("event %d has the number %d", i, e.Number)
			}
			switch {
			case e.Type == "response.output_item.added":
				if e.Index != len(added) || len(e.Item.Content) > 0 || e.Item.Arguments != "" || e.Item.Status != "in_progress" {
					t.Fatalf("added: %+v", e)
				}
				added = append(added, item{id: e.Item.ID, kind: e.Item.Type})
				continue
			case e.Index >= len(added) || e.ItemID != "" && e.ItemID != added[e.Index].id:
				if e.Response == nil {
					t.Fatalf("an event of no item: %+v", e)
				}
			case strings.HasSuffix(e.Type, ".delta"):
				added[e.Index].text += e.Delta
			case strings.HasSuffix(e.Type, "_text.done") && e.Text != added[e.Index].text,
				strings.HasSuffix(e.Type, "arguments.done") && e.Arguments != added[e.Index].text,
				strings.HasSuffix(e.Type, "part.done") && e.Part.Text != added[e.Index].text:
				t.Fatalf("done: %+v, and %q had come", e, added[e.Index].text)
			}
		}
		var end struct {
			Output []struct {
				ID, Type, Arguments string
				Content             []struct{ Text string }
			}
		}
		last := all[len(all)-1].Response
		if err := json.Unmarshal(last, &end); err != nil {
			t.Fatal(err)
		}
		if all[0].Type != "response.created" || all[1].Type != "response.in_progress" || len(end.Output) != len(added) {
			t.Fatalf("%d items at the end, %d were added", len(end.Output), len(added))
		}
		for i, it := range end.Output {
			text := it.Arguments
			for _, c := range it.Content {
				text += c.Text
			}
			if (item{it.ID, it.Type, text}) != added[i] {
				t.Fatalf("item %d is %+v at the end, and was %+v", i, it, added[i])
			}
		}
		if string(last) != string(whole) {
			t.Fatalf("streamed and whole:\n%s\n%s", last, whole)
		}
	})
}

// A stream can be read on from any event, and always has an end.
func TestResponsesReplay(t *testing.T) {
	_, client, url := serveResponses(t, map[string]scriptedAnswer{"go": text("On", "ward.")})
	r, err := client.Responses.New(t.Context(), responses.ResponseNewParams{Input: input("go")})
	if err != nil {
		t.Fatal(err)
	}
	get := func(query string) (int, string) {
		a, err := http.Get(url + "/v1/responses/" + r.ID + query)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		data, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return a.StatusCode, string(data)
	}
	_, body := get("?stream=true")
	all := wireEvents(t, body)
	if len(all) != 9 || all[8].Type != "response.completed" {
		t.Fatalf("%d events: %s", len(all), body)
	}
	for after := range all {
		_, body := get(fmt.Sprintf("?stream=true&starting_after=%d", after))
		rest := wireEvents(t, body)
		if after < 8 && !reflect.DeepEqual(rest, all[after+1:]) {
			t.Errorf("behind %d: %s", after, body)
		}
		if after == 8 && (len(rest) != 1 || rest[0].Type != "response.completed" || rest[0].Number != 9) {
			t.Errorf("behind the end: %s", body)
		}
	}
	for _, odd := range []string{"x", "-1"} {
		if code, body := get("?stream=true&starting_after=" + odd); code != 400 || !strings.Contains(body, "starting_after") {
			t.Errorf("behind %s: %d %s", odd, code, body)
		}
	}
}

// The gateway's end is an error event, which clients take for one.
func TestResponsesStreamIsLost(t *testing.T) {
	recorder := httptest.NewRecorder()
	answer := (&Gateway{}).responseOf(spot{"p", 1}, time.Unix(1000, 0))
	answer.events, answer.after = newEvents(recorder), -1
	answer.begin()
	answer.end(nil, errDraining)
	all := wireEvents(t, recorder.Body.String())
	if last := all[len(all)-1]; last.Type != "error" || last.Number != 2 {
		t.Errorf("the end is %+v", last)
	}
	var e struct {
		Code, Message string
		Error         struct{ Type, Code, Message string }
	}
	body := recorder.Body.String()
	data := body[strings.LastIndex(body, "data: ")+len("data: "):]
	if err := json.Unmarshal([]byte(data), &e); err != nil || e.Code != "unavailable" || e.Message == "" || e.Error.Code != e.Code || e.Error.Message != e.Message || e.Error.Type != "server_error" {
		t.Errorf("%s: %v", data, err)
	}
}

func TestResponseIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := spot{rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`).Draw(t, "program"), rapid.Int64Range(1, 1<<62).Draw(t, "turn")}
		if got, ok := responseSpot(responseID(s)); !ok || got != s {
			t.Fatalf("%v is read as %v", s, got)
		}
	})
	for _, id := range []string{"", "resp_", "resp_p", "resp_p-", "resp_-1", "resp_p-0", "resp_p--", "resp_p-+1", "resp_p-01", "resp_p.q-1", "resp_" + strings.Repeat("p", 65) + "-1", "p-1", "resp_p-99999999999999999999"} {
		if s, ok := responseSpot(id); ok {
			t.Errorf("%q is read as %v", id, s)
		}
	}
}
