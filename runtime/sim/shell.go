package sim

import (
	"slices"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/sim/cost"
)

// Shell is what stands between agents, core and engine in a node, for simulations that
// are compared with one. The zero Shell stands in nobody's way.
type Shell struct {
	// Core, where it is set, is what the node's core is made of, in place of CoreConfig;
	// the policy, FixedSteps and NoPrefetch are Config's all the same.
	Core *core.Config

	// In is what passes between the moment when a client sends a turn and the core's
	// hearing of it: delivery, template, tokens. Out is the same of its end, until the
	// client has the answer. Both are part of a program's time.
	In, Out programs.Duration

	// Between is what passes between the end of a step and the begin of the next where
	// nothing else is to do.
	Between programs.Duration

	// Jitter are factors of step times, each as likely as another: how long measured
	// steps took over what the model says of them. None is no jitter. Seed draws them.
	Jitter []float64
	Seed   uint64

	// Moves between device and host are the engine's own work: a piece of at most Piece
	// bytes after each step, which the next one waits for, and one after the other while
	// no step runs. Moves that no turn waits for go in pieces of Ahead bytes, and behind
	// the others. With 0 moves go beside the steps.
	Piece, Ahead programs.Bytes
}

// around is what passes between a client's reading of an answer's end and the arrival of
// what it sends next, beside what it does in between.
func (s *Shell) around() programs.Duration { return s.In + s.Out }

// copier does the engine's part in moves.
type copier struct {
	shell *Shell
	cost  *cost.Engine
	queue []copying
	under copying       // of which a piece is under way
	ends  programs.Time // of the piece; 0 when there is none
}

// copying is a move that the engine has yet to do so much of.
type copying struct {
	id    core.MoveID
	left  programs.Bytes
	ahead bool
}

// takes tells whether moves between these tiers are the engine's work.
func (c *copier) takes(a, b kvpin.Tier) bool { return c.shell.Piece > 0 && max(a, b) == kvpin.Host }

// add puts a move behind those that go before it: all of its own kind, and those that
// turns wait for before those that none does.
func (c *copier) add(m copying) {
	at := len(c.queue)
	if !m.ahead {
		at = c.waitedFor()
	}
	c.queue = slices.Insert(c.queue, at, m)
}

// waitedFor is how many moves there are that turns wait for; they are the first.
func (c *copier) waitedFor() int {
	if i := slices.IndexFunc(c.queue, func(m copying) bool { return m.ahead }); i >= 0 {
		return i
	}
	return len(c.queue)
}

// begin begins the next piece, if one can be.
func (c *copier) begin(now programs.Time) {
	if c.ends != 0 || len(c.queue) == 0 {
		return
	}
	c.under, c.queue = c.queue[0], c.queue[1:]
	piece := c.shell.Piece
	if c.under.ahead && c.shell.Ahead > 0 {
		piece = c.shell.Ahead
	}
	piece = min(piece, c.under.left)
	c.under.left -= piece
	c.ends = now.Add(max(programs.Seconds(float64(piece)/c.cost.HostBytes), 1))
}

// end ends the piece under way, and tells its move and whether that is done.
func (c *copier) end() (id core.MoveID, done bool) {
	c.ends = 0
	if c.under.left == 0 {
		return c.under.id, true
	}
	at := 0
	if c.under.ahead {
		at = c.waitedFor()
	}
	c.queue = slices.Insert(c.queue, at, c.under)
	return c.under.id, false
}

// jittered is a step's time as a real engine might take it.
func (s *simulation) jittered(took programs.Duration) programs.Duration {
	factors := s.cfg.Shell.Jitter
	if len(factors) == 0 {
		return took
	}
	return programs.Seconds(took.Seconds() * factors[s.chance.IntN(len(factors))])
}
