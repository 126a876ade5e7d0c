// Package fidelity holds a simulation against the run that it simulates.
//
//	node ──Observe──▶ Recorder ──▶ Recording ──Programs──▶ sim.Run ──▶ Times ─┐
//	                                   │                                      ├─▶ Report
//	client ──replay.Outcome────────────┼──▶ Times ────────────────────────────┘
//	                                   └──Steps──▶ StepErrors, by kind of step
//
// What is taken from the real run is what agents ask for: the tokens of each turn, how
// much of its context it has in common with the one before, and the times of tools.
// Nothing of how it was served is: neither an order nor a time. The engine's model is
// fitted to steps that were measured apart from the runs.
package fidelity
