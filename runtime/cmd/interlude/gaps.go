package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/interlude-run/interlude/runtime/sim/score"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

type benchGapsCmd struct {
	Workloads []string `help:"Agent programs whose gaps are predicted: ${workloads}." default:"agentcgroup,swebench-mini,weka" placeholder:"NAME" name:"workloads"`
	Traces    string   `help:"Folder with recorded runs; see sim." placeholder:"DIR" type:"path" env:"INTERLUDE_TRACES"`
	Seed      uint64   `help:"Of the order of the programs, and of the resampling." default:"1"`
	JSON      bool     `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (*benchGapsCmd) Help() string {
	return "Scores predictions of how long tools take on gaps that the predictor has not seen: online, learning from nothing, and for programs that none of what was learnt is from. The log score is in nats, the CRPS in seconds, less is better; \"behind\" is the difference to toolpredict, ± half of a 95 % interval from resampled programs."
}

// Run prints how all predictors do on each workload.
func (c *benchGapsCmd) Run(context.Context) error { return c.score(os.Stdout) }

func (c *benchGapsCmd) score(out io.Writer) error {
	var reports []score.Report
	for _, name := range c.Workloads {
		set, err := recordedOrDrawn(c.Traces, name, workload.MaxGap(0))
		if err != nil {
			return err
		}
		reports = append(reports, score.Online(set, c.Seed), score.Unseen(set, c.Seed))
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(struct {
			Reports []score.Report `json:"reports"`
		}{reports})
	}
	for _, r := range reports {
		if _, err := fmt.Fprintln(out, r); err != nil {
			return err
		}
	}
	return nil
}
