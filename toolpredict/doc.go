// Package toolpredict predicts how long the gap between two turns of an agent
// program will be: a tool call, or a person who reads and answers.
//
// A [Model] learns from finished gaps, one at a time, and gives for a gap that
// begins an [Estimate]: the distribution of its length, which then answers at any
// time into the gap how much longer it will be.
//
//	m := toolpredict.New(toolpredict.Config{})
//	m.Observe(toolpredict.Call{Program: "p1", Tool: "git", Class: "clone"}, 12.5)
//	var e toolpredict.Estimate
//	m.Estimate(toolpredict.Call{Program: "p2", Tool: "git", Class: "clone"}, &e)
//	e.Residual(3) // how much longer, three seconds into the gap
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
// A client that says how long a call will take is believed as far as its record goes:
// the ratios of what it said to what came are learnt in the same way, and the hinted
// distribution is mixed in with a weight of its own.
//
// # Invariants
//
//   - An Estimate is a proper distribution: Survival falls from 1 to 0, a Residual is
//     finite and more than 0, whatever was observed.
//   - The same calls in the same order give the same estimates. There is no clock and
//     no chance in here, and no choice by the order of a map.
//   - Memory is bounded by Config; what has not been used for longest goes first.
//   - Estimate and Observe allocate nothing for what is known already.
//
// A Model has one owner and no locks.
package toolpredict
