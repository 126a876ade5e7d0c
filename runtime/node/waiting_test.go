package node_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/runtime/chat/chattest"
	"github.com/interlude-run/interlude/sdk/wire"
)

// This file has turns wait whose prompts are not at hand.

// crowded is a node that runs one turn at a time and keeps no prompts ready.
func crowded(s *stage) { s.MaxRunning, s.ReadyBytes = 1, 1 }

// TestWaitingPromptsAreMadeOnceMore: turns of several programs wait, all but the first
// without their prompts, and are answered as they are alone; a program's later turns find
// its cells.
func TestWaitingPromptsAreMadeOnceMore(t *testing.T) {
	question := func(i int, turn int64) string { return fmt.Sprintf("question %d of %d", turn, i) }
	limit := func(w *wire.Turn) { w.Sampling.MaxTokens = 10 }
	const agents, turns = 4, 3
	texts := map[string]string{}
	reused := map[string]int{}
	for i := range agents {
		play(t, nil, func(r *rig) {
			for turn := range int64(turns) {
				got := r.finished(r.ask(fmt.Sprint("p", i), turn+1, question(i, turn), limit))
				texts[question(i, turn)], reused[question(i, turn)] = chattest.Cut(tokens(got)), got.Usage.ReusedTokens
			}
		})
	}
	play(t, crowded, func(r *rig) {
		r.engine.Pace(func([]engine.Item) time.Duration { return time.Millisecond })
		var last *job
		for turn := range int64(turns) {
			var jobs []*job
			for i := range agents {
				jobs = append(jobs, r.ask(fmt.Sprint("p", i), turn+1, question(i, turn), limit))
			}
			for i, j := range jobs {
				got := r.finished(j)
				if text := chattest.Cut(tokens(got)); text != texts[question(i, turn)] || got.Usage.ReusedTokens != reused[question(i, turn)] {
					t.Errorf("%s: %s with %d tokens reused; alone %s with %d", question(i, turn), text, got.Usage.ReusedTokens, texts[question(i, turn)], reused[question(i, turn)])
				}
				last = j
			}
		}
		if s := r.node.Stats(); s.Fetched < turns*(agents-1) || s.Ready != 0 || !last.started || last.read < 2 {
			t.Errorf("%+v; the last turn was read %d times", s, last.read)
		}
	})
}

