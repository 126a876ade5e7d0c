package main

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/gbnf"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/grammar"
)

// TestConstrainedCases: the schemas lose nothing on the way to their grammars, which take what they
// should, and no more.
func TestConstrainedCases(t *testing.T) {
	cases, err := constrainedCases()
	if err != nil {
		t.Fatal(err)
	}
	const flight = `{"name": "search_flights", "arguments": {"from": "Rome", "to": "Lisbon", "date": "2026-05-03", "passengers": 3}}`
	const note = `{"name": "remember", "arguments": {"key": "seat_row", "value": "aisle", "until": null}}`
	for i, want := range []struct {
		takes   []string
		refuses []string
	}{
		{[]string{flight}, []string{note, `{}`, strings.Replace(flight, "3}", "10}", 1), strings.Replace(flight, "2026-05-03", "May", 1)}},
		{[]string{flight, note}, []string{`{}`, strings.Replace(note, "seat_row", "Seat", 1), strings.Replace(note, "remember", "forget", 1)}},
		{[]string{`{}`, flight, note}, []string{`[]`, `"text"`, "Sure!"}},
	} {
		c := &cases[i]
		if c.schema != nil {
			if _, loosened, err := grammar.New().Schema(c.schema, true); err != nil || len(loosened) > 0 {
				t.Errorf("%s: loosened %v, %v", c.name, loosened, err)
			}
		}
		g := compiled(t, c)
		for _, text := range want.takes {
			if m := g.Matcher(); !m.Accept([]byte(text)) || !m.Done() {
				t.Errorf("%s refuses %s", c.name, text)
			}
		}
		for _, text := range want.refuses {
			if m := g.Matcher(); m.Accept([]byte(text)) && m.Done() {
				t.Errorf("%s takes %s", c.name, text)
			}
		}
	}
}

func compiled(t *testing.T, c *constrainedCase) *gbnf.Grammar {
	t.Helper()
	text, err := c.grammar()
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	g, err := gbnf.Compile(text)
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return g
}

// TestConstrainedArms: the answers follow their grammars, the free arm decodes as much in the same cells, and chooses
// the same each time.
func TestConstrainedArms(t *testing.T) {
	fetched(t)
	o, err := (&modelFlags{Device: "cpu"}).obtain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e, err := (&engineFlags{Weights: "auto", KVType: replayKVType, KVBytes: 256 << 20, MaxStep: 512}).open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	template, err := chat.Compile(e.Vocab().ChatTemplate(), e.Vocab())
	if err != nil {
		t.Fatal(err)
	}
	cases, err := constrainedCases()
	if err != nil {
		t.Fatal(err)
	}
	b := &constrainedBench{engine: e, template: template, most: 12, questions: 1, repetitions: 2}
	for _, c := range []*constrainedCase{&cases[0], &cases[2]} {
		prompt, err := b.prefill(c.system, c.questions[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, choice := range constrainedChoices {
			text, _, err := b.held(c, choice.sampling, prompt, nil)
			if err != nil || len(text) == 0 || len(text) > b.most {
				t.Fatalf("%s, %s: %d tokens, %v", c.name, choice.name, len(text), err)
			}
			m := compiled(t, c).Matcher()
			for i, token := range text {
				if e.Vocab().IsEnd(token) {
					if i != len(text)-1 || !m.Done() {
						t.Errorf("%s, %s: an end in the middle", c.name, choice.name)
					}
				} else if !m.Accept(e.Vocab().Piece(token)) {
					t.Errorf("%s, %s: token %d is %q, which the grammar forbids", c.name, choice.name, i, e.Vocab().Piece(token))
				}
			}
			var took arms
			wished, err := b.repeat(c, choice.sampling, prompt, text, false, &took)
			if err != nil || len(wished) != len(text) || e.Len(benchSequence) != len(prompt)+len(text)-1 {
				t.Fatalf("%s, %s: %d choices for %d tokens in %d cells, %v", c.name, choice.name, len(wished), len(text), e.Len(benchSequence), err)
			}
			if took.free <= 0 || took.held <= took.making || took.making <= 0 {
				t.Errorf("%s, %s: took %+v", c.name, choice.name, took)
			}
			if again, err := b.free(choice.sampling, prompt, text); err != nil || !slices.Equal(again, wished) {
				t.Errorf("%s, %s: the free arm chooses %v and then %v, %v", c.name, choice.name, wished, again, err)
			}
		}
		if err := e.Release(benchSequence); err != nil {
			t.Fatal(err)
		}
		all, err := b.measure(t.Context(), c)
		if err != nil || len(all) != len(constrainedChoices) || all[0].tokens == 0 || all[0].answers != 1 {
			t.Errorf("%s: measured %+v, %v", c.name, all, err)
		}
	}
	if e.Memory().Sequences != 0 {
		t.Errorf("%d sequences are left", e.Memory().Sequences)
	}
}

// TestConstrainedFigures works ratios out of times.
func TestConstrainedFigures(t *testing.T) {
	const ms = time.Millisecond
	m := measured{choice: constrainedChoices[0], answers: 2, tokens: 100, otherwise: 25, repetitions: []arms{
		{free: 1000 * ms, held: 1250 * ms, making: 8 * ms}, // 0.8
		{free: 900 * ms, held: 1000 * ms, making: 8 * ms},  // 0.9
		{free: 1100 * ms, held: 1000 * ms, making: 4 * ms}, // 1.1
	}}
	f := m.figures("tool_call")
	if math.Abs(f.Ratio.Median-0.9) > 1e-9 || math.Abs(f.Ratio.Min-0.8) > 1e-9 || math.Abs(f.Ratio.Max-1.1) > 1e-9 ||
		f.Free != 100 || f.Held != 100 || f.Making != 4 || f.Otherwise == nil || *f.Otherwise != 0.25 {
		t.Errorf("%+v", f)
	}
	m.choice = constrainedChoices[1]
	if drawn := m.figures("tool_call"); drawn.Otherwise != nil {
		t.Errorf("a share of %v of tokens that were drawn", *drawn.Otherwise)
	}

	ratio := func(name string, median float64) constrainedFigures {
		f := f
		f.Case, f.Ratio.Median = name, median
		return f
	}
	r := constrainedReport{Cases: []constrainedFigures{
		ratio("tool_call", 0.99), ratio("tool_call", 0.98), ratio("twenty_tools", 0.95), ratio("twenty_tools", 1.01), ratio("json_object", 1.02),
	}}
	r.sum()
	var out bytes.Buffer
	if err := json.NewEncoder(&out).Encode(r); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]float64{
		"constrained_tps_ratio": 0.95, "tool_call_tps_ratio": 0.98, "twenty_tools_tps_ratio": 0.95, "json_object_tps_ratio": 1.02,
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	out.Reset()
	if err := r.print(&out); err != nil || !strings.Contains(out.String(), "the least ratio is 0.950") || strings.Count(out.String(), "25 %") != len(r.Cases) {
		t.Errorf("%v, printed %s", err, &out)
	}
}

// TestDiffering counts places.
func TestDiffering(t *testing.T) {
	if n := differing([]engine.Token{1, 2, 3}, []engine.Token{1, 5, 4}); n != 2 {
		t.Errorf("%d places differ, want 2", n)
	}
}
