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
// its budget of tokens (Sarathi-Serve: Agrawal et al., OSDI 2024): short ones first,
// so that a tool's few lines do not wait for a newcomer's long context, then all in
// rank. With a Pacer the budget is one of time as well. Prompts that share a step with
// decodes get so much of it as the step takes in any case: on an engine whose decodes
// are bound by memory and whose prompts by arithmetic, that much is nearly free, and
// what is beyond it holds up everybody who decodes. While memory is plenty, a prompt that
// is late all the same goes before the others and fills the step.
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
