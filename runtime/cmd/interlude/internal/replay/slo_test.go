package replay

import (
	"errors"
	"testing"
	"time"
)

// TestSLO is kept when enough agents have all of their turns in time.
func TestSLO(t *testing.T) {
	span := func(first time.Duration) Span {
		sent := time.Unix(100, 0)
		return Span{Sent: sent, First: sent.Add(first), Read: sent.Add(first)}
	}
	o := &Outcome{
		JCT:   []time.Duration{5 * time.Second, 9 * time.Second, time.Second},
		Spans: [][]Span{{span(time.Second), span(3 * time.Second)}, {span(time.Second)}, {span(2 * time.Second)}},
	}
	for _, tc := range []struct {
		slo  SLO
		kept bool
	}{
		{SLO{TTFT: 3 * time.Second, Share: 1}, true},
		{SLO{TTFT: 2 * time.Second, Share: 1}, false},   // the second turn of the first agent
		{SLO{TTFT: 2 * time.Second, Share: 0.66}, true}, // two of three
		{SLO{JCT: 5 * time.Second, Share: 0.67}, false},
		{SLO{TTFT: 2 * time.Second, JCT: 5 * time.Second, Share: 0.3}, true},
		{SLO{TTFT: 2 * time.Second, JCT: 5 * time.Second, Share: 0.5}, false}, // each loses another
	} {
		if got := tc.slo.Kept(o); got != tc.kept {
			t.Errorf("%v to %v of them: %v", &tc.slo, tc.slo.Share, got)
		}
	}
}

// TestMostAgents halves.
func TestMostAgents(t *testing.T) {
	for fits := range 26 {
		tries := 0
		got, err := MostAgents(24, func(n int) (bool, error) {
			tries++
			if n < 1 || n > 24 {
				t.Fatalf("it tries %d agents", n)
			}
			return n <= fits, nil
		})
		if err != nil || got != min(fits, 24) || tries > 6 {
			t.Errorf("%d in %d tries (%v), want %d", got, tries, err, fits)
		}
	}
	boom := errors.New("boom")
	if _, err := MostAgents(3, func(int) (bool, error) { return false, boom }); !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
}
