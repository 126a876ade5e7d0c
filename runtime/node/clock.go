package node

import (
	"time"

	"github.com/interlude-run/interlude/programs"
)

// clock tells the core the time: nanoseconds since 1970, so that the arrival of
// a turn compares with that of turns that came before this node was started. It
// runs on from its start whatever happens to the wall clock.
type clock struct {
	start  time.Time
	origin programs.Time
}

func newClock() clock {
	start := time.Now()
	return clock{start, programs.Time(start.UnixNano())}
}

func (c clock) now() programs.Time { return c.origin.Add(programs.Duration(time.Since(c.start))) }

// at is the instant of a wall clock's time.
func (c clock) at(t time.Time) programs.Time { return programs.Time(t.UnixNano()) }

// until is how long a timer must wait for an instant.
func (c clock) until(at programs.Time) time.Duration { return time.Duration(at.Sub(c.now())) }
