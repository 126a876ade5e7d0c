package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk"
)

// agentFigures are of five agents who all read the task and the answers of those before them,
// each behind a system prompt of its own (KVCOMM's fully connected case): what the first
// token of the last of them waits for, and how much is not computed again.
type agentFigures struct {
	Speedup     float64        `json:"ttft_agent5_speedup"` // exact over approximate reuse, from acceptance to the first token, the median of rounds
	ReuseCalls  float64        `json:"reuse_calls"`         // of agents' turns with approximate reuse, those that had moved tokens
	ReuseTokens float64        `json:"reuse_tokens"`        // of their prompts, moved or found
	Agents      []agentTTFT    `json:"ttft_agents"`         // by their order
	Curve       []curvePoint   `json:"ttft_agent5_curve"`   // over the length of the task
	Sizes       map[string]int `json:"agents_sizes"`        // in tokens, about
}

// agentTTFT is what the first token of an agent waits for, in milliseconds, the medians of rounds.
type agentTTFT struct {
	Prompt      int     `json:"prompt_tokens"`
	Exact       float64 `json:"exact_ms"`
	Approximate float64 `json:"approximate_ms"`
}

// curvePoint is the last agent's speedup with a task of so many tokens.
type curvePoint struct {
	Task    int     `json:"task_tokens"`
	Speedup float64 `json:"speedup"`
}

// agentsScale is how much is measured.
type agentsScale struct {
	role, answer int   // tokens of a system prompt and of an answer
	tasks        []int // tokens
	rounds       int
}

const agentCount = 5

// measureAgents has the same rounds with exact and with approximate reuse, on nodes of their
// own. Agents keep their programs' names from round to round no longer than one round lasts;
// their system prompts stay in memory, in both.
func (c *benchAnchorsCmd) measureAgents(ctx context.Context, o *obtained, corpus *corpus, s agentsScale) (f agentFigures, err error) {
	f.Sizes = map[string]int{"role": s.role, "answer": s.answer, "rounds": s.rounds}
	calls, moving, prompts, had := 0, 0, 0, 0
	for i, task := range s.tasks {
		var first [2][agentCount][]float64
		var prompt [agentCount]int
		for way, reuse := range []sdk.Reuse{sdk.ReuseExact, sdk.ReuseApproximate} {
			err := c.onNode(ctx, o, func(*node.Config) {}, func(ctx context.Context, client *sdk.Client) error {
				for round := range s.rounds {
					results, err := fiveAgents(ctx, client, corpus, round, task, s, reuse)
					if err != nil {
						return fmt.Errorf("a task of %d tokens, round %d, reuse %s: %w", task, round+1, reuse, err)
					}
					for k, r := range results {
						first[way][k] = append(first[way][k], r.Timing.TTFTMS)
						prompt[k] = r.Usage.PromptTokens
						if reuse == sdk.ReuseApproximate && i == 0 {
							calls++
							if r.Usage.MovedTokens > 0 {
								moving++
							}
							prompts += r.Usage.PromptTokens
							had += r.Usage.MovedTokens + r.Usage.ReusedTokens + r.Usage.RestoredTokens
						}
					}
				}
				return nil
			})
			if err != nil {
				return f, err
			}
		}
		last := agentCount - 1
		speedup := median(first[0][last]) / median(first[1][last])
		f.Curve = append(f.Curve, curvePoint{task, speedup})
		if i > 0 {
			continue
		}
		f.Speedup = speedup
		for k := range agentCount {
			f.Agents = append(f.Agents, agentTTFT{prompt[k], median(first[0][k]), median(first[1][k])})
		}
	}
	f.ReuseCalls, f.ReuseTokens = float64(moving)/float64(calls), float64(had)/float64(prompts)
	return f, nil
}

// fiveAgents is one round: each agent reads the task and all answers before its own.
func fiveAgents(ctx context.Context, client *sdk.Client, corpus *corpus, round, task int, s agentsScale, reuse sdk.Reuse) (results []*sdk.Result, err error) {
	question := corpus.text(round, task)
	var said []string
	for k := range agentCount {
		messages := []sdk.Message{sdk.System(fmt.Sprintf("You are agent %d of %d. %s", k+1, agentCount, corpus.text(1000+k, s.role)))}
		body := "The task:\n" + question
		for j, answer := range said {
			body += fmt.Sprintf("\n\nAgent %d says:\n%s", j+1, strings.TrimSpace(answer))
		}
		messages = append(messages, sdk.User(body+"\n\nWhat do you say?"))
		p := client.Program(fmt.Sprintf("%s-%d-%d-%d", reuse, task, round, k+1))
		r, err := answered(ctx, p, sdk.Turn{Messages: messages, Reuse: reuse, Sampling: sdk.Sampling{MaxTokens: s.answer, IgnoreEOS: true}})
		if err != nil {
			return nil, err
		}
		results, said = append(results, r), append(said, r.Text)
	}
	return results, nil
}
