// Package turns is the NATS side of a node: it takes turns in, hands them to
// whoever runs them, and stores their results.
//
//	server, err := turns.New(ctx, conn, turns.Config{})
//	go server.Run(ctx, runner)      // runner.Take is given every turn
//	…
//	server.Shutdown(ctx)            // no new turns; waits for those that run
//
// A runner gets a Job and keeps it for as long as it likes. Once it runs the turn it says
// Start, reads what the turn says, streams the answer's text and ends with Finish, or with
// HandBack when it cannot:
//
//	func (r runner) Take(ctx context.Context, job *turns.Job) { r.queue(job) } // returns at once
//
//	job.Start()
//	turn, err := job.Turn(ctx)
//	…
//	job.Stream(wire.Chunk{Text: "Hel"})
//	…
//	job.Finish(ctx, wire.Result{Outcome: wire.Completed, Text: "Hello"})
//
// # What is promised
//
//   - Durable: a client is told Accepted after the turn is stored.
//   - Exactly one Result: the first that is stored stands, whether it comes from
//     this node, from another one that ran the turn too, or from a cancellation.
//   - Once: the same turn sent again is answered like the first time and not run
//     again; sent with other content it is refused.
//   - In order: a turn is handed over after the turn before it has its Result, and
//     after that turn's runner has ended it, if it was here.
//   - Bounded: a turn that would wait behind Config.MaxQueued others is refused and
//     told when to come again: about when one of them has its place, see Config.Pace; and
//     a turn of a tenant that has most of these places sooner than others, see backlog.go.
//
// A turn may be run more than once: when a node dies, when it is out of reach for
// longer than Config.AckWait, or when a runner hands it back. It still has one
// Result.
//
// # Heads
//
// A turn in hand is a head: its name, its times, and how to speak to JetStream of it; a few
// hundred bytes, and no goroutine. So a node takes all turns that are accepted, up to
// Config.MaxJobs, and its scheduler sees them all, whatever JetStream's order. What the turn
// says comes with it, stays while there is room in Config.BodyBytes, and is read from JetStream
// again when it is wanted after that. A turn that follows one which is not over waits as a head
// too, and is looked at when that has its Result; half of MaxJobs may.
//
// JetStream is told four times in AckWait of each turn that was started. One that waits has a
// lease, which is renewed: of 4 ms for each turn in hand, at least AckWait and at most
// Config.WaitLease. A node that dies loses its running turns after AckWait, and those that
// wait after their lease.
//
// # How
//
//	client           node                          JetStream
//	  │── submit ──────▶ Intake: validate, order, bound
//	  │                 │── turn.…  if no other is there ─▶ INTERLUDE_TURNS
//	  │◀── Accepted ────│                                   │
//	  │                 ▼ held: leases, heartbeats ◀────────┘ one consumer for all nodes
//	  │                 │ wait for the turn before
//	  │◀── stream.… ────│ Runner
//	  │                 │── finish.…  if no other is there ─▶ INTERLUDE_RESULTS
//	  │◀── result.… ─────────────────────────────────────────┘ only what was stored
//
// The two fences "if no other is there" are JetStream's expected last sequence of
// a subject, 0. Proposals of results travel on finish.… and are stored as
// result.…, which JetStream publishes once they are stored: a result that came
// second is never seen. Every node listens there, and so learns that a turn it
// holds is over.
//
// # Signals
//
// What clients say between turns is not kept: every node hears it, and the one that has
// the program's context answers (Config.Signals). A node hears one at a time; those that
// come faster wait, up to a bound, and are dropped beyond it.
//
// # Counts
//
// How many tokens a turn's prompt would have, one node tells (Config.Counter), after the checks
// that a submitted turn passes. It counts one at a time, beside the intake, and keeps nothing.
//
// # Forks
//
// A turn may go on from any turn of its tenant that has a result (wire.Turn.From). Its history
// is then that one's; where that is not kept any longer it is refused, and where it has no
// result yet, it is to be sent again.
//
// # Limits
//
// One goroutine of each node does the intake, so that turns which one connection
// sends without waiting arrive in order. With several nodes, each knows what the
// others took in within a second: together they may exceed MaxQueued by that. What one of
// them has taken is not the others', though they be idle: JetStream hands turns out in turn
// to those that have room, so a smaller MaxJobs shares them better.
package turns
