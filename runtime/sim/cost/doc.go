// Package cost is the simulator's engine: how long a step takes, how long a move
// between memory tiers takes, and how soon any schedule at all could be done.
//
//	ByName ──▶ ┌────────┐ ──Step, Prefill, Decode──▶ engine time
//	           │ Engine │ ──Transfer───────────────▶ link time
//	Fit ─────▶ └────────┘ ──LowerBound─────────────▶ mean completion time
//
// # What a step costs
//
// A step runs one or more tokens of each of its items. Its time follows from four
// counts over the items, each of which has From cells already and runs Count
// tokens:
//
//	items   the items
//	tokens  Σ Count
//	pairs   Σ From·Count + Count²/2   a token with a cell that it attends to
//	cells   Σ From + Count            keys and values that are read
//
//	compute = (tokens·TokenFlops + pairs·AttnFlops) / Flops
//	memory  = (WeightBytes + cells·KVBytes) / Bandwidth
//
//	step    = max(compute, memory) + Overhead + items·ItemOverhead   with Overlap
//	step    =     compute + memory + Overhead + items·ItemOverhead   without
//
// A graphics processor overlaps its arithmetic with its memory traffic: the
// slower of the two decides, and weights are read once however many tokens share
// them. A few processor cores do not: their step is a sum, and linear in the four
// counts, so that [Fit] finds an engine's parameters from measured steps by least
// squares. One formula has both, with Overlap to choose.
//
// More work in a step never takes less time, and splitting a step never
// saves any. Both follow from the formula, as no parameter is negative, and
// [LowerBound] rests on them.
//
// The model is deterministic and has no state. It leaves out that small matrices
// use an engine less well than large ones, except for what ItemOverhead takes in.
package cost
