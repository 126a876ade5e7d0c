package eventlog

import (
	"fmt"
	"iter"
	"runtime"
	"strings"

	"github.com/interlude-run/interlude/runtime/core"
)

// Replay makes the decisions of a log again.
type Replay struct {
	// Machine is the log's, as it was after the step that Steps gave last.
	Machine *core.Machine

	// Before, where it is set, is called with each event before the machine takes
	// it.
	Before func(*Record)

	log *Reader
}

// Step is an event and what the machine did. The effects are valid until the next.
type Step struct {
	*Record
	Effects []core.Effect
}

// NewReplay makes the machine of a log.
func NewReplay(log *Reader) (*Replay, error) {
	m, err := log.Header().Machine()
	if err != nil {
		return nil, fmt.Errorf("make the machine of the log: %w", err)
	}
	return &Replay{Machine: m, log: log}, nil
}

// Steps has the machine take every event in turn. An error is the last: a line that
// cannot be read, an event that the machine does not take, or a Difference. The Step
// of a Difference comes with it.
func (p *Replay) Steps() iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		for rec, err := range p.log.Records() {
			if err != nil {
				yield(Step{}, err)
				return
			}
			if p.Before != nil {
				p.Before(rec)
			}
			effects, err := p.step(rec)
			if err != nil {
				yield(Step{Record: rec}, err)
				return
			}
			step := Step{rec, effects}
			if Digest(effects) != rec.Digest {
				yield(step, p.difference(step))
				return
			}
			if !yield(step, nil) {
				return
			}
		}
	}
}

// step holds a log to what a machine may be told; the machine panics at the rest.
func (p *Replay) step(rec *Record) (effects []core.Effect, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			panic(p)
		default:
			err = fmt.Errorf("line %d: the machine cannot take this event: %v", rec.Line, p)
		}
	}()
	return p.Machine.Step(rec.Now, rec.Event), nil
}

// Difference says that a machine decided otherwise than the log says.
type Difference struct {
	Step    Step
	Effects []string // that came now
	Foreign string   // how the log's program is another than this, if it is
}

func (p *Replay) difference(s Step) *Difference {
	d := &Difference{Step: s}
	for i := range s.Effects {
		d.Effects = append(d.Effects, s.Effects[i].String())
	}
	switch h := p.log.Header(); {
	case h.Arch != runtime.GOARCH:
		d.Foreign = fmt.Sprintf("the log was written on %s, this is %s, which may round otherwise", h.Arch, runtime.GOARCH)
	case h.Build != build():
		d.Foreign = fmt.Sprintf("the log was written by build %q, this is %q", h.Build, build())
	}
	return d
}

// Error implements error.
func (d *Difference) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "line %d: %s at %d is decided otherwise than it was; now it gives", d.Step.Line, KindOf(d.Step.Event), d.Step.Now)
	if len(d.Effects) == 0 {
		b.WriteString(" nothing")
	}
	for _, e := range d.Effects {
		b.WriteString("\n  " + e)
	}
	if d.Foreign != "" {
		b.WriteString("\n" + d.Foreign)
	}
	return b.String()
}
