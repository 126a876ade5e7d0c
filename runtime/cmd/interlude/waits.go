package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// waitFlags bound waits for first tokens.
type waitFlags struct {
	MaxWait           time.Duration `help:"The longest wait for a first token that is promised to turns that somebody waits for, where it can be kept: as long as their tenant asks for no more than its part. It holds under every policy. 0: no promise." default:"${maxwait}" env:"INTERLUDE_MAX_WAIT"`
	MaxWaitBackground time.Duration `help:"The same for turns of class background. 0: no promise." default:"${maxwaitbackground}" env:"INTERLUDE_MAX_WAIT_BACKGROUND"`
	Shed              bool          `help:"Turn away what cannot be promised its bound, with the error overloaded and the time after which to come again; otherwise it waits for longer." env:"INTERLUDE_SHED"`
}

// leastMaxWait is the shortest bound that makes sense: a few steps of an engine, and as many
// prompts.
const leastMaxWait = time.Second

// check refuses bounds that promise what no node can keep.
func (f *waitFlags) check() error {
	for _, bound := range []struct {
		flag string
		of   time.Duration
	}{{"--max-wait", f.MaxWait}, {"--max-wait-background", f.MaxWaitBackground}} {
		if bound.of != 0 && bound.of < leastMaxWait {
			return fmt.Errorf("%s is %v; it is at least %v, which a few steps of the engine take, or 0 to promise nothing", bound.flag, bound.of, leastMaxWait)
		}
	}
	if f.Shed && f.MaxWait == 0 && f.MaxWaitBackground == 0 {
		return errors.New("--shed turns away what cannot be promised its bound, and there is none: set --max-wait or --max-wait-background")
	}
	return nil
}

// guard is the scheduler's that keeps the bounds.
func (f *waitFlags) guard() *sched.Guard {
	g := sched.DefaultGuard
	g.Bound[programs.Interactive] = programs.Duration(f.MaxWait)
	g.Bound[programs.Background] = programs.Duration(f.MaxWaitBackground)
	g.Shed = f.Shed
	return &g
}

// String says in words what is promised.
func (f *waitFlags) String() string {
	bound := func(d time.Duration) string {
		if d == 0 {
			return "no bound"
		}
		return "up to " + d.String()
	}
	rest := "what cannot be promised that waits for longer"
	if f.Shed {
		rest = "what cannot be promised that is turned away"
	}
	return fmt.Sprintf("for first tokens %s, in the background %s; %s", bound(f.MaxWait), bound(f.MaxWaitBackground), rest)
}
