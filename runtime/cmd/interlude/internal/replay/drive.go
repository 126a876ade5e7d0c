package replay

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/interlude-run/interlude/sdk"
)

// Outcome is what came of replaying runs.
type Outcome struct {
	JCT       []time.Duration // of each run, from its first turn's submission to its last answer
	TTFT      []time.Duration // of each turn, from its submission to its first text
	Answers   [][]string      // of each run's turns
	Prefilled int
	Reused    int
	Generated int
}

// Drive replays the runs at once, each begin by its own goroutine, on the nodes that the
// client talks to. Run i begins i times stagger after the first.
func Drive(ctx context.Context, client *sdk.Client, runs []Run, stagger time.Duration) (*Outcome, error) {
	out := &Outcome{JCT: make([]time.Duration, len(runs)), Answers: make([][]string, len(runs))}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var agents sync.WaitGroup
	var mu sync.Mutex // of out's sums and TTFT
	for i := range runs {
		agents.Go(func() {
			a := agent{client: client, run: &runs[i], program: client.Program(fmt.Sprintf("run-%d", i+1))}
			if err := a.drive(ctx, time.Duration(i)*stagger); err != nil {
				cancel(fmt.Errorf("run %s: %w", runs[i].ID, err))
				return
			}
			mu.Lock()
			defer mu.Unlock()
			out.JCT[i], out.Answers[i] = a.took, a.answers
			out.TTFT = append(out.TTFT, a.first...)
			out.Prefilled += a.usage.PrefilledTokens
			out.Reused += a.usage.ReusedTokens
			out.Generated += a.usage.CompletionTokens
		})
	}
	agents.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return out, nil
}

// agent goes through one run.
type agent struct {
	client  *sdk.Client
	run     *Run
	program *sdk.Program

	took    time.Duration
	first   []time.Duration
	answers []string
	usage   sdk.Usage
}

func (a *agent) drive(ctx context.Context, after time.Duration) error {
	if !sleep(ctx, after) {
		return ctx.Err()
	}
	begin := time.Now()
	for i := range a.run.Turns {
		if err := a.turn(ctx, i); err != nil {
			return fmt.Errorf("turn %d: %w", i+1, err)
		}
		if !sleep(ctx, a.run.Turns[i].Gap) {
			return ctx.Err()
		}
	}
	a.took = time.Since(begin)
	return nil
}

// turn sends a turn and reads its answer.
func (a *agent) turn(ctx context.Context, i int) error {
	t := &a.run.Turns[i]
	var messages []sdk.Message
	if i == 0 {
		messages = append(messages, sdk.System(a.run.System))
	}
	sent := time.Now()
	answer, err := a.program.Turn(ctx, sdk.Turn{
		Messages: append(messages, sdk.User(t.Says)),
		Sampling: sdk.Sampling{MaxTokens: t.Tokens, IgnoreEOS: true},
		Last:     i == len(a.run.Turns)-1,
	})
	if err != nil {
		return err
	}
	heard := time.Duration(0)
	for _, err := range answer.Text() {
		if err != nil {
			return err
		}
		if heard == 0 {
			heard = time.Since(sent)
		}
	}
	result, err := answer.Result(ctx)
	if err != nil {
		return err
	}
	if heard == 0 { // an answer without text has its tokens at its end
		heard = time.Since(sent)
	}
	a.first = append(a.first, heard)
	a.answers = append(a.answers, result.Text)
	a.usage.PrefilledTokens += result.Usage.PrefilledTokens
	a.usage.ReusedTokens += result.Usage.ReusedTokens
	a.usage.CompletionTokens += result.Usage.CompletionTokens
	return nil
}

// sleep waits; false when ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
