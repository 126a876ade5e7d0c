// Package sim runs the scheduler that serves (package core) under virtual time, on a
// model of an engine (package cost), with agent programs that are recorded or drawn
// from recordings' statistics (package workload).
//
//	workload ──▶ ┌────────────┐ ──event──▶ ┌──────┐
//	             │ simulation │            │ core │
//	cost     ──▶ └────────────┘ ◀──effect─ └──────┘
//
// Run is one simulation: programs, when they arrive, an engine, a policy. Study
// compares policies, each under several loads and with several seeds, and gives a
// Report.
//
// # What is simulated
//
// A step takes what the cost model says of its items. A program's next turn comes its
// gap after the end of the one before, or when the subagents that it waits for have
// ended. Moves between memory tiers go one after the other on a link for each lower
// tier, beside the steps, those ahead of a turn among them. Programs that share a prefix
// fork it from one another, as long as any of them has it. What is left out, unless
// Config.Shell has it: the time that the scheduler itself takes, what a move takes of the
// engine's time, the network, and the jitter of a real engine.
//
// # Held against the real engine
//
// With a Shell that was measured the simulation is that of a node, and `interlude bench
// fidelity` holds it against one: step by step the same batches, where the engine's model
// is right about the times between.
//
// A World says what else is around the scheduler: a node's limit of turns that run, a line
// of turns that it does not see yet, clients that never say that a program is over, and
// those that tell how many turns are left.
//
// # Honest comparisons
//
// All arms of a study get the same programs at the same times, and ratios are paired by
// seed. A rival runs in four ways, and figures name which:
//
//	NAME             as published: its own order and retention, steps filled with prompt
//	NAME/chunk-256   the same in steps of another size, of which the best counts
//	NAME/our-steps   with our steps: paced, short prompts first, late ones hurried
//	NAME/everything  with all of ours but the set, the prediction and the bound on waits
//
// What is left with our steps on both sides is who is in memory and in which order: that
// figure comes first. The best rival is chosen with hindsight, in each workload and load by
// itself; one rival for all workloads of a Survey is what somebody who has to choose could
// have. Cells come back ahead of their turns in ours and with everything alone.
//
// Arms that are told the future are ours with foresight, no bound: they share what is weak
// in ours. Ours in an endless pool is what memory can cost at most. No schedule whatever
// with the same steps stays below the bound (cost.LowerBound).
//
// Load 1 is the working set's own throughput, and rivals may be past theirs below it:
// ratios then grow with the length of a run. The load that an arm sustains (table D) does
// not.
//
// # Where constants were tuned
//
// Rule says of each where its value comes from: simulations on a100-8b, on all programs of
// five workloads, under the cost model max or, of later ones, serial; or a reason. workload.Set.Split keeps half of
// the programs from whoever tunes anew, where no recordings are left that nobody has
// looked at.
//
// # Determinism
//
// Time is counted in nanoseconds, everything random follows from seeds, and ties have a
// total order: the same Study gives the same Report, byte by byte, on any number of
// processors. Between architectures the last bits of a float may differ, as some compute
// a product and a sum in one rounding. Result.Digest is a fingerprint of the decisions.
package sim
