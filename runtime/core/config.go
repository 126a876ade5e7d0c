package core

import (
	"errors"
	"fmt"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
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

	// MaxRunning is the most turns that run at once, at most StepTokens, so that
	// every decode has its place in every step.
	MaxRunning int

	// MaxWaiting is the most turns that wait; one more is rejected as
	// Overloaded. 0 is no limit.
	MaxWaiting int

	// ForgetAfter is how long a program may stay without a turn before it is
	// taken to have ended. 0 is for ever.
	ForgetAfter programs.Duration

	// Policy orders the programs; nil is sched.FCFS.
	Policy sched.Policy
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
	case c.MaxRunning < 1 || programs.Tokens(c.MaxRunning) > c.StepTokens:
		return fmt.Errorf("core config: MaxRunning is %d; it must be from 1 to StepTokens (%d)", c.MaxRunning, c.StepTokens)
	case c.MaxWaiting < 0 || c.ForgetAfter < 0:
		return errors.New("core config: MaxWaiting and ForgetAfter must not be negative")
	}
	return nil
}

// limit is the longest context, generated tokens included, that a program can
// have when it has the pool to itself.
func (c Config) limit() programs.Tokens {
	return min(c.MaxContext, c.Geometry.PoolCells())
}