// TestReadyPromptsAreBounded: newcomers have half of the bytes, turns of programs that are in
// memory all of them.
func TestReadyPromptsAreBounded(t *testing.T) {
	const budget = 8000
	play(t, func(s *stage) { s.MaxRunning, s.ReadyBytes = 1, budget }, func(r *rig) {
		r.replies(nil)
		known := r.ask("known", 1, "hi")
		r.finished(known)
		blocked := r.engine.Block(1)
		first := r.ask("first", 1, "hi")
		<-blocked
		var jobs []*job
		for i := range 30 {
			jobs = append(jobs, r.ask(fmt.Sprint("p", i), 1, "hello"))
		}
		synctest.Wait()
		newcomers := r.node.Stats().Ready
		jobs = append(jobs, r.ask("known", 2, "again"))
		synctest.Wait()
		all := r.node.Stats().Ready
		if newcomers == 0 || newcomers > budget/2 || all <= newcomers || all > budget {
			t.Errorf("%d bytes for newcomers, then %d, of %d", newcomers, all, budget)
		}
		close(first.cancelled)
		for _, j := range append(jobs, first) {
			r.finished(j)
		}
		if s := r.node.Stats(); s.Ready != 0 || s.Turns != 0 || s.Fetched == 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestEndWithoutPrompt: turns end that wait without their prompts, and those behind them go on
// with the conversation as it was.
func TestEndWithoutPrompt(t *testing.T) {
	play(t, crowded, func(r *rig) {
		r.replies(map[string]string{"one": "Hello", "three": "x"})
		first := r.finished(r.ask("p", 1, "one"))
		blocked := r.engine.Block(1)
		running := r.ask("q", 1, "hi")
		<-blocked
		late := r.ask("s", 1, "two", func(w *wire.Turn) { w.TimeoutMS = 2000 })
		cancelled := r.ask("p", 2, "two")
		synctest.Wait()
		close(cancelled.cancelled)
		if got := r.finished(cancelled); got.Outcome != wire.Cancelled || got.Text != "" {
			t.Errorf("%+v", got)
		}
		if got := r.finished(late); got.Outcome != wire.DeadlineExceeded || got.Usage.PromptTokens == 0 || !strings.Contains(got.Error.Message, "2000 ms") {
			t.Errorf("%+v, %v", got, got.Error)
		}
		close(running.cancelled)
		r.finished(running)
		got := r.finished(r.ask("p", 3, "three"))
		if want := first.Usage.PromptTokens + first.Usage.CompletionTokens - 1; got.Text != "x" || got.Usage.ReusedTokens != want {
			t.Errorf("%q with %d tokens reused, want %d", got.Text, got.Usage.ReusedTokens, want)
		}
		if s := r.node.Stats(); s.Rebuilt != 0 {
			t.Errorf("the conversation was rebuilt: %+v", s)
		}
	})
}

// TestPromptThatCannotBeHad hands its turn back, and the others go on.
func TestPromptThatCannotBeHad(t *testing.T) {
	play(t, crowded, func(r *rig) {
		blocked := r.engine.Block(1)
		first := r.ask("first", 1, "hi")
		<-blocked
		lost, other := r.ask("lost", 1, "hi"), r.ask("other", 1, "hi")
		synctest.Wait()
		lost.lost = errTest
		close(first.cancelled)
		r.finished(first)
		<-lost.over
		if lost.result != nil || lost.started {
			t.Errorf("%+v, started %v", lost.result, lost.started)
		}
		if got := r.finished(other); got.Outcome != wire.Completed {
			t.Errorf("%+v", got)
		}
	})
}

// TestEndWhileThePromptIsMade: a turn is cancelled while one of the crew makes its prompt.
func TestEndWhileThePromptIsMade(t *testing.T) {
	play(t, crowded, func(r *rig) {
		blocked := r.engine.Block(1)
		first := r.ask("first", 1, "hi")
		<-blocked
		slow := r.ask("slow", 1, "hi")
		synctest.Wait()
		gate := make(chan struct{})
		slow.gate = gate
		close(first.cancelled)
		r.finished(first)
		synctest.Wait() // slow is admitted, and its prompt on the way
		close(slow.cancelled)
		synctest.Wait()
		select {
		case <-slow.over:
			t.Error("it was ended while its prompt was made")
		default:
		}
		close(gate)
		if got := r.finished(slow); got.Outcome != wire.Cancelled {
			t.Errorf("%+v", got)
		}
		if got := r.finished(r.ask("slow", 2, "hi")); got.Outcome != wire.Completed {
			t.Errorf("the next turn: %+v", got)
		}
	})
}

// TestNewcomersAreNotPreparedFirst: a turn of a program that is in memory comes behind many
// newcomers, and is prepared before them.
func TestNewcomersAreNotPreparedFirst(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.finished(r.ask("known", 1, "hi"))
		gate := make(chan struct{})
		shut := func(j *job) { j.gate = gate }
		var flood []*job
		for i := range 20 {
			flood = append(flood, r.askAs(fmt.Sprint("p", i), 1, "hello", shut))
		}
		synctest.Wait() // those that can be prepared at once are
		known := r.ask("known", 2, "again")
		synctest.Wait()
		gate <- struct{}{} // one is done with
		r.finished(known)
		ended := 0
		for _, j := range flood {
			select {
			case <-j.over:
				ended++
			default:
			}
		}
		if ended > 1 {
			t.Errorf("%d newcomers were answered before it", ended)
		}
		close(gate)
		for _, j := range flood {
			r.finished(j)
		}
	})
}

// TestDrainWithoutPrompts: the node stops while many turns wait, and one is being prepared.
func TestDrainWithoutPrompts(t *testing.T) {
	play(t, func(s *stage) { crowded(s); s.Grace = time.Second }, func(r *rig) {
		blocked := r.engine.Block(1)
		first := r.ask("first", 1, "hi")
		<-blocked
		var jobs []*job
		for i := range 50 {
			jobs = append(jobs, r.ask(fmt.Sprint("p", i), 1, "hello"))
		}
		synctest.Wait()
		start := time.Now()
		r.stop()
		for _, j := range jobs {
			<-j.over
			if j.result != nil {
				t.Errorf("%+v", j.result)
			}
		}
		if time.Since(start) != 0 {
			t.Errorf("they were kept for %v", time.Since(start))
		}
		close(first.cancelled)
		r.finished(first)
	})
}

// TestTheEngineBreaksWhileTurnsWait: all are handed back, whatever is done for them.
func TestTheEngineBreaksWhileTurnsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBroker(), crowded)
		r.engine.Pace(func([]engine.Item) time.Duration { return time.Second })
		r.engine.Fail(1, engine.ErrBroken)
		gate := make(chan struct{})
		jobs := []*job{r.ask("a", 1, "hi"), r.ask("b", 1, "hi"), r.ask("c", 1, "hi"), r.askAs("d", 1, "hi", func(j *job) { j.gate = gate })}
		synctest.Wait()
		time.Sleep(2 * time.Second)
		close(gate)
		<-r.ended
		for _, j := range jobs {
			<-j.over
			if j.result != nil {
				t.Errorf("%s: %+v", j.turn.Program, j.result)
			}
		}
	})
}
