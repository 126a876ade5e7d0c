// Package toolpredict predicts how long the gap between two turns of an agent
// program will be: a tool call, or a person who reads and answers.
//
// A [Model] learns from finished gaps, and from those that were given up, one at a time,
// and gives for a gap that begins an [Estimate]: the distribution of its length, which then
// answers at any time into the gap how much longer it will be, and whether it will end.
//
//	m := toolpredict.New(toolpredict.Config{})
//	m.Observe(toolpredict.Call{Program: "p1", Tool: "git", Class: "clone"}, 12.5)
//	var e toolpredict.Estimate
//	m.Estimate(toolpredict.Call{Program: "p2", Tool: "git", Class: "clone"}, &e)
//	e.Residual(3) // how much longer, three seconds into the gap, if it ends
//	e.Never(3)    // the chance that it never does
//
// # What it learns
//
// Lengths are counted in logarithmic bins, eight to the decade, because no family of
// distributions fits them: tools take milliseconds or hours, and a single log-normal
// is worse on every recorded workload than a histogram of all that was seen. While
// there are few counts, though, one that is fitted to all lengths says more than they
// do, and it is where they start from. The counts are kept on several levels, from all
// calls to the calls of one program:
//
//	a log-normal → all tools → of the tenant → the tool → tool and class ┐
//	      (or people)                                             └→ the program
//
// Each level refines what the one above it says. How far it may is not a constant: a
// level mixes four forecasts (its counts shrunk a little or much towards the level
// above, its latest counts, and the level above alone) with weights that follow how
// probable each has found what came, and that can move on when what is best changes
// (Herbster and Warmuth, Tracking the Best Expert, 1998). So a level that adds
// nothing is soon passed over, and a tool that changes shows within some tens of
// calls.
//
// Of a call whose program was forgotten or ended meanwhile it is only known that it did not
// return until then. Such calls count among those that were watched for so long (Kaplan and
// Meier's estimator; see counts), so that lengths are not taken for shorter than they are, and
// what they leave over is the chance that a call never returns.
//
// A client that says how long a call will take is believed as far as its record goes:
// the ratios of what it said to what came are learnt in the same way, and the hinted
// distribution is mixed in with a weight of its own. There is a record for each tool of
// a tenant, and one of all that the tenant has said, from which new tools start.
//
// # Tenants
//
// Names are free, and a tenant may make up any number. When there are more nodes than are
// kept, the tenant that has most of them loses one. What tenants have in common, all calls
// and the fit to them, is not made by one of them alone while there are others (see commons).
//
// # From run to run
//
// [Model.Learnt] gives what a model has learnt as a plain value, and [Recall] makes a model that
// goes on from there. A value from outside is checked (Learnt.Check): one that no model can have
// learnt is refused, and not begun with. Programs end with a run, and with them what is known of
// each alone.
//
// # Invariants
//
//   - An Estimate is a proper distribution: Survival falls from 1 to the chance of
//     never, a Residual is finite and more than 0, whatever was observed.
//   - The same calls in the same order give the same estimates. There is no clock and
//     no chance in here, and no choice by the order of a map.
//   - Memory is bounded by Config; of whoever has most, what has not been learnt from for
//     longest goes first.
//   - Estimate changes nothing. It and Observe allocate nothing for what is known already.
//
// A Model has one owner and no locks.
package toolpredict
