package timeline_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/interlude-run/interlude/runtime/trace/spans"
	"github.com/interlude-run/interlude/runtime/trace/timeline"
)

// TestText compares timelines of scenes with testdata/text; go test -rewrite writes it anew.
//
//	trace SCENE [PROGRAM]
func TestText(t *testing.T) {
	datadriven.RunTest(t, "testdata/text", func(t *testing.T, d *datadriven.TestData) string {
		program := ""
		if len(d.CmdArgs) > 1 {
			program = d.CmdArgs[1].Key
		}
		tl, err := scenes[d.CmdArgs[0].Key](t).read(program)
		if err != nil {
			return err.Error() + "\n"
		}
		var out bytes.Buffer
		if err := tl.Print(&out); err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(out.String(), "\n\n", "\n|\n")
	})
}

// slice is an event of a trace as Perfetto reads it.
type slice struct {
	Phase   string `json:"ph"`
	Name    string
	Process int     `json:"pid"`
	Thread  int     `json:"tid"`
	Start   float64 `json:"ts"`
	Took    float64 `json:"dur"`
	ID      spans.ID
	Scope   string `json:"s"`
	Args    map[string]any
}

func (s *slice) end() float64 { return s.Start + s.Took }

// TestChrome reads traces of the scenes as their viewers do: slices of a thread are within one another or
// apart, a turn's parts add up to it, every thread has a name, and arrows end in slices.
func TestChrome(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(scenes)) {
		t.Run(name, func(t *testing.T) {
			tl, err := scenes[name](t).read("")
			if err != nil {
				t.Fatal(err)
			}
			threads, names, others := chromeOf(t, tl)
			drawn := 0
			for thread, slices := range threads {
				if names[thread] == "" {
					t.Errorf("thread %d has no name", thread)
				}
				drawn += len(slices)
				nested(t, slices)
			}
			if drawn != len(tl.Spans) || drawn == 0 {
				t.Errorf("%d spans are drawn of %d", drawn, len(tl.Spans))
			}
			arrows := map[spans.ID]string{}
			for _, e := range others {
				if within := slices.ContainsFunc(threads[e.Thread], func(s slice) bool { return s.Start <= e.Start && e.Start <= s.end() }); !within {
					t.Errorf("%s %s at %v is in no slice of its thread", e.Phase, e.Name, e.Start)
				}
				switch {
				case e.Phase == "i" && e.Scope != "t":
					t.Errorf("the instant %s has scope %q", e.Name, e.Scope)
				case e.Phase != "i":
					arrows[e.ID] += e.Phase
				}
			}
			for id, ends := range arrows {
				if ends != "sf" {
					t.Errorf("arrow %d has the ends %q", id, ends)
				}
			}
			if name == "fork" && len(arrows) != 1 {
				t.Errorf("%d arrows lead from parents", len(arrows))
			}
			if name == "overlap" && len(threads) != 2 {
				t.Errorf("turns that overlap are on %d threads", len(threads))
			}
		})
	}
}

// chromeOf gives the slices of each thread, its name, and what else is in a trace.
func chromeOf(t *testing.T, tl *timeline.Timeline) (threads map[int][]slice, names map[int]string, others []slice) {
	t.Helper()
	var out bytes.Buffer
	if err := tl.Chrome(&out); err != nil {
		t.Fatal(err)
	}
	var trace struct{ TraceEvents []slice }
	if err := json.Unmarshal(out.Bytes(), &trace); err != nil {
		t.Fatal(err)
	}
	threads, names = map[int][]slice{}, map[int]string{}
	for _, e := range trace.TraceEvents {
		switch {
		case e.Phase == "X":
			threads[e.Thread] = append(threads[e.Thread], e)
		case e.Phase == "M" && e.Name == "thread_name":
			names[e.Thread] = fmt.Sprint(e.Args["name"])
		case e.Phase != "M":
			others = append(others, e)
		}
	}
	return threads, names, others
}

// nested holds the slices of a thread to a stack, and the parts of turns to their sum.
func nested(t *testing.T, all []slice) {
	t.Helper()
	const rounding = 1e-3 // of microseconds in floating point
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b slice) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.Took, a.Took))
	})
	var stack []int
	parts := map[int]float64{}
	for i, s := range all {
		for len(stack) > 0 && all[stack[len(stack)-1]].end() <= s.Start+rounding {
			stack = stack[:len(stack)-1]
		}
		if len(stack) > 0 {
			over := all[stack[len(stack)-1]]
			if s.end() > over.end()+rounding {
				t.Errorf("%s [%v, %v] is partly in %s [%v, %v]", s.Name, s.Start, s.end(), over.Name, over.Start, over.end())
			}
			if over.Name == "chat" {
				parts[stack[len(stack)-1]] += s.Took
			}
		}
		stack = append(stack, i)
	}
	for i, s := range all {
		if d := parts[i] - s.Took; s.Name == "chat" && (d > rounding || d < -rounding) {
			t.Errorf("the parts of a turn add up to %v µs, and it took %v", parts[i], s.Took)
		}
	}
}

// TestJSON reads the object and finds each span below its parent.
func TestJSON(t *testing.T) {
	tl, err := scenes["fork"](t).read("scout")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(tl)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Conventions string
		Spans       []struct {
			ID, Parent spans.ID
			Name       string
			Program    string
			Attributes map[string]any
			Links      []struct {
				Program string
				Span    spans.ID
			}
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	seen := map[spans.ID]bool{0: true}
	for i, s := range got.Spans {
		if s.Program != "x/scout" || !seen[s.Parent] || s.Attributes["gen_ai.conversation.id"] != "x/scout" {
			t.Errorf("span %+v", s)
		}
		if (i == 0) != (s.Name == "invoke_agent" && len(s.Links) == 1 && s.Links[0].Program == "x/lead" && s.Links[0].Span > 0) {
			t.Errorf("span %d is %+v", i, s)
		}
		seen[s.ID] = true
	}
	if len(got.Spans) < 4 || got.Conventions != spans.Conventions {
		t.Errorf("%s", text)
	}
}
