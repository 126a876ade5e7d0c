package timeline

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/trace/spans"
)

// chromeEvent is an event of Chrome's trace event format. Times are in microseconds.
type chromeEvent struct {
	Phase    string         `json:"ph"` // M names, X is a slice, i an instant, s and f the ends of an arrow
	Name     string         `json:"name"`
	Category string         `json:"cat,omitempty"`
	Process  int            `json:"pid"`
	Thread   int            `json:"tid"`
	At       json.Number    `json:"ts,omitempty"`
	Took     json.Number    `json:"dur,omitempty"`
	Scope    string         `json:"s,omitempty"`
	ID       spans.ID       `json:"id,omitempty"`
	Binds    string         `json:"bp,omitempty"`
	Args     map[string]any `json:"args,omitempty"`
}

// place is where a span is drawn.
type place struct{ process, thread int }

// Chrome writes the timeline in Chrome's trace event format.
func (t *Timeline) Chrome(out io.Writer) error {
	c := &chrome{timeline: t, tenants: map[programs.TenantID]int{}, lanes: map[programs.ProgramID][]*lane{}, places: map[spans.ID]place{}}
	for _, s := range t.Spans {
		c.span(s)
	}
	for _, s := range t.Spans {
		c.arrows(s)
	}
	return json.NewEncoder(out).Encode(map[string]any{
		"traceEvents": c.events, "displayTimeUnit": "ms",
		"otherData": map[string]string{"start": time.Unix(0, int64(t.Start)).UTC().Format(time.RFC3339Nano), "end": t.End, "conventions": spans.Conventions},
	})
}

type chrome struct {
	timeline *Timeline
	events   []chromeEvent
	tenants  map[programs.TenantID]int // processes
	lanes    map[programs.ProgramID][]*lane
	threads  int
	places   map[spans.ID]place
}

// lane is a thread. Spans that do not fit into one another are on different ones.
type lane struct {
	thread int
	open   []*spans.Span // that the next may be within
}

// takes puts a span into the lane, if it is within what is open there or behind it. Spans come by
// their starts, as far as they are of one parent.
func (l *lane) takes(s *spans.Span) bool {
	open := l.open
	for len(open) > 0 && open[len(open)-1].End <= s.Start {
		open = open[:len(open)-1]
	}
	if n := len(open); n > 0 && (s.Start < open[n-1].Start || s.End > open[n-1].End || s.Parent != open[n-1].ID) {
		return false
	}
	l.open = append(open, s)
	return true
}

// span draws a span and what happened in it.
func (c *chrome) span(s *spans.Span) {
	at := c.place(s)
	c.places[s.ID] = at
	args := object(s.Attributes)
	if s.Open {
		args["interlude.open"] = true
	}
	c.events = append(c.events, chromeEvent{
		Phase: "X", Name: s.Name(), Category: s.Operation.String(), Process: at.process, Thread: at.thread,
		At: c.timeline.micros(s.Start), Took: micros(s.Took()), Args: args,
	})
	for _, e := range s.Events {
		c.events = append(c.events, chromeEvent{
			Phase: "i", Name: e.Name, Category: "event", Scope: "t", Process: at.process, Thread: at.thread,
			At: c.timeline.micros(e.At), Args: object(e.Attributes),
		})
	}
}

// place finds the first lane of the program that takes the span: that of its parent, where it is one of
// those, or a new one.
func (c *chrome) place(s *spans.Span) place {
	process, known := c.tenants[s.Tenant]
	if !known {
		process = len(c.tenants) + 1
		c.tenants[s.Tenant] = process
		c.name("process_name", process, 0, "tenant "+string(s.Tenant))
	}
	for _, l := range c.lanes[s.Program] {
		if l.takes(s) {
			return place{process, l.thread}
		}
	}
	c.threads++
	l := &lane{thread: c.threads, open: []*spans.Span{s}}
	c.lanes[s.Program] = append(c.lanes[s.Program], l)
	name := string(s.Program)
	if n := len(c.lanes[s.Program]); n > 1 {
		name = fmt.Sprintf("%s (%d)", name, n)
	}
	c.name("thread_name", process, l.thread, name)
	return place{process, l.thread}
}

func (c *chrome) name(what string, process, thread int, name string) {
	c.events = append(c.events, chromeEvent{Phase: "M", Name: what, Process: process, Thread: thread, Args: map[string]any{"name": name}})
}

// arrows leads from what a parent did to the program that it began, where both are drawn.
func (c *chrome) arrows(s *spans.Span) {
	for _, l := range s.Links {
		from, drawn := c.places[l.Span]
		if !drawn {
			continue
		}
		to := c.places[s.ID]
		arrow := chromeEvent{Phase: "s", Name: "parent", Category: "link", ID: s.ID, Process: from.process, Thread: from.thread, At: c.timeline.micros(s.Start)}
		c.events = append(c.events, arrow)
		arrow.Phase, arrow.Binds, arrow.Process, arrow.Thread = "f", "e", to.process, to.thread
		c.events = append(c.events, arrow)
	}
}

// micros is a time from the log's start in microseconds, to the nanosecond.
func (t *Timeline) micros(at programs.Time) json.Number { return micros(at.Sub(t.Start)) }

func micros(d programs.Duration) json.Number {
	sign := ""
	if d < 0 { // a turn may have come in before the log's first event
		sign, d = "-", -d
	}
	return json.Number(fmt.Sprintf("%s%d.%03d", sign, d/programs.Microsecond, d%programs.Microsecond))
}
