package gateway

import (
	"fmt"
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
	const turns = 8
	for round := range 40 {
		program := fmt.Sprint("p", round)
		var gateways sync.WaitGroup
		for turn := int64(turns); turn > 0; turn-- {
			gateways.Go(func() {
				if err := l.note(t.Context(), "t", progressed(spot{program, turn})); err != nil {
					t.Error(err)
				}
				if last, err := l.last(t.Context(), "t", program); err != nil || last < turn {
					t.Errorf("after turn %d the last is %d: %v", turn, last, err)
				}
			})
		}
		gateways.Wait()
		if last, err := l.last(t.Context(), "t", program); err != nil || last != turns {
			t.Errorf("the last is %d: %v", last, err)
		}
	}
}
