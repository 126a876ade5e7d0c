package toolpredict_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/toolpredict"
)

// TestRecalledModelIsTheSame has a model learn, and another go on from what it has learnt, by way
// of JSON: both say the same of all that follows, and forget the same names.
func TestRecalledModelIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := toolpredict.Config{Nodes: rapid.SampledFrom([]int{0, 8, 30}).Draw(t, "nodes")}
		m := toolpredict.New(cfg)
		for range rapid.IntRange(0, 300).Draw(t, "calls") {
			learnAny(t, m)
		}
		for _, p := range someNames {
			m.Forget(p)
		}
		before := m.Learnt()
		if err := before.Check(); err != nil {
			t.Fatal(err)
		}
		text := encoded(t, before)
		if again := encoded(t, m.Learnt()); !bytes.Equal(again, text) {
			t.Fatal("the same model gives another text")
		}
		var after toolpredict.Learnt
		if err := json.Unmarshal(text, &after); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(before, &after) {
			t.Fatalf("%s\nis read as\n%s", text, encoded(t, &after))
		}
		twin, err := toolpredict.Recall(cfg, &after)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 100).Draw(t, "more calls") {
			c := learnAny(t, m, twin)
			var a, b toolpredict.Estimate
			m.Estimate(c, &a)
			twin.Estimate(c, &b)
			if a != b {
				t.Fatalf("of %+v one expects %v, the other %v", c, a.Residual(0), b.Residual(0))
			}
		}
		if a, b := encoded(t, m.Learnt()), encoded(t, twin.Learnt()); !bytes.Equal(a, b) {
			t.Fatalf("one has learnt\n%s\nand the other\n%s", a, b)
		}
	})
}

var someNames = []string{"", "a", "b", "c", "d"}

// learnAny has the models learn from one call.
func learnAny(t *rapid.T, models ...*toolpredict.Model) toolpredict.Call {
	name := func(of string) string { return rapid.SampledFrom(someNames).Draw(t, of) }
	c := toolpredict.Call{
		Program: name("program"), Tenant: name("tenant"), Tool: name("tool"), Class: name("class"),
		Human: rapid.IntRange(0, 4).Draw(t, "human") == 0,
		Hint:  toolpredict.Seconds(rapid.SampledFrom([]float64{0, 0, 0.01, 3, 1e5}).Draw(t, "hint")),
	}
	took := toolpredict.Seconds(math.Pow(10, rapid.Float64Range(-5, 8).Draw(t, "exponent")))
	returned := rapid.IntRange(0, 3).Draw(t, "returned") > 0
	for _, m := range models {
		if returned {
			m.Observe(c, took)
		} else {
			m.GaveUp(c, took)
		}
	}
	return c
}

