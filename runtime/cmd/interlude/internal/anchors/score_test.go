package anchors

import (
	"math"
	"testing"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestDivergence(t *testing.T) {
	p := logProbabilities([]float32{0, 0})
	q := logProbabilities([]float32{float32(math.Log(3)), 0}) // ¾ and ¼
	want := 0.5*math.Log(0.5/0.75) + 0.5*math.Log(0.5/0.25)
	if got := divergence(p, q); math.Abs(got-want) > 1e-7 {
		t.Errorf("KL of (½ ½) and (¾ ¼) is %v, want %v", got, want)
	}
	if got := divergence(q, q); got != 0 {
		t.Errorf("KL of equals is %v", got)
	}
	// A constant that all logits have says nothing.
	if a, b := logProbabilities([]float32{1, 2, 3}), logProbabilities([]float32{1001, 1002, 1003}); !near(a[0], b[0]) {
		t.Errorf("log-probability %v with small logits, %v with large ones", a[0], b[0])
	}
	if got := likeliest([]float64{-2, -1, -1}); got != 1 {
		t.Errorf("the likeliest is %d, want the first of the equal", got)
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for share, want := range map[float64]float64{0: 1, .1: 1, .5: 5, .51: 6, .99: 10, 1: 10} {
		if got := quantile(values, share); got != want {
			t.Errorf("quantile %v is %v, want %v", share, got, want)
		}
	}
}

// Programs are drawn, not samples: many samples of one program make an interval no narrower.
func TestIntervalsAreOverPrograms(t *testing.T) {
	samples := []Sample{{Program: 1, KL: []float64{1}, Top1: 1}, {Program: 2, KL: []float64{3}}}
	few := Pool(samples)
	if few.Mean != 2 || few.Between != [2]float64{1, 3} || few.Top1 != 0.5 || few.Max != 3 || few.P99 != 3 {
		t.Errorf("pooled: %+v", few)
	}
	var many []Sample
	for range 20 {
		many = append(many, samples...)
	}
	if got := Pool(many); got.Between != few.Between || got.Programs != 2 || got.Samples != 40 {
		t.Errorf("pooled twenty times: %+v, once: %+v", got, few)
	}
	if got := Pool(nil); got.Samples != 0 {
		t.Errorf("pooled of nothing: %+v", got)
	}
}

func TestSummariesAreByCaseAndArm(t *testing.T) {
	all := Summarise([]Sample{
		{Case: "a", Arm: "x", KL: []float64{1}}, {Case: "a", Arm: "y", KL: []float64{2}}, {Case: "b", Arm: "x", KL: []float64{3}},
		{Case: "a", Arm: "x", KL: []float64{5}, Moved: 7},
	})
	if len(all) != 3 || all[0].Case != "a" || all[0].Arm != "x" || all[0].Mean != 3 || all[0].Moved != 7 || all[1].Mean != 2 || all[2].Mean != 3 {
		t.Errorf("summaries: %+v", all)
	}
}
