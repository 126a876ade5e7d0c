package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// Record is one event of a log.
type Record struct {
	Line   int
	Now    programs.Time
	Event  core.Event
	Digest uint64 // of the effects that came of it
}

// kinds makes an event of each kind, by the name of its type.
var kinds = map[string]func() core.Event{
	"TurnArrived":      func() core.Event { return new(core.TurnArrived) },
	"TurnFetched":      func() core.Event { return new(core.TurnFetched) },
	"TurnCancelled":    func() core.Event { return new(core.TurnCancelled) },
	"ProgramEnded":     func() core.Event { return new(core.ProgramEnded) },
	"ToolStarted":      func() core.Event { return new(core.ToolStarted) },
	"ToolProgress":     func() core.Event { return new(core.ToolProgress) },
	"ContextRewritten": func() core.Event { return new(core.ContextRewritten) },
	"MoveDone":         func() core.Event { return new(core.MoveDone) },
	"StepDone":         func() core.Event { return new(core.StepDone) },
	"Tick":             func() core.Event { return new(core.Tick) },
}

// KindOf names the kind of an event.
func KindOf(ev core.Event) string { return reflect.TypeOf(ev).Elem().Name() }

// eventLine is a line behind the header: an event, or the end.
type eventLine struct {
	At     *programs.Time  `json:"at"`
	Event  string          `json:"event"`
	Of     json.RawMessage `json:"of"`
	Digest string          `json:"digest"`
	End    string          `json:"end"`
	Why    string          `json:"why"`
}

// appendEvent adds an event's line. Steps, which are most of a log, are written by
// hand: that allocates nothing, and their results stay readable.
func appendEvent(to []byte, now programs.Time, ev core.Event, digest uint64) ([]byte, error) {
	to = append(to, `{"at":`...)
	to = strconv.AppendInt(to, int64(now), 10)
	to = append(to, `,"event":"`...)
	to = append(to, KindOf(ev)...)
	to = append(to, `","of":`...)
	if done, ok := ev.(*core.StepDone); ok && len(done.Strayed) == 0 {
		to = appendStepDone(to, done)
	} else {
		if kinds[KindOf(ev)] == nil {
			return nil, fmt.Errorf("events of kind %s cannot be logged", KindOf(ev))
		}
		of, err := json.Marshal(ev)
		if err != nil {
			return nil, err
		}
		to = append(to, of...)
	}
	to = append(to, `,"digest":"`...)
	for shift := 60; shift >= 0; shift -= 4 {
		to = append(to, "0123456789abcdef"[digest>>shift&15])
	}
	return append(to, "\"}\n"...), nil
}

func appendStepDone(to []byte, ev *core.StepDone) []byte {
	to = append(to, `{"Status":`...)
	to = strconv.AppendUint(to, uint64(ev.Status), 10)
	to = append(to, `,"Results":[`...)
	for i, r := range ev.Results {
		if i > 0 {
			to = append(to, ',')
		}
		to = strconv.AppendUint(to, uint64(r), 10)
	}
	return append(to, "]}"...)
}

// decodeEvent reads the event of a line.
func decodeEvent(l *eventLine) (*Record, error) {
	if l.At == nil {
		return nil, errors.New(`"at", the time of the event, is missing`)
	}
	digest, err := strconv.ParseUint(l.Digest, 16, 64)
	if err != nil || len(l.Digest) != 16 {
		return nil, fmt.Errorf(`"digest" is %q; it has 16 hexadecimal digits`, l.Digest)
	}
	kind := kinds[l.Event]
	if kind == nil {
		return nil, fmt.Errorf("an event of kind %q, which this program does not know", l.Event)
	}
	ev := kind()
	if err := strictly(l.Of, ev); err != nil {
		return nil, fmt.Errorf("%s: %w", l.Event, err)
	}
	if err := possible(*l.At, ev); err != nil {
		return nil, fmt.Errorf("%s: %w", l.Event, err)
	}
	return &Record{Now: *l.At, Event: ev, Digest: digest}, nil
}

// possible refuses what no shell would tell a machine.
func possible(now programs.Time, ev core.Event) error {
	switch ev := ev.(type) {
	case *core.TurnArrived:
		switch {
		case ev.Arrived > now:
			return fmt.Errorf("Arrived is %d, after the event's time of %d", ev.Arrived, now)
		case ev.Class >= programs.Classes:
			return fmt.Errorf("there is no class %d", ev.Class)
		case ev.Keep < 0 || ev.Inherits < 0:
			return fmt.Errorf("Keep is %d and Inherits %d; neither is negative", ev.Keep, ev.Inherits)
		case ev.Past.Same < 0 || ev.Past.Tokens < ev.Past.Same:
			return fmt.Errorf("Past has %d tokens, and %d of them are the same", ev.Past.Tokens, ev.Past.Same)
		}
		return possibleRuns(ev)
	case *core.StepDone:
		if ev.Status > core.StepFailed {
			return fmt.Errorf("there is no status %d", ev.Status)
		}
		for _, s := range ev.Strayed {
			if s.Item < 0 || s.Span.From < 0 || s.Span.Count < 0 || !(s.By >= 0) {
				return fmt.Errorf("%+v has strayed from no item", s)
			}
		}
		for _, r := range ev.Results {
			if r > core.ItemFailed {
				return fmt.Errorf("there is no result %d", r)
			}
		}
	}
	return nil
}

// possibleRuns refuses runs that do not follow each other within the context.
func possibleRuns(ev *core.TurnArrived) error {
	last := programs.Tokens(0)
	for _, r := range ev.Runs {
		if r.At < last || r.Count < 1 || r.Count > ev.Context-r.At || r.From < 0 || r.From > math.MaxInt64-r.Count || r.Mend < 0 || r.Mend > r.Count {
			return fmt.Errorf("the run %+v is no part of %d tokens behind the first %d", r, ev.Context, last)
		}
		last = r.At + r.Count
	}
	return nil
}

// strictly reads one JSON value that has no field but those of v.
func strictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("not as it should be: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}
