package main

import (
	"encoding/json"
	"os"

	"github.com/interlude-run/interlude/runtime/eventlog"
	"github.com/interlude-run/interlude/runtime/explain"
)

type explainCmd struct {
	Program  string `arg:"" optional:"" predictor:"program" help:"The program whose story is told, with its tenant in front or without. Without it, a table of all."`
	EventLog string `help:"The log to read, as serve --event-log wrote it." required:"" type:"existingfile" placeholder:"FILE"`
	JSON     bool   `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (*explainCmd) Help() string {
	return "Replays the log and asks the scheduler itself, event for event: why each turn waited, why each cache was kept, moved or taken, and for whom. The log of a node that still runs can be read."
}

// Run prints what the log tells.
func (c *explainCmd) Run() error {
	log, err := eventlog.Open(c.EventLog)
	if err != nil {
		return err
	}
	defer log.Close()
	report, err := explain.Read(log, c.Program)
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(report)
	case report.Story != nil:
		return report.Story.Print(os.Stdout)
	}
	return report.Print(os.Stdout)
}
