package score_test

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"reflect"
	"testing"

	"github.com/interlude-run/interlude/runtime/sim/score"
	"github.com/interlude-run/interlude/runtime/sim/workload"
	"github.com/interlude-run/interlude/toolpredict"
)

// margin is by how many nats the model may be worse than one histogram of all gaps:
// what it costs to find out that nothing else helps.
const margin = 0.01

// TestScores scores all predictors on generated workloads, and on recorded ones where
// there are some; -v shows the tables.
func TestScores(t *testing.T) {
	for _, name := range []string{"agentcgroup", "swebench-mini", "weka", "swebench", "bfcl"} {
		t.Run(name, func(t *testing.T) {
			s, err := workload.Generate(name, 1, 200, workload.MaxGap(0))
			if err != nil {
				t.Fatal(err)
			}
			check(t, s)
		})
	}
	dir := os.Getenv("INTERLUDE_TRACES")
	if dir == "" {
		dir = "../../../../shared/traces"
	}
	for _, name := range []string{"agentcgroup", "swebench-mini", "weka"} {
		s, err := workload.Load(dir, name, workload.MaxGap(0))
		if errors.Is(err, fs.ErrNotExist) {
			t.Logf("not scored: %v", err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name+" recorded", func(t *testing.T) { check(t, s) })
	}
}

func check(t *testing.T, s *workload.Set) {
	for _, r := range []score.Report{score.Online(s, 1), score.Unseen(s, 1)} {
		t.Log("\n" + r.String())
		for _, p := range r.Scores {
			if p.Predictor == "one histogram" && p.Behind.Log.Mean < -margin {
				t.Errorf("%s: one histogram of all gaps is better by %.3f nats", r.Mode, -p.Behind.Log.Mean)
			}
		}
	}
}

// TestSameSeedSameScores scores twice.
func TestSameSeedSameScores(t *testing.T) {
	s, err := workload.Generate("agentcgroup", 1, 20)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := score.Online(s, 3), score.Online(s, 3); !reflect.DeepEqual(a, b) {
		t.Errorf("%v\nand then\n%v", a, b)
	}
	if a, b := score.Online(s, 3), score.Online(s, 4); reflect.DeepEqual(a.Scores, b.Scores) {
		t.Error("another seed gives the same scores")
	}
}

// TestRules holds the scores of a forecast against sums over draws from it.
func TestRules(t *testing.T) {
	var f score.Forecast
	for i := range f {
		f[i] = 1e-9
	}
	f[25], f[26] = 0.25, 0.75 // from 1 s, 10^(1/8) s, to 10^(2/8) s
	edge := math.Pow(10, 1.0/8)
	for _, c := range []struct{ t, log float64 }{
		{1.1, -math.Log(0.25 / math.Log(edge))},
		{1.5, -math.Log(0.75 / math.Log(edge))},
		{0.5, -math.Log(1e-9 / math.Log(edge))},
	} {
		if got := f.LogScore(c.t); math.Abs(got-c.log) > 1e-9 {
			t.Errorf("LogScore(%v) = %v, want %v", c.t, got, c.log)
		}
		below := func(x float64) float64 {
			at := math.Log(x) / math.Log(edge)
			return min(max(0, at)*0.25, 0.25) + min(max(0, at-1)*0.75, 0.75)
		}
		want, step := 0.0, 1e-5
		for x := step / 2; x < 2; x += step {
			d := below(x)
			if x >= c.t {
				d--
			}
			want += d * d * step
		}
		if got := f.CRPS(c.t); math.Abs(got-want) > 1e-4 {
			t.Errorf("CRPS(%v) = %v, want %v", c.t, got, want)
		}
	}
}

// spy records what a predictor is asked and told.
type spy struct{ log []string }

func (s *spy) Forecast(c toolpredict.Call) score.Forecast {
	s.log = append(s.log, "forecast "+c.Tool)
	return score.Forecast{}
}

func (s *spy) Observe(c toolpredict.Call, took toolpredict.Seconds) {
	s.log = append(s.log, "observe "+c.Tool)
}

// TestNothingIsKnownBeforeItEnds plays gaps that overlap.
func TestNothingIsKnownBeforeItEnds(t *testing.T) {
	gap := func(tool string, begin, end float64) score.Gap {
		return score.Gap{Call: toolpredict.Call{Tool: tool}, Took: toolpredict.Seconds(end - begin), Begin: begin, End: end}
	}
	var s spy
	score.Play([]score.Gap{gap("a", 0, 10), gap("b", 1, 2), gap("c", 2, 2), gap("d", 3, 9)}, &s, func(g score.Gap, _ *score.Forecast) {
		s.log = append(s.log, "score "+g.Call.Tool)
	})
	want := []string{
		"forecast a", "forecast b", "score b", "observe b", "forecast c", "score c", "observe c",
		"forecast d", "score d", "observe d", "score a", "observe a",
	}
	if !reflect.DeepEqual(s.log, want) {
		t.Errorf("%v\nwant\n%v", s.log, want)
	}
}
