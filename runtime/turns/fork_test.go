package turns_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

func fork(text, program string, turn int64) string {
	return message(text, fmt.Sprintf(`,"mode":"replace","from":{"program":%q,"turn":%d}`, program, turn))
}

func said(past []wire.Exchange) string {
	var all []string
	for _, e := range past {
		all = append(all, string(e.Turn.Messages[0].Content)+"="+e.Result.Text)
	}
	return strings.Join(all, " ")
}

// TestForks: before a turn that goes on from another program stands what was said there up to
// that turn, and before a fork of a fork what was said in both.
func TestForks(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n, c := startNode(t, b, turns.Config{}), connect(t, b)
	run := func(id wire.ID, message, history string, r wire.Result) {
		t.Helper()
		if r := ask(t, c, id.Subject(wire.KindSubmit), message); r.Accepted == nil {
			t.Fatalf("%v: %v", id, r.Error)
		}
		j := n.next(t)
		past, err := j.History(t.Context())
		if err != nil || said(past) != history {
			t.Errorf("before %v: %q, %v; want %q", id, said(past), err, history)
		}
		end(t, j, r)
	}
	run(turnID("p", 1), message("a", ""), "", completed("1"))
	run(turnID("p", 2), message("b", ""), "a=1", wire.Result{Outcome: wire.Failed, Error: &wire.Error{Code: wire.CodeEngine}})
	run(turnID("p", 3), message("c", ""), "a=1", completed("3"))
	run(turnID("q", 1), fork("d", "p", 2), "a=1", completed("4")) // what failed was not said
	run(turnID("q", 2), message("e", ""), "a=1 d=4", completed("5"))
	run(turnID("r", 1), fork("f", "q", 1), "a=1 d=4", completed("6"))
	run(turnID("p", 4), fork("g", "p", 1), "a=1", completed("7")) // of itself
	run(turnID("p", 5), message("h", ""), "a=1 g=7", completed("8"))

	for turn, code := range map[int64]wire.Code{9: wire.CodeNotFound, 1: wire.CodeNotFound} {
		refused(t, ask(t, c, turnID("s", 1).Subject(wire.KindSubmit), fork("x", "nobody", turn)), code)
	}
	// A tenant's own programs alone.
	other := wire.ID{Tenant: "else", Program: "s", Turn: 1}
	refused(t, ask(t, c, other.Subject(wire.KindSubmit), fork("x", "p", 1)), wire.CodeNotFound)
	// One that has no result yet.
	mustSubmit(t, c, turnID("p", 6), "slow")
	j := n.next(t)
	if e := refused(t, ask(t, c, turnID("s", 1).Subject(wire.KindSubmit), fork("x", "p", 6)), wire.CodeNotFinished); !e.Retryable {
		t.Error("it may not be sent again")
	}
	end(t, j, completed("9"))
	run(turnID("s", 1), fork("x", "p", 6), "a=1 g=7 h=8 slow=9", completed("10"))
}

// counts answers with how much was said.
type counts struct{ gate chan struct{} }

func (c counts) Count(ctx context.Context, turn *wire.Turn, before func(context.Context) ([]wire.Exchange, error)) (int, error) {
	if c.gate != nil {
		<-c.gate
	}
	past, err := before(ctx)
	if err != nil {
		return 0, err
	}
	return 10*len(past) + len(turn.Messages), nil
}

// TestCounts: a turn is counted as it would be run, and nothing is kept of it.
func TestCounts(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n, c := startNode(t, b, turns.Config{Counter: counts{}}), connect(t, b)
	mustSubmit(t, c, turnID("p", 1), "a")
	end(t, n.next(t), completed("1"))
	count := func(id wire.ID, message string) *wire.Reply { return ask(t, c, id.Subject(wire.KindCount), message) }
	for message, want := range map[string]int{message("b", ""): 11, fork("b", "p", 1): 11} {
		if r := count(turnID("p", 2), message); r.Counted == nil || r.Counted.PromptTokens != want {
			t.Errorf("%s: %+v, %v", message, r.Counted, r.Error)
		}
	}
	if r := count(turnID("nobody", 1), message("b", "")); r.Counted == nil || r.Counted.PromptTokens != 1 {
		t.Errorf("alone: %+v, %v", r.Counted, r.Error)
	}
	refused(t, count(turnID("p", 2), `{"v":1,"messages":[]}`), wire.CodeInvalidTurn)
	refused(t, count(turnID("p", 2), fork("b", "nobody", 1)), wire.CodeNotFound)
	refused(t, count(turnID("p", 2), message(strings.Repeat("x", 1<<20), "")), wire.CodeTooLarge)
	refused(t, ask(t, c, turnID("p", 2).Subject(wire.KindRead), ""), wire.CodeNotFound)
	mustSubmit(t, c, turnID("p", 2), "c") // its number is free
	end(t, n.next(t), completed("2"))
}

// TestFloodOfCounts: what waits is bounded, and turns go on meanwhile.
func TestFloodOfCounts(t *testing.T) {
	b := startBroker(t, t.TempDir())
	gate := make(chan struct{})
	n, c := startNode(t, b, turns.Config{Counter: counts{gate}}), connect(t, b)
	for range 2000 {
		if err := c.PublishRequest(turnID("p", 1).Subject(wire.KindCount), "_INBOX.x", []byte(message("a", ""))); err != nil {
			t.Fatal(err)
		}
	}
	mustSubmit(t, c, turnID("p", 1), "a")
	end(t, n.next(t), completed("1"))
	dropped := func() bool {
		got, err := c.SubscribeSync("_INBOX.x")
		if err != nil {
			t.Fatal(err)
		}
		close(gate)
		answers := 0
		for {
			if _, err := got.NextMsg(300 * time.Millisecond); err != nil {
				return answers < 1000
			}
			answers++
		}
	}
	if !dropped() {
		t.Error("all of them were kept")
	}
}
