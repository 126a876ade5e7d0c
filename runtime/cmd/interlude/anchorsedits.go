package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk"
)

// editFigures are of a turn whose client has dropped a tool's output in the middle of a
// context of 2K tokens: 1,024 tokens stand behind it, and 64 are new.
type editFigures struct {
	ExactRatio   float64 `json:"edit_exact_ttft_ratio"`         // exact, announced when the tool began to run, 3 s before the turn: over a warm turn without an edit
	WithoutGap   float64 `json:"edit_exact_without_work_ratio"` // the same, where nothing was announced
	ApproxRatio  float64 `json:"edit_approx_ttft_ratio"`        // approximate, nothing announced: over the warm turn
	Speedup      float64 `json:"edit_approx_ttft_speedup"`      // of exact reuse, nothing announced, over approximate
	Warm         float64 `json:"edit_warm_ttft_ms"`
	Announced    float64 `json:"edit_announced_ttft_ms"`
	Exact        float64 `json:"edit_exact_ttft_ms"`
	Approximate  float64 `json:"edit_approximate_ttft_ms"`
	Prompt       int     `json:"edit_prompt_tokens"`
	Repetitions  int     `json:"edit_repetitions"`
	Moved        int     `json:"edit_moved_tokens"` // of the approximate turn, the median of repetitions
	AnnouncedGap float64 `json:"edit_gap_s"`
}

// editGap is how long the tool runs.
const editGap = 3 * time.Second

var editWays = []string{"warm", "announced", "exact", "approximate"}

// measureEdits has each conversation four times, in programs of their own.
func (c *benchAnchorsCmd) measureEdits(ctx context.Context, o *obtained, corpus *corpus, repetitions int) (f editFigures, err error) {
	f.Repetitions, f.AnnouncedGap = repetitions, editGap.Seconds()
	ttft := map[string][]float64{}
	var moved []float64
	err = c.onNode(ctx, o, func(*node.Config) {}, func(ctx context.Context, client *sdk.Client) error {
		for i := range repetitions {
			for _, way := range editWays {
				r, err := editedTurn(ctx, client, corpus, i, way)
				if err != nil {
					return fmt.Errorf("edit %d, %s: %w", i+1, way, err)
				}
				ttft[way] = append(ttft[way], r.Timing.TTFTMS)
				if way == "approximate" {
					f.Prompt = r.Usage.PromptTokens
					moved = append(moved, float64(r.Usage.MovedTokens))
				}
			}
		}
		return nil
	})
	if err != nil {
		return f, err
	}
	f.Warm, f.Announced, f.Exact, f.Approximate = median(ttft["warm"]), median(ttft["announced"]), median(ttft["exact"]), median(ttft["approximate"])
	f.Moved = int(median(moved))
	f.ExactRatio, f.WithoutGap, f.ApproxRatio, f.Speedup = f.Announced/f.Warm, f.Exact/f.Warm, f.Approximate/f.Warm, f.Exact/f.Approximate
	return f, nil
}

// editedTurn is the turn after the edit, or without one.
func editedTurn(ctx context.Context, client *sdk.Client, corpus *corpus, i int, way string) (*sdk.Result, error) {
	// Each way has texts of its own, so that none finds what another has computed.
	number := 5000 + 100*i + 10*slices.Index(editWays, way)
	text := func(k, tokens int) string { return corpus.text(number+k, tokens) }
	before := []sdk.Message{
		sdk.System(way + ": you are a careful engineer. " + text(0, 150)), sdk.User("Look at this. " + text(1, 100)),
		sdk.Assistant("I read the file first."), sdk.User("Output: " + text(2, 620)),
		sdk.Assistant("I see. What do the tests say?"), sdk.User("They say: " + text(3, 960)),
	}
	after := slices.Clone(before)
	after[3] = sdk.User("[output removed]")
	p := client.Program(fmt.Sprintf("edit-%d-%s", i, way))
	few := sdk.Sampling{MaxTokens: 8, IgnoreEOS: true}
	first, err := answered(ctx, p, sdk.Turn{Mode: sdk.Replace, Messages: before, Sampling: few})
	if err != nil {
		return nil, err
	}
	more := sdk.User("And now? " + text(4, 48))
	switch way {
	case "warm":
		return answered(ctx, p, sdk.Turn{Messages: []sdk.Message{more}, Sampling: few})
	case "announced":
		kept := append(slices.Clone(after[3:]), sdk.Assistant(first.Text))
		if err := p.Compacting(ctx, 3, kept...); err != nil {
			return nil, err
		}
		select {
		case <-time.After(editGap):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	t := sdk.Turn{Mode: sdk.Replace, Messages: append(after, sdk.Assistant(first.Text), more), Sampling: few}
	if way == "approximate" {
		t.Reuse = sdk.ReuseApproximate
	}
	return answered(ctx, p, t)
}
