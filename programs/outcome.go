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

// Outcomes lists them.
var Outcomes = []Outcome{Stopped, Length, Cancelled, TimedOut, Failed}

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
	Overloaded                  // as many turns wait as may, or its first token cannot be promised in time
)

// Rejections lists them.
var Rejections = []Rejection{Empty, TooLong, TooLarge, Busy, Overloaded}

// String names the rejection in lower case, fit for a metric's label.
func (r Rejection) String() string {
	return name(r, []string{"empty", "too_long", "too_large", "busy", "overloaded"})
}

// Usage is what a turn cost, in tokens. Once its prompt is computed,
//
//	Reused + Restored + Moved + Prefilled = the tokens of the prompt
//
// whatever the outcome, unless the turn was preempted. For example, a turn of 610
// tokens finds 112 of them on the device, has 488 brought back from disk and runs the
// last 10.
//
//   - Cells that the turn takes over from another program, as a fork of its parent or
//     as one of many with the same system prompt, are Reused.
//   - Cells that came back from a lower tier before the turn was admitted, because it
//     was expected or because it waited, are on the device by then: they are Reused.
//     Where such a piece is still on its way at the admission, the turn waits for it,
//     and it is Restored.
//   - Cells that were to come back and could not be read are computed: they are Prefilled.
//   - Preemption takes nothing off. When the turn is admitted again, what comes back
//     counts in Restored again, and what is run again, tokens of the answer included,
//     in Prefilled again; what it finds on the device then counts nowhere, as it was
//     counted before. So the sum may be larger or smaller than the prompt.
//   - A turn that ends before its prompt is computed has a sum of at most the prompt.
type Usage struct {
	Reused    Tokens // of the prompt, found on the device when the turn was first admitted
	Restored  Tokens // brought back from lower tiers since then
	Moved     Tokens // of the prompt, taken from where they were computed behind another text
	Prefilled Tokens // run through the model before a token could be sampled
	Generated Tokens // sampled, the one that ended the turn included
}
