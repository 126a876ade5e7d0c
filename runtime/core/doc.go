// Package core is the deterministic heart of the node: who is in memory, who
// runs, who waits, and what each step consists of. It composes programs/sched
// (the order), kvpin (the ledger and the price of a seat) and toolpredict (how long
// tools take) into one Machine.
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
//	            ◀───────────────── FinishTurn, PinProgram, TruncateSeq, RunStep  b[511,1023)
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
// FinishTurn, RejectTurn, PinProgram, DropCopy, ForgetProgram and InterruptStep may come
// meanwhile.
//
// A step holds a decode for every running turn that is past its prompt and chunks of
// prompts, as many as pay beside the decodes: what hides behind them, in whole tiles
// (Config.Tile); or all that fit, where little hides and prompts pile up. What hides is
// measured (speed.go); whose prompts go first says package sched.
//
// # Waits
//
// With Config.Guard a turn is promised its first token within a bound, by its Class, and
// sooner where its Deadline is near: see sched.Guard, which states when that is kept. What
// cannot be promised its bound waits for longer; with Guard.Shed it is rejected as
// Overloaded, with the time after which it may come again; so is a turn beyond
// Config.MaxWaiting others. Timing tells what was promised.
//
// Tenants share what they compete for by Config.Shares: time of steps, running slots,
// memory, promises (package sched) and the bytes of lower tiers (package kvpin). The places
// of turns that wait are shared by whoever takes turns in.
//
// # Between turns
//
// When a turn is over its tool runs, or a person reads. PinProgram says how long the
// program's seat is worth keeping, by how long toolpredict expects the call to take and
// what it would cost to have the cells again (package kvpin). What the seat is worth is
// worked out anew as the wait goes on: of all that are due a few in each Step, and always
// of the one whose memory goes next. ToolStarted says what was called, where it was
// not known with the turn; ToolProgress how much longer it takes; ContextRewritten that
// the context is about to be another. Any of them may be lost or come late: then the
// estimate is a worse one, and nothing else is wrong.
//
// # Memory
//
// Programs keep their cells between turns until others need the memory. Whose is taken
// is the policy's word (package sched): with the working set from programs outside it,
// then from those whose seats are worth least, then from waiting turns, tail first; and
// from running ones, which thereby wait again, last. The first in rank is never
// preempted, and a turn that could not have the pool to itself is rejected at once, so
// every turn finishes.
//
// # What programs begin with
//
// A program that names a parent takes over the parent's cells, as far as both contexts
// are the same; so do all others that name it, from the parent or from each other, whoever
// has most, and so do all that name the same opening, such as a system prompt (family.go).
// What they have in common is held once, as long as any of them holds it; less than a span
// of it is copied. Newcomers wait until the first of them has computed it (behind.go).
//
// # Tiers
//
// Where there is a host tier, what a turn has added to a context is copied there when
// the turn is over, and from there to disk; so memory on the device is free to be taken
// at any moment, without a wait. A turn that is admitted with fewer cells than there are
// copies of is Restoring until they are back. MoveCells asks for a copy in either
// direction; MoveDone says that it was made, or failed: a copy that cannot be read is
// dropped, and its cells are computed again; one that cannot be made is not tried again
// before the next turn is over. Moves go on beside steps, one of a program at a time; the
// sequence that one reads or fills is not truncated meanwhile.
//
// # Ahead of the turn
//
// Cells come back before their turn is admitted, too (ahead.go):
//
//	what                    for whom                     when
//	disk ──▶ host           a turn waits                 at once
//	disk ──▶ host ──▶ device  an idle program            a reload before its predicted return,
//	                                                     and into memory that is free in any case
//
// There is a lane from each lower tier to the one above it, a heap of programs by when
// they are due. It goes on in pieces of some 50 ms, one at a time, so that a restore
// hardly waits for one, and brings no more than one context for each gap, so that a
// prediction which fails costs at most that. What is only predicted goes on while no turn
// waits, nobody else is on the way, and for programs inside the working set alone. A piece
// makes room at the cost of one idle program whose cells are worth clearly less meanwhile.
// A turn that is admitted while a piece of its program is on the way joins it: it is
// Restoring, and what else there is below follows the piece.
//
// NextDeadline is when the first program of a lane is due, if nothing happens before.
//
// # Prompts that are not at hand
//
// A shell may have more turns waiting than prompts in memory. It tells of a turn without
// its prompt (TurnArrived.Absent); FetchTurn asks for it when the turn is admitted, or is the
// next to be, and until TurnFetched the turn has no part in steps (fetch.go):
//
//	TurnArrived absent ──────────▶ waits
//	            ◀───────────────── OpenSeq, ReserveSeq, StartTurn, FetchTurn
//	TurnFetched ─────────────────▶
//	            ◀───────────────── RunStep
//
// # What is learnt
//
// The time of a prefilled token, by how much context is before it, of decodes, and of
// moves, from every step and move as it comes (speed.go): a changed engine or load
// shows within some tens of steps. How long tools take (package toolpredict). How much work
// programs have, by what they begin with (remaining.go), and how far a tenant's words of it can
// be trusted (words.go).
//
// Machine.Learnt gives all of that as a plain value, and Config.Learnt has another machine begin
// with it: it decides as the first would have once its programs had ended, but for what a policy
// keeps for itself, such as the working set's mean growth of contexts, which is learnt anew.
// Learnt.Check refuses what no machine can have learnt, wherever it comes from.
//
// # What is forgotten
//
// A program that has had no turn for Config.ForgetAfter is taken to have ended (ForgetProgram),
// and its last wait counts as one that took as long at least. With that set, a machine does not
// grow by how many programs, tenants, tools and openings there have been: what is learnt by
// their names is kept of so many, those that came up last.
//
// # What a turn cost and missed
//
// FinishTurn says where the cells of a turn's prompt came from (programs.Usage), and why
// what earlier turns had left was not found (programs.Missed, miss.go).
//
// # Explanations
//
// What a turn waits for, what a seat is worth, why memory is taken from whom: the machine
// answers such questions between two Steps (look.go), and decides nothing by the answers.
// Package runtime/explain asks them of a log's machine.
//
// # Concurrency
//
// A Machine has one owner. The effects of a Step are valid until the next.
package core
