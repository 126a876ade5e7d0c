package programs

// Outcome tells how a turn that was taken in came to its end.
type Outcome uint8

// The outcomes of a turn.
const (
	Stopped   Outcome = iota // the model ended it, or a stop string did
	Length                   // it has as many tokens as were asked for, or as fit
	Cancelled                // whoever asked for it no longer wants it
	TimedOut                 // its deadline passed
	Failed                   // the engine could not go on with it
)

// String names the outcome in lower case, fit for a metric's label.
func (o Outcome) String() string {
	return name(o, []string{"stopped", "length", "cancelled", "timed_out", "failed"})
}

// Rejection tells why a turn was not taken in.
type Rejection uint8

// The reasons to reject a turn.
const (
	Empty      Rejection = iota // its context has no token
	TooLong                     // context and one more token exceed the model's context
	TooLarge                    // context and one more token exceed the whole KV pool
	Busy                        // a turn of the same program waits or runs
	Overloaded                  // as many turns wait as may
)

// String names the rejection in lower case, fit for a metric's label.
func (r Rejection) String() string {
	return name(r, []string{"empty", "too_long", "too_large", "busy", "overloaded"})
}

// Usage is what a turn cost, in tokens. Reused and Prefilled add up to the
// prompt unless the turn was preempted; what is run again after that counts in
// Prefilled again.
type Usage struct {
	Reused    Tokens // of the prompt, found in the cache when the turn was first admitted
	Prefilled Tokens // run through the model before a token could be sampled
	Generated Tokens // sampled, the one that ended the turn included
}
