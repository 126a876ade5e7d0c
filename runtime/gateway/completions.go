package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// This file is OpenAI's old Completions API, POST /v1/completions: a text is gone on with as it
// is, without the model's template. Benchmarks and programs that write their own prompts use it.

// completionRequest has the fields that mean something here. Others are left alone.
type completionRequest struct {
	extras
	generation
	Prompt   prompts `json:"prompt"`
	Echo     bool    `json:"echo"`
	BestOf   int     `json:"best_of"`
	Suffix   string  `json:"suffix"`
	Logprobs *int    `json:"logprobs"`
}

// prompts are one text, or several that are answered independently.
type prompts []string

// UnmarshalJSON refuses tokens: a client's may be another model's.
func (p *prompts) UnmarshalJSON(data []byte) error {
	var one string
	switch {
	case bytes.Equal(data, []byte("null")):
		return nil
	case json.Unmarshal(data, &one) == nil:
		*p = prompts{one}
		return nil
	case json.Unmarshal(data, (*[]string)(p)) != nil:
		return invalid("prompt", "it is neither a text nor a list of texts; tokens are not taken")
	}
	return nil
}

// defaultCompletion is how many tokens an answer has where the request does not say: as at
// OpenAI, since nothing else may end it.
const defaultCompletion = 16

func (g *Gateway) completions(w http.ResponseWriter, r *http.Request, tenant string) error {
	if err := g.admit(); err != nil {
		return err
	}
	var q completionRequest
	if err := read(r, &q); err != nil {
		return err
	}
	asks, err := completionAsks(r, &q, tenant)
	if err != nil {
		return err
	}
	flights := make([]*flight, 0, len(asks))
	defer func() {
		for _, f := range flights {
			f.leave()
		}
	}()
	for _, a := range asks {
		f, err := g.takeoff(r.Context(), a)
		if err != nil {
			return err
		}
		flights = append(flights, f)
	}
	told(w.Header(), flights[0])
	c := &completionAnswer{
		id: fmt.Sprintf("cmpl-%s-%d", flights[0].program, flights[0].turn), created: time.Now().Unix(), model: g.cfg.Model,
		each: max(q.N, 1), probs: q.Logprobs != nil,
	}
	if q.Stream {
		c.stream(r.Context(), newEvents(w), flights, q.StreamOptions.IncludeUsage)
		return nil
	}
	return c.whole(r.Context(), w, flights)
}

// completionAsks reads a request: the answers to the first prompt, to the second, and so on.
func completionAsks(r *http.Request, q *completionRequest, tenant string) ([]*ask, error) {
	n := max(q.N, 1)
	switch {
	case len(q.Prompt) == 0:
		return nil, invalid("prompt", "it is missing")
	case q.Echo:
		return nil, invalid("echo", "the prompt is not said again here; put it before the answer's text")
	case q.BestOf > n || q.BestOf < 0:
		return nil, invalid("best_of", "%d is not within 0 and n, which is %d: answers are not compared here", q.BestOf, n)
	case q.Suffix != "":
		return nil, invalid("suffix", "a text is gone on with at its end alone here")
	case q.Logprobs != nil && (*q.Logprobs < 0 || *q.Logprobs > mostLogprobs):
		return nil, invalid("logprobs", "%d is not within 0 and %d", *q.Logprobs, mostLogprobs)
	}
	one := &ask{tenant: tenant}
	q.named(r, one)
	if err := q.fill(one); err != nil {
		return nil, err
	}
	if len(q.Prompt)*n > mostChoices {
		return nil, invalid("prompt", "%d texts with %d answers each are more than %d answers", len(q.Prompt), n, mostChoices)
	}
	one.sampling.MaxTokens = cmp.Or(q.MaxTokens, defaultCompletion)
	one.sampling.Logprobs, one.sampling.TopLogprobs = q.Logprobs != nil, orZero(q.Logprobs)
	var asks []*ask
	for i, text := range q.Prompt {
		if text == "" {
			return nil, invalid("prompt", "the text %d is empty", i)
		}
		for range n {
			a := one.variant(len(asks))
			a.prompt = text
			asks = append(asks, a)
		}
	}
	return asks, nil
}

// completionAnswer writes answers in Completions' shape.
type completionAnswer struct {
	id, model string
	created   int64
	each      int  // answers to each prompt
	probs     bool // the client asked for log probabilities
}

func (c *completionAnswer) choice(index int, text string, logprobs, finish any) any {
	return map[string]any{"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}
}

func (c *completionAnswer) finish(r *sdk.Result) string {
	if r.FinishReason == wire.FinishLength {
		return "length"
	}
	return "stop"
}

// count adds an answer to the usage; those to one prompt share it.
func (c *completionAnswer) count(u *chatUsage, index int, x sdk.Usage) {
	var own chatUsage
	own.add(x, index%c.each == 0)
	u.Prompt += own.Prompt
	u.PromptDetails.Cached += own.PromptDetails.Cached
	u.PromptDetails.CacheWrite += own.PromptDetails.CacheWrite
	u.Completion += own.Completion
	u.Total = u.Prompt + u.Completion
}

func (c *completionAnswer) whole(ctx context.Context, w http.ResponseWriter, flights []*flight) error {
	choices := []any{}
	var usage chatUsage
	for i, f := range flights {
		r, err := f.wait(ctx)
		if err != nil {
			return err
		}
		pinned(w.Header(), r)
		c.count(&usage, i, r.Usage)
		choices = append(choices, c.choice(i, r.Text, completionLogprobs(c.probs, r), c.finish(r)))
	}
	writeJSON(w, http.StatusOK, c.envelope(choices, usage))
	return nil
}

func (c *completionAnswer) stream(ctx context.Context, e *events, flights []*flight, withUsage bool) {
	var usage chatUsage
	for i, f := range flights {
		err := follow(ctx, e, f, func(p sdk.Piece) { e.send("", c.envelope([]any{c.choice(i, p.Text, nil, nil)}, nil)) })
		var r *sdk.Result
		if err == nil {
			r, err = f.outcome()
		}
		if err != nil {
			e.send("", refused(err).openAI()) // clients take a stream that just ends for a success
			return
		}
		c.count(&usage, i, r.Usage)
		e.send("", c.envelope([]any{c.choice(i, "", completionLogprobs(c.probs, r), c.finish(r))}, nil))
	}
	if withUsage {
		e.send("", c.envelope([]any{}, usage))
	}
	e.write("data: [DONE]\n\n")
}

func (c *completionAnswer) envelope(choices []any, usage any) any {
	m := map[string]any{"id": c.id, "object": "text_completion", "created": c.created, "model": c.model, "system_fingerprint": nil, "choices": choices}
	if usage != nil {
		m["usage"] = usage
	}
	return m
}
