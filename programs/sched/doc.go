// Package sched decides who runs: which waiting turn is admitted to memory, what
// the next step consists of, and who gives way when memory runs out.
//
//	        Wait                 Plan: admitted
//	─────────────▶ waiting ─────────────────────▶ running ──▶ Leave
//	                  ▲                              │
//	                  └──────────────────────────────┘
//	                         Plan: preempted
//
// The Scheduler holds the running turns and composes steps. A Policy, of which
// there is one, answers its questions about all others:
//
//	Next      who is admitted next, if anybody may be
//	Victim    whose memory is taken for that
//	Lapse     whose hold on memory is over
//	Blocked   who lets go of memory because the next finds none
//	Rank      where among the running an admitted turn has its place
//
// and says, by a program's Retention, whether the memory of one that does not run
// is lent, held or given up. The Scheduler checks the answers. Policies are in a file
// each, with their source; a reader finds them all in Policies. WorkingSet is the
// default.
//
// # Adding a policy
//
//  1. Write a type in a file of its own, here or in another package, with its source
//     and with what the name does not do of that. It embeds Queues (NewQueues) when
//     programs wait in one order and lose memory in another.
//  2. What it notes of a program is a State, see StateOf; with Queues, it embeds a Place.
//  3. Put sets p.Retention, by the rules written there, before it calls Queues.Put. Holds
//     end in Lapse, as their time is up, and in Blocked, as somebody needs the memory.
//  4. It is an Explainer, a Preempter, a Sharer or an Insider where what Queues do is not it.
//  5. Add a line to Policies, or give it to core.Config, and put questions to it in
//     policy_test.go, worked by hand. Tests that walk Policies do the rest.
//
// # What holds under every policy
//
//   - Running turns come before waiting ones: memory goes first to turns that run and
//     need to grow, and nobody is admitted in a plan that had to preempt. Who is
//     preempted is the last in rank; the first is never. Under a Preempter the last in
//     rank may have to give way to a waiting turn, too.
//   - Waiting turns are admitted in the policy's order: when the first does not fit, the
//     others wait behind it.
//   - When nothing runs, the first that waits is admitted whatever is held: a hold ends
//     rather than everything. So every turn is served.
//   - Decodes are never left out of a step for a prompt.
//   - With a Guard, turns are promised their first token within a bound for their class,
//     or by a deadline of their own, as far as their tenant asks for no more than its part.
//     A turn is hurried when it is time: then it goes before all of the above, and what
//     runs and is not hurried gives way to it.
//
// # Steps
//
// A step has one token of every turn that decodes, and prompts with what is left of
// its budget of Limits.StepTokens (Sarathi-Serve: Agrawal et al., OSDI 2024). Of the prompts
//
//  1. hurried ones go first, in the order of their promises, and those of background turns
//     last;
//  2. then those of the tenant that has been served least;
//  3. then short ones (Prompts.Short), so that a tool's few lines do not wait for a newcomer's
//     long context;
//  4. then the one with the shortest rest, where each grows shorter as its turn waits
//     (Prompts.Aging); without aging, the first in rank.
//
// With a Pacer the budget is one of time as well. Prompts that share a step with
// decodes get so much of it as the step takes in any case: on an engine whose decodes
// are bound by memory and whose prompts by arithmetic, that much is nearly free, and
// what is beyond it holds up everybody who decodes. Where little of it is free, the Pacer
// fills the step instead. A step that is not full has whole tiles of tokens (Limits.Tile),
// since an engine whose products work on tiles takes as long for a part of one. While memory
// is plenty, a prompt that is late all the same goes before the others and fills the step, and
// a hurried one always does.
//
// While the prompts that run are more than Prompts.Pipe, no cold turn is admitted.
//
// # Tenants
//
// What tenants compete for is divided by weight (Share), and who asks for more than its part
// makes its own turns wait:
//
//	time of steps    of prompts, those of the tenant go first that has been served least (account.go)
//	running slots    of the turns inside, one of the tenant goes first that runs fewest (share.go)
//	memory           each tenant has a working set of its own, in its part of the pool (share.go)
//	promises         a turn is promised its first token by its tenant's part of the engine (guard.go)
//
// Slots and memory are the policy's to divide, if it is a Sharer. Outside this package, the
// bytes of lower tiers are divided in the same way (package kvpin), and the places of turns
// that wait where turns are taken in (package runtime/turns).
//
// # Memory
//
// The scheduler owns none. It asks for it through Memory, which whoever owns the
// memory implements.
//
// # Concurrency
//
// A Scheduler and its Policy have one owner.
package sched