func encoded(t rapid.TB, l *toolpredict.Learnt) []byte {
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestRecallKeepsWhatWasUsedLast recalls more than there is room for.
func TestRecallKeepsWhatWasUsedLast(t *testing.T) {
	m := toolpredict.New(toolpredict.Config{})
	for i := range 50 {
		m.Observe(toolpredict.Call{Tenant: "a", Tool: fmt.Sprint(i)}, 1)
	}
	small, err := toolpredict.Recall(toolpredict.Config{Nodes: 10}, m.Learnt())
	if err != nil {
		t.Fatal(err)
	}
	if got := small.Kept("*"); got != 10 {
		t.Fatalf("%d nodes are kept, want 10", got)
	}
	tools := map[string]bool{}
	for _, n := range small.Learnt().Nodes {
		tools[n.Tool] = true
	}
	if !tools[""] || !tools["49"] || tools["40"] {
		t.Errorf("kept are %v", tools)
	}
}

// TestCheckRefuses spoils what was learnt, a field at a time.
func TestCheckRefuses(t *testing.T) {
	m := toolpredict.New(toolpredict.Config{})
	for i := range 30 {
		m.Observe(toolpredict.Call{Tenant: "a", Tool: "git", Class: "log", Hint: 3}, toolpredict.Seconds(i))
		m.GaveUp(toolpredict.Call{Tenant: "b", Tool: "ls"}, 100)
	}
	for name, c := range map[string]struct {
		spoil func(*toolpredict.Learnt)
		says  string
	}{
		"NaN":             {func(l *toolpredict.Learnt) { l.Tools.Sum = math.NaN() }, "NaN"},
		"infinite":        {func(l *toolpredict.Learnt) { l.Nodes[0].All.Sum = math.Inf(1) }, "sum"},
		"negative count":  {func(l *toolpredict.Learnt) { l.Nodes[0].All.Returned[3] = -1 }, "count"},
		"sum":             {func(l *toolpredict.Learnt) { l.Nodes[0].All.Sum++ }, "sum"},
		"weight":          {func(l *toolpredict.Learnt) { l.Nodes[0].Recent.Last = 0.5 }, "weight"},
		"no trust":        {func(l *toolpredict.Learnt) { l.Nodes[0].Trust = toolpredict.Trust{} }, "trust"},
		"too much trust":  {func(l *toolpredict.Learnt) { l.Fresh[0][0] = 1 }, "trust"},
		"belief":          {func(l *toolpredict.Learnt) { l.Records[0].Belief = 1 }, "belief"},
		"impossible":      {func(l *toolpredict.Learnt) { l.People.Fit.Chances[5] = 0 }, "chance"},
		"chances":         {func(l *toolpredict.Learnt) { l.People.Fit.Chances = l.People.Fit.Chances[1:] }, "chances"},
		"logarithms":      {func(l *toolpredict.Learnt) { l.Tools.Fit.Sum = 1e9 }, "logarithms"},
		"twice":           {func(l *toolpredict.Learnt) { l.Nodes = append(l.Nodes, l.Nodes[0]) }, "twice"},
		"order":           {func(l *toolpredict.Learnt) { l.Nodes[0].Tenant = "c" }, "order"},
		"class, no tool":  {func(l *toolpredict.Learnt) { l.Nodes[0].Tool, l.Nodes[0].Class = "", "log" }, "class"},
		"tenants":         {func(l *toolpredict.Learnt) { l.Tools.Added = append(l.Tools.Added, l.Tools.Added[0]) }, "tenant"},
		"tenant's sample": {func(l *toolpredict.Learnt) { l.Tools.Added[0].Samples = -1 }, "added"},
	} {
		t.Run(name, func(t *testing.T) {
			l := m.Learnt()
			c.spoil(l)
			if _, err := toolpredict.Recall(toolpredict.Config{}, l); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want something of %q", err, c.says)
			}
		})
	}
	if err := m.Learnt().Check(); err != nil {
		t.Errorf("spoiling a value has spoilt the model: %v", err)
	}
}

// FuzzRecall reads what may have been learnt: either it is refused, or estimates are proper.
func FuzzRecall(f *testing.F) {
	m := toolpredict.New(toolpredict.Config{})
	f.Add(mustJSON(f, m.Learnt()))
	for i := range 9 {
		m.Observe(toolpredict.Call{Tenant: "a", Tool: "git", Class: "log", Hint: 3}, toolpredict.Seconds(i))
		m.GaveUp(toolpredict.Call{Tenant: "b", Human: true}, 100)
	}
	f.Add(mustJSON(f, m.Learnt()))
	f.Add([]byte(`{"Nodes":[{"All":{"Returned":[[1e9,1]]}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var l toolpredict.Learnt
		if json.Unmarshal(text, &l) != nil {
			return
		}
		m, err := toolpredict.Recall(toolpredict.Config{Nodes: 100}, &l)
		if err != nil {
			return
		}
		for _, tenant := range []string{"a", "b"} {
			c := toolpredict.Call{Tenant: tenant, Tool: "git", Class: "log", Hint: 2, Human: tenant == "b"}
			for i := range 3 {
				m.Observe(c, toolpredict.Seconds(i))
				m.GaveUp(c, 50)
				var e toolpredict.Estimate
				m.Estimate(c, &e)
				if r, s := float64(e.Residual(1)), e.Survival(0); !(r > 0) || math.IsInf(r, 0) || math.Abs(s-1) > 1e-6 {
					t.Fatalf("a residual of %v, and a survival of %v at the beginning", r, s)
				}
			}
		}
		if err := m.Learnt().Check(); err != nil {
			t.Fatal(err)
		}
	})
}

func mustJSON(f *testing.F, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		f.Fatal(err)
	}
	return text
}

// BenchmarkLearnt is what the owner of a model that knows so many tools spends on giving what it
// has learnt; the second is full.
func BenchmarkLearnt(b *testing.B) {
	for _, tools := range []int{1000, 20_000} {
		b.Run(fmt.Sprint(tools), func(b *testing.B) {
			m := toolpredict.New(toolpredict.Config{})
			for i := range tools {
				m.Observe(toolpredict.Call{Tenant: "a", Tool: fmt.Sprint(i)}, toolpredict.Seconds(i%100))
			}
			for b.Loop() {
				m.Learnt()
			}
		})
	}
}
