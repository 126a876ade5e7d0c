package timeline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/eventlog"
	"github.com/interlude-run/interlude/runtime/trace/spans"
)

// Timeline is what one program did, or what all did.
type Timeline struct {
	Start programs.Time // of the log
	Last  programs.Time // its last event
	End   string        // how the log ends
	Spans []*spans.Span // each behind its parent, by their starts
}

// Read replays a log and gives the spans of the program that is named, or of all without a
// name. A name without its tenant will do where there is one of it.
func Read(log *eventlog.Reader, program string) (*Timeline, error) {
	replay, err := eventlog.NewReplay(log)
	if err != nil {
		return nil, err
	}
	t := &Timeline{}
	names := map[programs.ProgramID]bool{}
	all := map[spans.ID][]*spans.Span{} // by their parents
	b := spans.New(func(s *spans.Span) {
		names[s.Program] = names[s.Program] || named(s.Program, program)
		if names[s.Program] {
			all[s.Parent] = append(all[s.Parent], s)
		}
	})
	first := true
	for step, err := range replay.Steps() {
		if err != nil {
			return nil, fmt.Errorf("the log cannot be replayed: %w", err)
		}
		if first {
			t.Start, first = step.Now, false
		}
		t.Last = step.Now
		b.Observe(step.Now, step.Event, step.Effects)
	}
	b.Close(t.Last)
	t.End = log.End().Why
	only, err := find(names, program)
	if err != nil {
		return nil, err
	}
	t.add(all, 0, only)
	return t, nil
}

// named tells whether a program may be the one that is wanted.
func named(id programs.ProgramID, wanted string) bool {
	return wanted == "" || string(id) == wanted || strings.HasSuffix(string(id), "/"+wanted)
}

// find gives the program that is wanted; empty is all.
func find(names map[programs.ProgramID]bool, wanted string) (programs.ProgramID, error) {
	if wanted == "" || names[programs.ProgramID(wanted)] {
		return programs.ProgramID(wanted), nil
	}
	var fit []string
	for id, fits := range names {
		if fits {
			fit = append(fit, string(id))
		}
	}
	slices.Sort(fit)
	switch len(fit) {
	case 0:
		return "", fmt.Errorf("no program %q is in the log; explain without a name lists the %d that are", wanted, len(names))
	case 1:
		return programs.ProgramID(fit[0]), nil
	}
	return "", fmt.Errorf("several tenants have a program %q: %s; name one in full", wanted, strings.Join(fit, ", "))
}

// add appends the children of a span, and theirs.
func (t *Timeline) add(all map[spans.ID][]*spans.Span, parent spans.ID, only programs.ProgramID) {
	children := all[parent]
	slices.SortFunc(children, func(a, b *spans.Span) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.ID, b.ID)) })
	for _, s := range children {
		if only == "" || s.Program == only {
			t.Spans = append(t.Spans, s)
			t.add(all, s.ID, only)
		}
	}
}

// at is a time in seconds from the log's start.
func (t *Timeline) at(when programs.Time) float64 { return when.Sub(t.Start).Seconds() }

// MarshalJSON implements json.Marshaler.
func (t *Timeline) MarshalJSON() ([]byte, error) {
	type event struct {
		At         float64        `json:"at"`
		Name       string         `json:"name"`
		Attributes map[string]any `json:"attributes,omitempty"`
	}
	type link struct {
		Program programs.ProgramID `json:"program"`
		Span    spans.ID           `json:"span,omitempty"`
	}
	type span struct {
		ID         spans.ID           `json:"id"`
		Parent     spans.ID           `json:"parent,omitempty"`
		Name       string             `json:"name"`
		Program    programs.ProgramID `json:"program"`
		Start      float64            `json:"start"` // in seconds from the log's
		Seconds    float64            `json:"seconds"`
		Open       bool               `json:"open,omitempty"`
		Attributes map[string]any     `json:"attributes"`
		Events     []event            `json:"events,omitempty"`
		Links      []link             `json:"links,omitempty"`
	}
	out := struct {
		Start       time.Time `json:"start"`
		Seconds     float64   `json:"seconds"`
		End         string    `json:"end"`
		Conventions string    `json:"conventions"`
		Spans       []span    `json:"spans"`
	}{time.Unix(0, int64(t.Start)).UTC(), t.at(t.Last), t.End, spans.Conventions, []span{}}
	for _, s := range t.Spans {
		j := span{ID: s.ID, Parent: s.Parent, Name: s.Name(), Program: s.Program, Start: t.at(s.Start), Seconds: s.Took().Seconds(), Open: s.Open, Attributes: object(s.Attributes)}
		for _, e := range s.Events {
			j.Events = append(j.Events, event{t.at(e.At), e.Name, object(e.Attributes)})
		}
		for _, l := range s.Links {
			j.Links = append(j.Links, link(l))
		}
		out.Spans = append(out.Spans, j)
	}
	return json.Marshal(out)
}

func object(attributes []spans.Attribute) map[string]any {
	o := map[string]any{}
	for _, a := range attributes {
		o[a.Key] = a.Value
	}
	return o
}
