package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestCompletions: OpenAI's client has the same of a stream as of a whole answer.
func TestCompletions(t *testing.T) {
	r := newRig(t)
	r.answer = func(_ context.Context, _ *turns.Job, turn *wire.Turn) wire.Result {
		return wire.Result{Text: "re: " + turn.Prompt, Usage: wire.Usage{PromptTokens: 20, PrefilledTokens: 20, CompletionTokens: 4}}
	}
	c := r.client(option.WithMaxRetries(0))
	params := openai.CompletionNewParams{
		Model: "m", Prompt: openai.CompletionNewParamsPromptUnion{OfArrayOfStrings: []string{"one", "two"}}, N: openai.Int(2), Seed: openai.Int(7),
		StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
	}
	whole, err := c.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"re: one", "re: one", "re: two", "re: two"}
	if len(whole.Choices) != len(want) {
		t.Fatalf("answers %+v", whole.Choices)
	}
	seeds := map[uint32]bool{}
	for _, turn := range r.turns {
		seeds[*turn.Sampling.Seed] = true
		if turn.Prompt == "" || len(turn.Messages) > 0 || turn.Mode != wire.ModeReplace || turn.Sampling.MaxTokens != defaultCompletion || turn.Sampling.Temperature != 1 {
			t.Errorf("a turn is %+v", turn)
		}
	}
	if len(seeds) != 4 {
		t.Errorf("%d seeds", len(seeds))
	}
	if whole.Usage.PromptTokens != 2*20 || whole.Usage.CompletionTokens != 4*4 {
		t.Errorf("four answers to two prompts cost %+v", whole.Usage)
	}
	said := make([]string, 4)
	stream := c.Completions.NewStreaming(t.Context(), params)
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			said[choice.Index] += choice.Text
		}
	}
	for i := range want {
		if whole.Choices[i].Text != want[i] || int(whole.Choices[i].Index) != i || whole.Choices[i].FinishReason != "stop" || said[i] != "" && said[i] != want[i] {
			t.Errorf("answer %d is %+v, streamed %q", i, whole.Choices[i], said[i])
		}
	}
	if stream.Err() != nil {
		t.Error(stream.Err())
	}
}

// TestCompletionsStream: pieces, the reason, the usage, the end.
func TestCompletionsStream(t *testing.T) {
	script, _, url := serveResponses(t, map[string]scriptedAnswer{
		"go": {pieces: text("a", "b").pieces, finish: wire.FinishLength}, "fail": {pieces: text("a").pieces, err: &wire.Error{Code: wire.CodeEngine, Message: "it broke"}},
	})
	_, body := post(t, url+"/completions", `{"prompt":"go","stream":true,"stream_options":{"include_usage":true},"max_tokens":2}`)
	said, reason := "", ""
	for line := range strings.Lines(body) {
		var chunk struct {
			Choices []struct {
				Text         string
				FinishReason string `json:"finish_reason"`
			}
		}
		if json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &chunk) == nil && len(chunk.Choices) > 0 {
			said += chunk.Choices[0].Text
			reason += chunk.Choices[0].FinishReason
		}
	}
	if said != "ab" || reason != "length" || !strings.Contains(body, `"prompt_tokens":20`) || !strings.HasSuffix(body, "data: [DONE]\n\n") {
		t.Errorf("%q, %q: %s", said, reason, body)
	}
	if script.taken()[0].Sampling.MaxTokens != 2 {
		t.Error("max_tokens is not heard")
	}
	if _, body := post(t, url+"/v1/completions", `{"prompt":"fail","stream":true}`); !strings.Contains(body, "it broke") || strings.Contains(body, "[DONE]") {
		t.Errorf("what failed ends with %s", body)
	}
}

func TestCompletionsRefuse(t *testing.T) {
	r := newRig(t)
	for body, param := range map[string]string{
		`{}`:                                  "prompt",
		`{"prompt":""}`:                       "prompt",
		`{"prompt":[]}`:                       "prompt",
		`{"prompt":["a",""]}`:                 "prompt",
		`{"prompt":[1,2]}`:                    "prompt",
		`{"prompt":["a","b","c"],"n":3}`:      "prompt",
		`{"prompt":"a","echo":true}`:          "echo",
		`{"prompt":"a","best_of":2}`:          "best_of",
		`{"prompt":"a","suffix":"b"}`:         "suffix",
		`{"prompt":"a","logprobs":21}`:        "logprobs",
		`{"prompt":"a","logprobs":-1}`:        "logprobs",
		`{"prompt":"a","n":9}`:                "n",
		`{"prompt":"a","max_tokens":-1}`:      "max_tokens",
		`{"prompt":"a","max_tokens":"x"}`:     "max_tokens",
		`{"prompt":"a","logit_bias":{"x":1}}`: "logit_bias",
	} {
		w := r.post("/v1/completions", []byte(body))
		var e struct{ Error struct{ Param string } }
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != http.StatusBadRequest || e.Error.Param != param {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	if r.ran() != 0 {
		t.Error("one was run")
	}
}

// TestCompletionsAgain: a retry is the turn that it was; a prompt is no conversation's.
func TestCompletionsAgain(t *testing.T) {
	r := newRig(t)
	first := r.post("/v1/completions", object{"prompt": "one"})
	again := r.post("/v1/completions", object{"prompt": "one"}, "X-Stainless-Retry-Count", "1")
	if r.ran() != 1 || first.Header().Get("X-Interlude-Program") != again.Header().Get("X-Interlude-Program") {
		t.Errorf("the retry was another turn")
	}
	r.post("/v1/completions", object{"prompt": "two"}, "X-Stainless-Retry-Count", "1")
	if r.ran() != 2 {
		t.Errorf("another prompt has the first one's answer")
	}
	r.post("/v1/chat/completions", object{"messages": []object{message("assistant", "re: one"), message("user", "x")}})
	if turn := r.last(); turn.Program == first.Header().Get("X-Interlude-Program") || turn.Mode != wire.ModeReplace {
		t.Errorf("a chat went on with a prompt: %+v", turn)
	}
	r.post("/v1/completions", object{"prompt": "three"}, "X-Interlude-Program", "p")
	r.post("/v1/completions", object{"prompt": "three and more"}, "X-Interlude-Program", "p")
	if turn := r.last(); turn.Program != "p" || turn.Turn != 2 || turn.Mode != wire.ModeReplace {
		t.Errorf("a program of prompts: %+v", turn)
	}
}
