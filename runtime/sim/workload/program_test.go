package workload

import (
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
)

func TestFinal(t *testing.T) {
	for i, want := range []programs.Tokens{2110, 1950, 2700, 2104} {
		p := &example()[i]
		if got := p.Final(); got != want {
			t.Errorf("Final of %s is %d, want %d", p.ID, got, want)
		}
	}
}

func TestRemaining(t *testing.T) {
	p := &example()[0]
	for _, c := range []struct {
		after int
		want  Work
	}{
		{-1, Work{Turns: 4, Prefill: 1800, Decode: 310, Gaps: 64*programs.Second + 20*ms}},
		{0, Work{Turns: 3, Prefill: 800, Decode: 260, Gaps: 64*programs.Second + 20*ms}},
		{1, Work{Turns: 2, Prefill: 400, Decode: 180, Gaps: 64 * programs.Second}},
		{2, Work{Turns: 1, Prefill: 100, Decode: 60, Gaps: 4 * programs.Second}},
		{3, Work{}},
	} {
		if got := p.Remaining(c.after); got != c.want {
			t.Errorf("Remaining(%d) is %+v, want %+v", c.after, got, c.want)
		}
	}
}

// TestCheckWorkload covers what a file cannot hold; TestReadRejects covers the rest.
func TestCheckWorkload(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(ps []Program)
		want  string
	}{
		{"an ID twice", func(ps []Program) { ps[3].ID = ps[0].ID }, "program claude/fix: another has its ID"},
		{"a parent behind its child", func(ps []Program) { ps[1].Parent = 3 }, "its parent 3 is not before it"},
		{"too much inherited", func(ps []Program) { ps[1].Turns[0].Prefix = 1531 }, "it inherits 1531 tokens, and its parent's turn left 1530"},
		{"a child of another", func(ps []Program) { ps[0].Turns[0].Children = []int{1} }, "turn 0: program 1 is no child of it"},
		{"a child that is not there", func(ps []Program) { ps[0].Turns[1].Children = []int{4} }, "turn 1: program 4 is no child of it"},
		{"a prefix without a key", func(ps []Program) { ps[0].SharedKey = "" }, `it has a shared prefix of 900 tokens under the key ""`},
		{"a key without a prefix", func(ps []Program) { ps[0].SharedPrefix = 0 }, "it has a shared prefix of 0 tokens"},
		{"a key with two lengths", func(ps []Program) { ps[1].SharedPrefix = 800 }, `it shares 800 tokens under the key "claude/0/900", and another shares 900`},
	} {
		ps := example()
		if err := Check(ps); err != nil {
			t.Fatal(err)
		}
		c.spoil(ps)
		if err := Check(ps); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %v, want %q", c.name, err, c.want)
		}
	}
}

// TestLimitsAddUp holds that sums over the longest program there may be fit.
func TestLimitsAddUp(t *testing.T) {
	p := Program{Turns: make([]Turn, maxTurns)}
	for i := range p.Turns {
		p.Turns[i] = Turn{Input: maxTokens, Output: maxTokens, Gap: maxGap}
	}
	w := p.Remaining(-1)
	if w.Gaps/maxTurns != maxGap || recordedRun(&p) < w.Gaps {
		t.Errorf("the sum of gaps is %v, the run %v", w.Gaps, recordedRun(&p))
	}
}
