package gputest

import (
	"errors"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
)

// stage is what a test has arranged for the steps to come.
type stage struct {
	script func(ctx []engine.Token) engine.Token
	pace   func(items []engine.Item) time.Duration
	faults map[int]fault // by the number of the step

	begun     int           // legal steps so far
	interrupt chan struct{} // closed to interrupt the running step; nil when none runs
}

// fault is what happens to one step in place of its work.
type fault struct {
	err     error
	blocked chan struct{} // closed when the step has begun to wait; nil when it is to fail
}

// Counters say what a fake has done. Cells and tokens, not calls, except where
// the name says otherwise.
type Counters struct {
	Steps, Failed, Interrupted int // steps that were done, made to fail, interrupted
	Decoded, Prefilled         int // appended tokens of items that have one token, that have more
	Patched                    int // tokens that were not appended
	Sampled                    int
	Saved, Loaded              int
	Placed                     int
}

// Script lets next say what token comes after a context. The logits have their
// maximum there, so a greedy sequence gets it. nil ends the script. next must
// return a token of the vocabulary, must not keep ctx, and is called by the
// goroutine that steps.
func (f *Fake) Script(next func(ctx []engine.Token) engine.Token) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stage.script = next
}

// Pace lets every legal step take as long as duration says of it. Interrupt
// ends it early. nil makes steps instant again.
func (f *Fake) Pace(duration func(items []engine.Item) time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stage.pace = duration
}

// Fail makes the n-th legal step from now fail with err; 1 is the next. After
// engine.ErrBroken so does every call.
func (f *Fake) Fail(n int, err error) { f.expect(n, fault{err: err}) }

// Block makes the n-th legal step from now wait until it is interrupted; 1 is
// the next. The channel is closed when it waits.
func (f *Fake) Block(n int) (blocked <-chan struct{}) {
	c := make(chan struct{})
	f.expect(n, fault{blocked: c})
	return c
}

func (f *Fake) expect(n int, ft fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stage.faults == nil {
		f.stage.faults = map[int]fault{}
	}
	f.stage.faults[f.stage.begun+n] = ft
}

// Counters are the sums so far.
func (f *Fake) Counters() Counters {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counters
}

// Interrupt ends the running step, if any, with ErrInterrupted. It may be
// called from any goroutine.
func (f *Fake) Interrupt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stage.interrupt != nil {
		close(f.stage.interrupt)
		f.stage.interrupt = nil
	}
}

// wait spends the time of a legal step, or fails it as arranged.
func (f *Fake) wait(items []engine.Item) error {
	interrupt, ft, pace := f.enter()
	err := ft.err
	switch {
	case ft.blocked != nil:
		close(ft.blocked)
		<-interrupt
	case err == nil && pace != nil:
		timer := time.NewTimer(pace(items))
		defer timer.Stop()
		select {
		case <-interrupt:
		case <-timer.C:
		}
	}
	return f.leave(err)
}

func (f *Fake) enter() (interrupt <-chan struct{}, ft fault, pace func([]engine.Item) time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stage.begun++
	ft = f.stage.faults[f.stage.begun]
	delete(f.stage.faults, f.stage.begun)
	c := make(chan struct{})
	f.stage.interrupt = c
	return c, ft, f.stage.pace
}

// leave decides between the step and an Interrupt: whoever comes first wins.
func (f *Fake) leave(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	interrupted := f.stage.interrupt == nil
	f.stage.interrupt = nil
	switch {
	case interrupted:
		f.counters.Interrupted++
		return engine.ErrInterrupted
	case err != nil:
		f.counters.Failed++
		if errors.Is(err, engine.ErrBroken) {
			f.dead = err
		}
	}
	return err
}

func (f *Fake) script() func([]engine.Token) engine.Token {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stage.script
}

func (f *Fake) count(add func(*Counters)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	add(&f.counters)
}

// countStep counts a step of which so many tokens were appended.
func (f *Fake) countStep(items []engine.Item, appended []int) {
	f.count(func(c *Counters) {
		c.Steps++
		for i, item := range items {
			c.Patched += len(item.Tokens) - appended[i]
			if len(item.Tokens) == 1 {
				c.Decoded += appended[i]
			} else {
				c.Prefilled += appended[i]
			}
			if item.Sample {
				c.Sampled++
			}
		}
	})
}
