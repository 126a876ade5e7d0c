package spans

import (
	"fmt"

	"github.com/interlude-run/interlude/programs"
)

// Span is a stretch of time in which a program did one thing.
type Span struct {
	ID     ID
	Parent ID // 0 of a program's

	Operation Operation
	Tool      string // that was called, of ExecuteTool, where it is known
	Program   programs.ProgramID
	Tenant    programs.TenantID
	Turn      programs.TurnNumber // of a turn and its parts; of a gap, the turn before

	Start, End programs.Time
	Open       bool // it went on when Close ended it

	Attributes []Attribute
	Events     []Event
	Links      []Link
}

// ID tells the spans of a Builder apart.
type ID uint64

// Attribute is a fact about a span or an event. The value is a string, []string, bool, int64 or float64.
type Attribute struct {
	Key   string
	Value any
}

// Event is something that happened in a span.
type Event struct {
	At         programs.Time
	Name       string
	Attributes []Attribute
}

// Link leads from a program to what its parent did when it began. Span is 0 where the parent is unknown.
type Link struct {
	Program programs.ProgramID
	Span    ID
}

// Operation is what a span is of.
type Operation uint8

// The operations.
const (
	InvokeAgent Operation = iota // a program
	Chat                         // a turn
	ExecuteTool                  // a gap
	AwaitPerson                  // a gap in which a person is waited for
	Queue                        // the parts of a turn
	Restore
	Fetch
	Prefill
	Decode
)

// String names the operation; the first three as the conventions do.
func (o Operation) String() string {
	return [...]string{"invoke_agent", "chat", "execute_tool", "await_person", "queue", "restore", "fetch", "prefill", "decode"}[o]
}

// conventional tells whether the conventions know the operation.
func (o Operation) conventional() bool { return o <= ExecuteTool }

// Part tells whether it is of a part of a turn.
func (o Operation) Part() bool { return o >= Queue }

// Name is the span's, of few kinds: no program or turn is named in it.
func (s *Span) Name() string {
	if s.Tool != "" {
		return fmt.Sprintf("%v %s", s.Operation, s.Tool)
	}
	return s.Operation.String()
}

// Took is the span's length.
func (s *Span) Took() programs.Duration { return s.End.Sub(s.Start) }

// Get gives the value of an attribute; nil is none.
func (s *Span) Get(key string) any { return get(s.Attributes, key) }

// Get gives the value of an attribute; nil is none.
func (e *Event) Get(key string) any { return get(e.Attributes, key) }

func get(attributes []Attribute, key string) any {
	for _, a := range attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return nil
}

// set gives the span an attribute.
func (s *Span) set(key string, value any) {
	s.Attributes = append(s.Attributes, Attribute{key, value})
}

// tell gives the span an event.
func (s *Span) tell(at programs.Time, name string, attributes ...Attribute) {
	s.Events = append(s.Events, Event{at, name, attributes})
}

// tokens is an attribute that counts tokens or cells.
func tokens(key string, n programs.Tokens) Attribute { return Attribute{key, int64(n)} }
