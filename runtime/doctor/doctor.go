package doctor

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/interlude-run/interlude/runtime/pull"
)

// Status is the outcome of a check, the worst last.
type Status int

const (
	OK   Status = iota // in order
	Warn               // the engine runs, with less than it could have
	Fail               // the engine does not run like this
)

func (s Status) String() string { return [...]string{"ok", "warn", "fail"}[s] }

// MarshalText makes a status a word in JSON.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Check is one thing looked at.
type Check struct {
	Name   string `json:"name"` // stable, for programs: "cpu", "engine", ...
	Status Status `json:"status"`
	Found  string `json:"found"`
	Do     string `json:"do,omitempty"` // what to do; empty when nothing has to be done
}

// Options says what the machine is looked at for.
type Options struct {
	Puller *pull.Puller // the cache to look at, and whether its files are hashed
	Device pull.Device  // "" is pull.CPU
	Model  string       // as for pull.Puller.Model
}

// Run makes every check, in an order from the machine to what runs on it.
func Run(ctx context.Context, o Options) []Check {
	if o.Device == "" {
		o.Device = pull.CPU
	}
	m := thisMachine()
	checks := []Check{
		m.platform(),
		m.libc(),
		m.libstdcxx(o.Device),
		m.cpu(),
		m.cores(),
		m.memory(),
		m.priority(),
		cache(o.Puller),
		m.engine(o.Puller, o.Device),
		model(o.Puller, o.Model),
		clients(),
	}
	checks = append(checks, m.nvidia(o.Device))
	for _, d := range []pull.Device{pull.CUDA, pull.Vulkan} {
		checks = append(checks, m.device(d, o.Device == d))
	}
	return checks
}

// Worst is the worst status among the checks.
func Worst(checks []Check) Status {
	worst := OK
	for _, c := range checks {
		worst = max(worst, c.Status)
	}
	return worst
}

// Write prints the checks for people, one to a line, with what to do below.
func Write(w io.Writer, checks []Check) error {
	width := 0
	for _, c := range checks {
		width = max(width, len(c.Name))
	}
	var b strings.Builder
	for _, c := range checks {
		fmt.Fprintf(&b, "%-4s  %-*s  %s\n", c.Status, width, c.Name, c.Found)
		if c.Do != "" {
			fmt.Fprintf(&b, "%*s→ %s\n", 4+2+width+2, "", c.Do)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
