package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/runtime/sim/score"
)

// TestBenchGaps scores drawn programs, online and unseen.
func TestBenchGaps(t *testing.T) {
	var out bytes.Buffer
	cmd := benchGapsCmd{Workloads: []string{"agentcgroup"}, Traces: t.TempDir(), Seed: 1, JSON: true} // no recordings there
	if err := cmd.score(&out); err != nil {
		t.Fatal(err)
	}
	var got struct{ Reports []score.Report }
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in %q", err, &out)
	}
	if len(got.Reports) != 2 {
		t.Fatalf("%d reports, want one online and one of unseen programs", len(got.Reports))
	}
	for _, r := range got.Reports {
		if r.Workload != "agentcgroup" || !strings.Contains(r.Source, "generated") || len(r.Scores) != len(score.Predictors()) || r.Gaps == 0 {
			t.Errorf("%s: %d gaps of %s from %s, %d predictors", r.Mode, r.Gaps, r.Workload, r.Source, len(r.Scores))
		}
	}
	if got.Reports[0].Gaps <= got.Reports[1].Gaps {
		t.Errorf("%d gaps online and %d of unseen programs, which are a part", got.Reports[0].Gaps, got.Reports[1].Gaps)
	}
}
