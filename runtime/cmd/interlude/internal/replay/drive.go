package replay

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Server is what agents talk to. Its methods may be called by many at once.
type Server interface {
	// Begin begins the conversation of a run.
	Begin(run *Run) Talk
}

// Talk is one conversation. It belongs to one goroutine.
type Talk interface {
	// Turn says the next thing and returns the answer. It calls first once, when the
	// first text of the answer is there.
	Turn(ctx context.Context, t *Turn, last bool, first func()) (Answer, error)
}

// Answer is a model's.
type Answer struct {
	Text      string
	Prefilled int // tokens of the prompt that were computed
	Reused    int // tokens of the prompt that were in a cache
	Restored  int // tokens of the prompt that were brought back from a slower memory
	Generated int
}

// Outcome is what came of replaying runs.
type Outcome struct {
	JCT     []time.Duration // of each run, from its first turn's submission to its last answer
	TTFT    []time.Duration // of each turn, from its submission to its first text
	Answers [][]string      // of each run's turns
	Used    Answer          // of all turns; without Text
	Longest int             // tokens of a context
}

// Drive replays the runs at once, each by its own goroutine. Run i begins i times
// stagger after the first. It calls turned, one call at a time, whenever a turn is over.
func Drive(ctx context.Context, server Server, runs []Run, stagger time.Duration, turned func()) (*Outcome, error) {
	out := &Outcome{JCT: make([]time.Duration, len(runs)), Answers: make([][]string, len(runs))}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var agents sync.WaitGroup
	var mu sync.Mutex // of out
	for i := range runs {
		agents.Go(func() {
			a := agent{run: &runs[i], heard: func(a Answer, ttft time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				out.add(i, a, ttft)
				turned()
			}}
			if !sleep(ctx, time.Duration(i)*stagger) {
				return
			}
			begin := time.Now()
			if err := a.drive(ctx, server); err != nil {
				cancel(fmt.Errorf("run %s: %w", runs[i].ID, err))
				return
			}
			out.JCT[i] = time.Since(begin)
		})
	}
	agents.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return out, nil
}

func (o *Outcome) add(run int, a Answer, ttft time.Duration) {
	o.TTFT = append(o.TTFT, ttft)
	o.Answers[run] = append(o.Answers[run], a.Text)
	o.Used.Prefilled += a.Prefilled
	o.Used.Reused += a.Reused
	o.Used.Restored += a.Restored
	o.Used.Generated += a.Generated
	o.Longest = max(o.Longest, a.Prefilled+a.Reused+a.Restored+a.Generated)
}

// agent goes through one run.
type agent struct {
	run   *Run
	heard func(a Answer, ttft time.Duration)
}

func (a *agent) drive(ctx context.Context, server Server) error {
	talk := server.Begin(a.run)
	for i := range a.run.Turns {
		t := &a.run.Turns[i]
		sent, ttft := time.Now(), time.Duration(0)
		answer, err := talk.Turn(ctx, t, i == len(a.run.Turns)-1, func() { ttft = time.Since(sent) })
		if err != nil {
			return fmt.Errorf("turn %d: %w", i+1, err)
		}
		if ttft == 0 { // an answer without text has its tokens at its end
			ttft = time.Since(sent)
		}
		a.heard(answer, ttft)
		if !sleep(ctx, t.Gap) {
			return ctx.Err()
		}
	}
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
