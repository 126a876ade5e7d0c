package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/replay"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk"
)

// reuseFigures compare what is computed once more for clients that name nothing with what is
// for programs that are named.
type reuseFigures struct {
	ReuseRatio float64 `json:"reuse_vs_sdk"`
	ReusedHTTP int     `json:"reused_tokens_http"`
	ReusedSDK  int     `json:"reused_tokens_sdk"`
	PromptHTTP int     `json:"prompt_tokens_http"`
	PromptSDK  int     `json:"prompt_tokens_sdk"`

	Conversations int `json:"reuse_conversations"`
	Turns         int `json:"reuse_turns"`
	Calls         int `json:"reuse_calls"`             // answers over HTTP that call a tool
	Programs      int `json:"reuse_programs"`          // that the gateway made; as many as conversations, if it knows each again
	Differ        int `json:"answers_other_than_sdks"` // of HTTP's; then prompts differ, too
}

// atOnce is how many conversations go on at the same time.
const atOnce = 4

// lookup is the tool of the conversations. Its arguments have two keys, and few values: a
// short answer has all of them.
var lookup = sdk.Tool{Type: "function", Function: sdk.Function{
	Name: "lookup", Description: "Looks a name up in the source tree.",
	Parameters: json.RawMessage(`{"type":"object","properties":{"kind":{"enum":["file","function","type"]},"lines":{"enum":[10,20,40]}},"required":["kind","lines"],"additionalProperties":false}`),
}}

// callTokens are enough for a call of lookup.
const callTokens = 40

// measureReuse has the conversations by the sdk, and over HTTP, each on a node of its own.
func (c *benchGatewayCmd) measureReuse(ctx context.Context, o *obtained, runs []replay.Run) (f reuseFigures, err error) {
	var bySDK, overHTTP [][]heard
	err = c.onGateway(ctx, o, true, func(*node.Config) {}, func(ctx context.Context, n behindHTTP) (err error) {
		bySDK, err = converseAll(ctx, runs, func(i int, o opening) agent {
			return &sdkAgent{opening: o, program: n.client.Program(runs[i].Name)}
		})
		return err
	})
	if err != nil {
		return f, fmt.Errorf("by the sdk: %w", err)
	}
	err = c.onGateway(ctx, o, true, func(*node.Config) {}, func(ctx context.Context, n behindHTTP) (err error) {
		client, done := keptAlive()
		defer done()
		overHTTP, err = converseAll(ctx, runs, func(_ int, o opening) agent {
			return &chatAgent{opening: o, client: client, url: n.url}
		})
		return err
	})
	if err != nil {
		return f, fmt.Errorf("over HTTP: %w", err)
	}
	return reuseOf(overHTTP, bySDK)
}

// converseAll has a conversation for each run, some at once, and gives what was heard in each.
func converseAll(ctx context.Context, runs []replay.Run, begin func(i int, o opening) agent) ([][]heard, error) {
	all := make([][]heard, len(runs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range runs {
		group.Go(func() error {
			// Conversations begin with words of their own, so that what is found of others'
			// does not depend on who is first.
			a := begin(i, opening{fmt.Sprintf("%d. %s", i+1, runs[i].System), []sdk.Tool{lookup}})
			for k, t := range runs[i].Turns {
				s := saying{text: t.Says, tokens: t.Tokens}
				if k%2 == 0 {
					s.tokens, s.call = callTokens, lookup.Function.Name
				}
				h, err := a.turn(ctx, s)
				if err != nil {
					return fmt.Errorf("turn %d of conversation %d: %w", k+1, i+1, err)
				}
				all[i] = append(all[i], h)
			}
			return nil
		})
	}
	return all, group.Wait()
}

// reuseOf works the figures out of the same conversations in both ways.
func reuseOf(overHTTP, bySDK [][]heard) (f reuseFigures, err error) {
	f.Conversations = len(overHTTP)
	programs := map[string]bool{}
	for i := range overHTTP {
		for k := range overHTTP[i] {
			over, by := &overHTTP[i][k], &bySDK[i][k]
			f.Turns++
			f.Calls += min(len(over.calls), 1)
			f.ReusedHTTP, f.PromptHTTP = f.ReusedHTTP+over.cached, f.PromptHTTP+over.prompt
			f.ReusedSDK, f.PromptSDK = f.ReusedSDK+by.cached, f.PromptSDK+by.prompt
			programs[over.program] = true
			if !over.says(by) {
				f.Differ++
			}
		}
	}
	f.Programs = len(programs)
	if f.ReusedSDK == 0 {
		return f, errors.New("nothing was reused by the sdk")
	}
	f.ReuseRatio = float64(f.ReusedHTTP) / float64(f.ReusedSDK)
	return f, nil
}

// says tells whether two answers are the same, but for the names of calls.
func (h *heard) says(other *heard) bool {
	if h.text != other.text || len(h.calls) != len(other.calls) {
		return false
	}
	for i := range h.calls {
		if h.calls[i].Function != other.calls[i].Function {
			return false
		}
	}
	return true
}
