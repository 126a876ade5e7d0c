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
	Spans   [][]Span        // of the same
	Used    Answer          // of all turns; without Text
	Longest int             // tokens of a context

	// Reusable are the tokens of prompts that had been computed before: of a later turn
	// the context that its run had come to, of a first one what was found.
	Reusable int

	ends []int // of each run's context, in tokens
}

// Span is when a turn was sent, its first text was there, and its answer read to its end.
type Span struct{ Sent, First, Read time.Time }

// Drive replays the runs at once, each by its own goroutine. Run i begins i times
// stagger after the first. It calls turned, one call at a time, whenever a turn is over.
func Drive(ctx context.Context, server Server, runs []Run, stagger time.Duration, turned func()) (*Outcome, error) {
	out := &Outcome{JCT: make([]time.Duration, len(runs)), Answers: make([][]string, len(runs)), Spans: make([][]Span, len(runs)), ends: make([]int, len(runs))}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var agents sync.WaitGroup
	var mu sync.Mutex // of out
	for i := range runs {
		agents.Go(func() {
			a := agent{run: &runs[i], heard: func(a Answer, s Span) {
				mu.Lock()
				defer mu.Unlock()
				out.add(i, a, s)
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

func (o *Outcome) add(run int, a Answer, s Span) {
	prompt := a.Prefilled + a.Reused + a.Restored
	if len(o.Spans[run]) == 0 {
		o.Reusable += a.Reused + a.Restored
	} else {
		o.Reusable += min(o.ends[run], prompt-1)
	}
	o.ends[run] = prompt + a.Generated
	o.Spans[run] = append(o.Spans[run], s)
	o.TTFT = append(o.TTFT, s.First.Sub(s.Sent))
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
	heard func(a Answer, s Span)
}

func (a *agent) drive(ctx context.Context, server Server) error {
	talk := server.Begin(a.run)
	for i := range a.run.Turns {
		t := &a.run.Turns[i]
		s := Span{Sent: time.Now()}
		answer, err := talk.Turn(ctx, t, i == len(a.run.Turns)-1, func() { s.First = time.Now() })
		if err != nil {
			return fmt.Errorf("turn %d: %w", i+1, err)
		}
		s.Read = time.Now()
		if s.First.IsZero() { // an answer without text has its tokens at its end
			s.First = s.Read
		}
		a.heard(answer, s)
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
