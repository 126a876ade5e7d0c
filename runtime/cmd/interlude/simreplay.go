package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
)

// replayed is what a strict replay of an event log comes to.
type replayed struct {
	File     string         `json:"file"`
	Policy   string         `json:"policy"`
	Build    string         `json:"build"` // that wrote the log
	Events   int            `json:"events"`
	Same     int            `json:"same"` // events that were decided as they were then
	Kinds    map[string]int `json:"kinds"`
	Programs int            `json:"programs"`
	Turns    int            `json:"turns"` // taken in
	Seconds  float64        `json:"seconds"`
	End      string         `json:"end"` // how the log ends
	Whole    bool           `json:"whole"`

	// Of the first event that is decided otherwise, behind which nothing is replayed.
	Difference *difference `json:"difference,omitempty"`
}

type difference struct {
	Line    int      `json:"line"`
	Event   string   `json:"event"`
	Effects []string `json:"effects"` // that come now
	Foreign string   `json:"foreign,omitempty"`
}

// errDifferent makes the exit status that of a failure.
var errDifferent = errors.New("the log is decided otherwise than it was")

// replay replays the log, and prints what it has and whether the decisions are the
// same.
func (c *simCmd) replay(out io.Writer) error {
	log, err := eventlog.Open(c.Replay)
	if err != nil {
		return err
	}
	defer log.Close()
	show := func(eventlog.Step, float64) {}
	if c.Effects {
		show = func(s eventlog.Step, at float64) { showStep(out, s, at) }
	}
	found, err := replayLog(log, show)
	if err != nil {
		return fmt.Errorf("replay %s: %w", c.Replay, err)
	}
	found.File = c.Replay
	if c.JSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		err = e.Encode(found)
	} else {
		err = found.print(out)
	}
	if err == nil && found.Difference != nil {
		return errDifferent
	}
	return err
}

// replayLog gives each step, with its time in seconds, to show.
func replayLog(log *eventlog.Reader, show func(eventlog.Step, float64)) (*replayed, error) {
	r := &replayed{Policy: log.Header().Policy, Build: log.Header().Build, Kinds: map[string]int{}}
	p, err := eventlog.NewReplay(log)
	if err != nil {
		return nil, err
	}
	var start programs.Time
	known := map[programs.ProgramID]bool{}
	for step, err := range p.Steps() {
		d, different := errors.AsType[*eventlog.Difference](err)
		if err != nil && !different {
			return nil, err
		}
		if r.Events == 0 {
			start = step.Now
		}
		r.Events++
		r.Kinds[eventlog.KindOf(step.Event)]++
		r.Seconds = step.Now.Sub(start).Seconds()
		show(step, r.Seconds)
		if ev, ok := step.Event.(*core.TurnArrived); ok {
			r.Turns++
			known[ev.Turn.Program] = true
		}
		for i := range step.Effects {
			if step.Effects[i].Kind == core.RejectTurn {
				r.Turns--
			}
		}
		if different {
			r.Difference = &difference{d.Step.Line, eventlog.KindOf(d.Step.Event), d.Effects, d.Foreign}
			break
		}
		r.Same++
	}
	r.Programs = len(known)
	r.End, r.Whole = log.End().Why, log.End().Closed
	if r.Difference != nil {
		r.End = "not read so far"
	}
	return r, nil
}

// showStep writes an event and what came of it.
func showStep(out io.Writer, s eventlog.Step, at float64) {
	event := strings.TrimPrefix(fmt.Sprintf("%+v", s.Event), "&")
	fmt.Fprintf(out, "%10.3f s  %s %s\n", at, eventlog.KindOf(s.Event), event)
	for i := range s.Effects {
		fmt.Fprintf(out, "              %v\n", s.Effects[i])
	}
}

func (r *replayed) print(out io.Writer) error {
	fmt.Fprintf(out, "%s\npolicy     %s, written by build %s\nevents     %d in %.1f s, of %d programs and %d turns\nend        %s\n",
		r.File, r.Policy, r.Build, r.Events, r.Seconds, r.Programs, r.Turns, r.End)
	if d := r.Difference; d != nil {
		fmt.Fprintf(out, "decisions  the first %d are the same\nline %d: %s is decided otherwise than it was; now it gives\n", r.Same, d.Line, d.Event)
		for _, e := range d.Effects {
			fmt.Fprintf(out, "  %s\n", e)
		}
		if len(d.Effects) == 0 {
			fmt.Fprintln(out, "  nothing")
		}
		if d.Foreign != "" {
			fmt.Fprintln(out, d.Foreign)
		}
		return nil
	}
	_, err := fmt.Fprintf(out, "decisions  the same: %d of %d\n", r.Same, r.Events)
	return err
}
