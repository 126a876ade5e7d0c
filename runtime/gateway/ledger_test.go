package gateway

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/interlude-run/interlude/runtime/broker"
)

func newLedger(t *testing.T) *ledger {
	t.Helper()
	b, err := broker.Start(broker.Config{StoreDir: t.TempDir(), Port: broker.NoPort})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Shutdown)
	conn, err := b.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	l, err := openLedger(t.Context(), conn, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestProgressNeverFalls: gateways tell of turns at once, in any order.
func TestProgressNeverFalls(t *testing.T) {
	l := newLedger(t)
	const turns = 40
	var gateways sync.WaitGroup
	for turn := range int64(turns) {
		gateways.Go(func() {
			if err := l.note(t.Context(), "t", progressed(spot{"p", turn + 1})); err != nil {
				t.Error(err)
			}
			if last, err := l.last(t.Context(), "t", "p"); err != nil || last < turn+1 {
				t.Errorf("after turn %d the last is %d: %v", turn+1, last, err)
			}
		})
	}
	gateways.Wait()
	if last, err := l.last(t.Context(), "t", "p"); err != nil || last != turns {
		t.Errorf("the last is %d: %v", last, err)
	}
}

// TestOnlyOnesOwnIsTakenOut: what another gateway has noted anew stays.
func TestOnlyOnesOwnIsTakenOut(t *testing.T) {
	l := newLedger(t)
	d, mine, others := sum([]byte("d")), spot{"p", 1}, spot{"p", 2}
	stands := func(want spot) {
		t.Helper()
		if got, _, err := l.spot(context.Background(), "t", asked, d); err != nil || got != want {
			t.Errorf("%v stands, %v", got, err)
		}
	}
	for _, step := range []struct {
		note entry
		want spot
	}{
		{notAt(asked, d, mine), spot{}},
		{at(asked, d, mine), mine},
		{at(asked, d, others), others},
		{notAt(asked, d, mine), others},
		{notAt(asked, d, others), spot{}},
		{notAt(asked, d, others), spot{}},
	} {
		if err := l.note(t.Context(), "t", step.note); err != nil {
			t.Error(err)
		}
		stands(step.want)
	}
}
