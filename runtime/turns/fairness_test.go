package turns_test

import (
	"testing"
	"time"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// A program whose turns were all sent at once leaves room for others.
func TestTurnsThatWaitKeepNobodyOut(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n := startNode(t, b, turns.Config{MaxJobs: 4})
	for i := int64(1); i <= 8; i++ {
		mustSubmit(t, n.conn, turnID("flood", i), "x")
	}
	n.next(t) // runs for ever
	mustSubmit(t, n.conn, turnID("other", 1), "y")
	select {
	case j := <-n.jobs:
		if j.ID().Program != "other" {
			t.Errorf("%v runs beside the turn before it", j.ID())
		}
	case <-time.After(20 * time.Second):
		t.Error("another program's turn does not run")
	}
}

// What a turn that replaces the conversation does not say, its tools, is that of
// the turns before it, for a node that rebuilds the context too.
func TestHistoryKeepsTools(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n := startNode(t, b, turns.Config{})
	for i, more := range []string{`,"tools":[{"type":"function","function":{"name":"ls"}}]`, `,"mode":"replace"`} {
		ask(t, n.conn, turnID("p", int64(i+1)).Subject(wire.KindSubmit), message("q", more))
		end(t, n.next(t), completed("a"))
	}
	ask(t, n.conn, turnID("p", 3).Subject(wire.KindSubmit), message("q", ``))
	past, err := n.next(t).History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(past) != 2 || len(past[0].Turn.Tools) != 1 {
		t.Errorf("a history of %d turns, the first with %d tools; want 2 and 1", len(past), len(past[0].Turn.Tools))
	}
}
