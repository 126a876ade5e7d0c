package replay

import (
	"strings"
	"testing"
	"time"
)

func took(seconds ...float64) *Outcome {
	o := &Outcome{Answers: [][]string{{"a", "b"}, {"c"}}, Used: Answer{Prefilled: 100, Reused: 50, Generated: 7}, Longest: 90, Reusable: 80}
	for _, s := range seconds {
		o.JCT = append(o.JCT, time.Duration(s*float64(time.Second)))
		o.TTFT = append(o.TTFT, time.Duration(s*float64(time.Second)/10))
	}
	return o
}

// TestReport compares each repetition with ours of the same, and all answers with our
// first.
func TestReport(t *testing.T) {
	r := Report{Repetitions: 3, Arms: []Arm{{Name: "interlude"}, {Name: "program-fcfs"}, {Name: "request-fcfs"}, {Name: "llama-server"}}}
	for _, mean := range []float64{2, 4, 2} {
		r.Add(0, took(mean-1, mean+1), Counts{Suspended: 3}, false)
		r.Add(1, took(mean*2-1, mean*2+1), Counts{}, false)
		other := took(8, 8)
		other.Answers = [][]string{{"a", "x"}, {"y"}}
		r.Add(3, other, Counts{}, true)
		if mean == 4 {
			r.Add(2, other, Counts{}, false)
		} else {
			r.Add(2, took(12, 12), Counts{Restored: 30}, false)
		}
	}
	r.Sum()
	if r.LRU != 2 || r.Request != 6 || r.Identical || r.Longest != 90 {
		t.Errorf("ratios %v and %v, identical %v, longest %d", r.LRU, r.Request, r.Identical, r.Longest)
	}
	ours, request := r.Arms[0], r.Arms[2]
	if ours.MeanJCT != 8.0/3 || ours.MaxJCT != 5 || ours.P99TTFT != 0.5 || ours.Prefilled != 100 || ours.Suspended != 3 || ours.Differ != 0 || ours.HitRate != 50.0/80 {
		t.Errorf("ours: %+v", ours)
	}
	if request.Spread != [2]float64{2, 6} || request.Differ != 2 || request.Restored != 20 {
		t.Errorf("request FCFS: %+v", request)
	}
	if other := r.Arms[3]; other.Differ != -1 || other.OverOurs != 4 || other.Spread != [2]float64{2, 4} {
		t.Errorf("the other server: %+v", other)
	}
	r.SLO, r.Tokens, r.Chars = &SLO{TTFT: time.Second, Share: 0.9}, 4, 120
	most := 17
	r.Arms[0].WithinSLO = &most
	var out strings.Builder
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"at most 4 tokens", "at most 120 characters", "90 % have the first token of each turn within 1s", "17\n"} {
		if !strings.Contains(out.String(), says) {
			t.Errorf("it does not say %q:\n%s", says, &out)
		}
	}
	if !strings.Contains(out.String(), "2 answers of request-fcfs are NOT those of interlude") || strings.Contains(out.String(), "are the same") {
		t.Errorf("it prints\n%s", &out)
	}
}

func TestQuantile(t *testing.T) {
	for _, tc := range []struct {
		q    float64
		want float64
	}{{0, 1}, {0.25, 1}, {0.26, 2}, {0.5, 2}, {0.95, 4}, {1, 4}} {
		if got := quantile([]float64{1, 2, 3, 4}, tc.q); got != tc.want {
			t.Errorf("the %v quantile is %v, want %v", tc.q, got, tc.want)
		}
	}
}
