package gateway

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

func TestStandingOf(t *testing.T) {
	count := func(n int) *int { return &n }
	for want, p := range map[string]wire.ProgramState{
		"waiting":                         {State: wire.StateWaiting},
		"waiting, 0 programs before it":   {State: wire.StateWaiting, Before: count(0)},
		"waiting, 1 program before it":    {State: wire.StateWaiting, Before: count(1)},
		"waiting, 12 programs before it":  {State: wire.StateWaiting, Before: count(12)},
		"prefilling, 4096 of 9000 tokens": {State: wire.StatePrefilling, Cached: 4096, Context: 9000},
		"restoring":                       {State: wire.StateRestoring, Context: 9000},
		"decoding":                        {State: wire.StateDecoding, Cached: 9000, Context: 9001},
	} {
		if got := standingOf(&p); got != want {
			t.Errorf("%+v is told as %q, want %q", p, got, want)
		}
	}
}

// steps tells of one turn that waits, and of one step more each time that it is observed.
type steps struct {
	all      []string
	observed int
}

func (s *steps) observe()           { s.observed++ }
func (s *steps) stands(spot) string { return s.all[s.observed-1] }

// TestAnIdleStreamTells where its turn stands, at least every ten seconds, until something comes;
// and again when nothing does for as long.
func TestAnIdleStreamTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlight(func() {})
		told := &steps{all: []string{"waiting, 2 programs before it", "prefilling, 10 of 90 tokens", "decoding"}}
		f.nodes = told
		recorder := httptest.NewRecorder()
		e := newEvents(recorder)
		done := make(chan error)
		go func() {
			done <- follow(context.Background(), e, f, func(p sdk.Piece) { e.write("data: %s\n\n", p.Text) })
		}()
		time.Sleep(25 * time.Second)
		f.change(func() { f.pieces = append(f.pieces, sdk.Piece{Kind: wire.PieceText, Text: "hello"}) })
		time.Sleep(9500 * time.Millisecond) // asked, and not yet told
		f.change(func() { f.pieces = append(f.pieces, sdk.Piece{Kind: wire.PieceText, Text: "world"}) })
		time.Sleep(9 * time.Second)
		f.end(&sdk.Result{}, nil)
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := ": waiting, 2 programs before it\n\n: prefilling, 10 of 90 tokens\n\ndata: hello\n\ndata: world\n\n"
		if got := recorder.Body.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if told.observed != 4 {
			t.Errorf("the nodes were asked %d times", told.observed)
		}
	})
}

// looker tells of programs as a node does.
type looker struct{ asked int }

func (l *looker) Programs(_ context.Context, tenant string) (*wire.Programs, error) {
	l.asked++
	before := 3
	return &wire.Programs{Node: "n", Total: 1, Programs: []wire.ProgramState{{Tenant: tenant, Program: "p", Turn: 2, State: wire.StateWaiting, Before: &before}}}, nil
}

// TestStandings: a node is asked once for all streams of a tenant, and what it says is told of
// the turns that it is about.
func TestStandings(t *testing.T) {
	r := newRig(t)
	g := r.another(Config{})
	g.mu.Lock()
	s := g.standingsOf(wire.DefaultTenant)
	g.mu.Unlock()
	if got := s.stands(spot{"p", 2}); got != unknownStanding {
		t.Errorf("before anybody was asked it is %q", got)
	}
	s.observe()
	s.observe()
	g.flying.Wait()
	if got := s.stands(spot{"p", 2}); got != "waiting, 3 programs before it" {
		t.Errorf("it is %q", got)
	}
	if got := s.stands(spot{"p", 1}); got != unknownStanding {
		t.Errorf("of another turn it is %q", got)
	}
	if r.looker.asked != 1 {
		t.Errorf("the node was asked %d times", r.looker.asked)
	}
}
