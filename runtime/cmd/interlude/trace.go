package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/interlude-run/interlude/runtime/eventlog"
	"github.com/interlude-run/interlude/runtime/trace/timeline"
)

type traceCmd struct {
	Program  string `arg:"" optional:"" predictor:"program" help:"The program whose run is shown, with its tenant in front or without. Without it, all."`
	EventLog string `help:"The log to read, as serve --event-log wrote it." required:"" type:"existingfile" placeholder:"FILE"`
	Perfetto string `help:"Write the run to a file in Chrome's trace event format, which https://ui.perfetto.dev opens." placeholder:"FILE"`
	JSON     bool   `help:"Print one JSON object: the spans, with the names of OpenTelemetry's conventions." name:"json"`
}

// Help implements kong.HelpProvider.
func (*traceCmd) Help() string {
	return "Replays the log and shows as a timeline what a run consisted of: turns with their time in the queue, restore, prefill and decode, and the gaps between them with what became of the cache. Why is told by explain. The log of a node that still runs can be read."
}

// Run prints the timeline, or writes it.
func (c *traceCmd) Run() error {
	log, err := eventlog.Open(c.EventLog)
	if err != nil {
		return err
	}
	defer log.Close()
	t, err := timeline.Read(log, c.Program)
	if err != nil {
		return err
	}
	if c.Perfetto != "" {
		if err := writeChrome(c.Perfetto, t); err != nil {
			return err
		}
	}
	switch {
	case c.JSON:
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(t)
	case c.Perfetto != "":
		_, err := fmt.Printf("%d spans are in %s; open it at https://ui.perfetto.dev\n", len(t.Spans), c.Perfetto)
		return err
	}
	return t.Print(os.Stdout)
}

func writeChrome(path string, t *timeline.Timeline) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the trace: %w", err)
	}
	if err := errors.Join(t.Chrome(f), f.Close()); err != nil {
		return fmt.Errorf("write the trace %s: %w", path, err)
	}
	return nil
}
