package workload

import (
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/programs"
)

func TestScale(t *testing.T) {
	ps := example()
	got := Scale(ps, 0.1, 2)
	want := Program{
		ID: "claude/fix", Source: "claude", Parent: -1, SharedPrefix: 90, SharedKey: "claude/0/900",
		Turns: []Turn{
			{Input: 100, Output: 5, Tool: "Read", Gap: 40 * ms},
			{Prefix: 105, Input: 40, Output: 8, Tool: "Task", Gap: 2 * programs.Minute},
			{Prefix: 153, Input: 30, Output: 12, Tool: "Bash", Class: "pytest", Gap: 8 * programs.Second},
			{Prefix: 195, Input: 10, Output: 6},
		},
	}
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("Scale gave\n%+v\nwant\n%+v", got[0], want)
	}
	if !reflect.DeepEqual(ps, example()) {
		t.Error("scaling has changed the programs")
	}
	if one := Scale(ps, 1, 1); !reflect.DeepEqual(one, ps) {
		t.Errorf("scaled by 1 the programs are\n%+v\nwant\n%+v", one, ps)
	}
}

// TestScaleKeepsWorkloads scales generated families by any factor.
func TestScaleKeepsWorkloads(t *testing.T) {
	s, err := Forks(1, 5, 3)
	if err != nil {
		t.Fatal(err)
	}
	weka, err := Generate("weka", 1, 10)
	if err != nil {
		t.Fatal(err)
	}
	s.Programs = append(s.Programs, weka.Programs...)
	ps := s.DrawFamilies(1, 10, noLimit)
	rapid.Check(t, func(t *rapid.T) {
		tokens := rapid.Float64Range(1e-6, 1).Draw(t, "tokens")
		scaled := Scale(ps, tokens, rapid.Float64Range(0, 1e6).Draw(t, "gaps"))
		if err := Check(scaled); err != nil {
			t.Fatal(err)
		}
		for i := range ps {
			final, got := float64(ps[i].Final())*tokens, float64(scaled[i].Final())
			if slack := 2 * float64(len(ps[i].Turns)+20); math.Abs(got-final) > slack {
				t.Fatalf("program %d ends with %v tokens, want %v", i, got, final)
			}
			for j := range ps[i].Turns {
				kept := ps[i].Turns[j].Prefix == before(ps, i, j).end()
				if keeps := scaled[i].Turns[j].Prefix == before(scaled, i, j).end(); kept && !keeps {
					t.Fatalf("program %d: turn %d no longer keeps all of the one before", i, j)
				}
			}
		}
	})
}
