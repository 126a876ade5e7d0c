package core

import (
	"errors"
	"fmt"
	"slices"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/toolpredict"
)

// Config says what a machine has to work with.
type Config struct {
	// Geometry is the engine's, in plain numbers.
	Geometry kvpin.Geometry

	// MaxContext is the longest context the model takes, in tokens.
	MaxContext programs.Tokens

	// StepTokens is the most tokens in one step. A smaller budget lets decodes
	// wait less behind prompts; a larger one prefills faster.
	StepTokens programs.Tokens

	// Tile is how many tokens of a step take the engine as long as one does: the rows of a
	// tile of its matrix products. 0 is 1.
	Tile programs.Tokens `json:",omitempty"`

	// MaxRunning is the most turns that run at once, at most StepTokens, so that
	// every decode has its place in every step.
	MaxRunning int

	// MaxWaiting is the most turns that wait; one more is rejected as
	// Overloaded. 0 is no limit.
	MaxWaiting int

	// ForgetAfter is how long a program may stay without a turn before it is
	// taken to have ended. 0 is for ever; then whoever never says that it has ended is
	// known for ever, too.
	ForgetAfter programs.Duration

	// Policy decides who is in memory; nil is the default of sched.Policies.
	Policy func(sched.Env) sched.Policy

	// FixedSteps fills every step with prompts up to StepTokens, in the order of
	// the policy, as other servers do. Otherwise steps are as full as pays, and
	// prompts go in the order of Prompts.
	FixedSteps bool

	// Steps are other rules for steps that are not fixed.
	Steps Steps

	// Guard bounds waits; the zero Guard bounds none.
	Guard sched.Guard

	// Prompts says which prompts go first; zero is sched.DefaultPrompts.
	Prompts sched.Prompts

	// Shares are the tenants' weights and quotas.
	Shares map[programs.TenantID]sched.Share

	// Host and Disk are the sizes of the lower tiers; 0 is none.
	Host, Disk programs.Bytes

	// NoPrefetch has cells come back from lower tiers no sooner than the turn that
	// wants them is admitted.
	NoPrefetch bool

	// Rates are what is assumed of the engine and the tiers before anything has
	// been measured.
	Rates Rates

	// Tools says how durations of tools are learnt.
	Tools toolpredict.Config

	// Learnt is what the machine begins with, of a machine that was before it; nil is
	// nothing. Where it knows speeds, these go before Rates. The machine keeps nothing of it.
	Learnt *Learnt `json:",omitempty"`
}

// Steps say how steps are filled otherwise than they are where the core serves, to find
// out what each rule is worth. The zero Steps is how it serves.
type Steps struct {
	Unpaced   bool    // prompts take all of StepTokens that decodes leave
	Unhurried bool    // late prompts are paced as others are
	Untiled   bool    // paced steps need not have whole tiles
	Share     float64 // of what hides, that a step takes in of prompt; 0 is 0.8
	PiledUp   float64 // of it, that each prompt adds; 0 is 0.1
	Many      float64 // prompts under way, from which on steps are full where little hides; 0 is 2
	Crowd     float64 // decodes beside each of them, at most; 0 is 4
	Hides     float64 // the part that is little when less than it hides; 0 is 0.75
}

// The limits of a node that is told nothing else; the first two are a simulated one's, too.
const (
	DefaultRunning = 32      // turns that run at once
	DefaultTurns   = 100_000 // turns that are before the machine and not over

	// DefaultForgetAfter is Config.ForgetAfter: longer than people stay away from what they
	// are at, and short enough that what is known of those who never come back stays small.
	DefaultForgetAfter = 24 * programs.Hour
)

// Rates are speeds of the engine and of the ways between the tiers.
type Rates struct {
	Prefill   float64 // tokens a second, in a short context; 0 is 1000
	HostBytes float64 // bytes a second to and from host memory; 0 is 4e9
	DiskBytes float64 // bytes a second to and from disk; 0 is 5e8
}

func (c Config) validate() error {
	if err := c.Geometry.Validate(); err != nil {
		return fmt.Errorf("core config: %w", err)
	}
	switch {
	case c.MaxContext < 2:
		return errors.New("core config: MaxContext must be at least 2 tokens")
	case c.StepTokens < 1:
		return errors.New("core config: StepTokens must be at least 1")
	case c.Tile < 0:
		return errors.New("core config: Tile must not be negative")
	case c.MaxRunning < 1 || programs.Tokens(c.MaxRunning) > c.StepTokens:
		return fmt.Errorf("core config: MaxRunning is %d; it must be from 1 to StepTokens (%d)", c.MaxRunning, c.StepTokens)
	case c.MaxWaiting < 0 || c.ForgetAfter < 0 || c.Host < 0 || c.Disk < 0:
		return errors.New("core config: MaxWaiting, ForgetAfter, Host and Disk must not be negative")
	case c.Disk > 0 && c.Host == 0:
		return errors.New("core config: a disk tier needs a host tier, which its cells pass through")
	case c.Guard.Bound != [programs.Classes]programs.Duration{} && !(c.Guard.Slow > 0 && c.Guard.Late > 0 && c.Guard.Room >= 0 && c.Guard.Full >= 0 && c.Guard.Small >= 0 && c.Guard.Margin >= 0 && c.Guard.Margin < 1):
		return fmt.Errorf("core config: Guard promises bounds with %+v: Slow and Late are above 0, the others at least 0, and Margin is below 1", c.Guard)
	case slices.Min(c.Guard.Bound[:]) < 0:
		return fmt.Errorf("core config: Guard promises bounds of %v; none is below 0", c.Guard.Bound)
	case !(min(c.Steps.Share, c.Steps.PiledUp, c.Steps.Many, c.Steps.Crowd, c.Steps.Hides) >= 0):
		return errors.New("core config: Steps has an amount below 0")
	case !(c.Rates.Prefill >= 0) || !(c.Rates.HostBytes >= 0) || !(c.Rates.DiskBytes >= 0):
		return errors.New("core config: Rates must not be negative")
	}
	return nil
}

// prompts is which prompts go first.
func (c Config) prompts() sched.Prompts {
	switch {
	case c.FixedSteps:
		return sched.Prompts{}
	case c.Prompts == sched.Prompts{}:
		return sched.DefaultPrompts
	}
	return c.Prompts
}

// tile is that of steps.
func (c Config) tile() programs.Tokens {
	if c.Steps.Untiled {
		return 1
	}
	return c.Tile
}

// limit is the longest context, generated tokens included, that a program can
// have when it has the pool to itself.
func (c Config) limit() programs.Tokens {
	return min(c.MaxContext, c.Geometry.PoolCells())
}
