// Package explain tells from an event log why the scheduler did what it did: what each
// turn waited for, why each program's cache was kept, moved, or taken, and for whom.
//
//	report, err := explain.Read(log, "")             // a table of all programs
//	report, err := explain.Read(log, "fix-issue-17") // and the story of one
//
// It replays the log and asks the machine itself, at the moment when it matters: what a
// turn waits for after every event (core.Machine.Waits), why a program is the victim
// just before its memory is taken (core.Machine.Witness). Nothing is inferred from what
// came of it, and a log that is decided otherwise now is not explained.
//
// # Time that is waited
//
// The time from a turn's arrival to its first token belongs to what the turn waited for
// after the last event, or to its own prompt, if it waited for nothing. A turn that was
// preempted waits again.
//
// # Tokens that were lost
//
// Evicted are cells of a context that were taken for others; recomputed are those that
// were prefilled though the program had them before. A context that its client rewrites
// loses cells to nobody. Missed are tokens that earlier turns had left and a turn did not
// find, as its result says them: see programs.Missed.
//
// # Words
//
// Everything the core decides has a sentence (words.go): each sched.Reason and sched.Ground,
// each programs.Outcome, Rejection and Miss. Beside it stands the label that metrics have.
package explain
