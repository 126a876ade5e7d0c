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
// # Honest comparisons
//
// All arms of a study get the same programs at the same times, and ratios are paired by
// seed. A baseline runs as published: with its own order, its own retention, and steps
// filled with prompt up to their budget of tokens. What of our own comes from pacing
// prompts shows in the ablations, which give others our steps, or take them from us.
// Cells come back ahead of their turns in ours alone, and interlude/no-prefetch is ours
// without.
// The clairvoyant arms are told what no policy can know, and no schedule whatever stays
// below the bound (cost.LowerBound).
//
// # Determinism
//
// Time is counted in nanoseconds, everything random follows from seeds, and ties have a
// total order: the same Study gives the same Report, byte by byte, on any number of
// processors. Between architectures the last bits of a float may differ, as some compute
// a product and a sum in one rounding. Result.Digest is a fingerprint of the decisions.
package sim
