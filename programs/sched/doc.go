// Package sched decides who runs: which waiting turn is admitted to memory,
// what the next step consists of, and who gives way when memory runs out.
//
//	        Wait                 Plan: admitted
//	─────────────▶ waiting ─────────────────────▶ running ──▶ Remove
//	                  ▲                              │
//	                  └──────────────────────────────┘
//	                         Plan: preempted
//
// A Policy gives the order; the Scheduler holds it. Two rules are the same under
// every policy. Running turns come before waiting ones: memory goes first to
// turns that run and need to grow, and nobody is admitted in a plan that had to
// preempt. And waiting turns are admitted strictly in order: when the first does
// not fit, the others wait behind it, so that nobody is passed over for ever.
//
// The scheduler owns no memory. It asks for it through Memory, which whoever
// owns the memory implements.
package sched
