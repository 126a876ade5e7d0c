// Package core is the deterministic heart of the node: who is in memory, who
// runs, who waits, and what each step consists of. It composes programs/sched
// (the order) and kvpin (the ledger) into one Machine.
//
//	event, now ──▶ Machine.Step ──▶ effects
//
// The machine has no goroutine, no clock and no I/O, and never sees a token: it
// counts them. The same events at the same times give the same effects, in the
// node as in the simulator.
//
// # A turn's way through the machine
//
//	shell                          machine
//	TurnArrived ─────────────────▶ waits (or RejectTurn)
//	            ◀───────────────── OpenSeq | ForkSeq | TruncateSeq, ReserveSeq, StartTurn
//	            ◀───────────────── RunStep  a[0,512)
//	StepDone    ─────────────────▶
//	            ◀───────────────── RunStep  a[512,700)*          the prompt is complete: sample
//	StepDone    ─────────────────▶
//	            ◀───────────────── RunStep  a[700,701)* b[0,511) the sampled token is run, to sample the next
//	   …
//	StepDone    ─────────────────▶
//	            ◀───────────────── FinishTurn, TruncateSeq, RunStep  b[511,1023)
//
// # Tokens and cells
//
// A turn's context is its prompt and, behind it, the tokens sampled so far. A
// token is sampled at the end of the context, and becomes part of it then; it
// gets its cell when the next step runs it. So the cells always hold the first
// tokens of the context, and never the last sampled one:
//
//	prompt p, generated g:   tokens known  p + g
//	                         cells         p + g − 1, after a turn that Stopped or reached its Length
//	                                       fewer, if it was cut short or cells were evicted since
//
// That is why the shell may report in TurnArrived.Keep whatever the new prompt
// has in common with the tokens it knows: the machine takes the smaller of that
// and its cells, and always runs at least the prompt's last token, whose logits
// it needs.
//
// Capacity grows in quanta ahead of the cells, max(256, cells/8), and what is
// left of it is given back when the turn finishes.
//
// # Steps
//
// At most one step is under way. RunStep is the last effect of its Step; until
// StepDone the machine gives no sequence effects, no StartTurn or SuspendTurn
// and no second RunStep, so the shell may run the engine with its hands off.
// FinishTurn, RejectTurn, ForgetProgram and InterruptStep may come meanwhile.
//
// A step holds a decode for every running turn that is past its prompt and,
// with what is left of the token budget, chunks of prompts, first come first
// served.
//
// # Memory
//
// Programs keep their cells between turns until others need the memory. It is
// then taken tail first, from idle programs, then from waiting turns, then from
// running ones, which thereby wait again; within each, from those that the
// policy ranks last. The first in rank is never preempted, and a turn that could
// not have the pool to itself is rejected at once, so every turn finishes.
//
// # Concurrency
//
// A Machine has one owner. The effects of a Step are valid until the next.
package core
